/// The numbers of a column: its own, or those of a file that is mapped into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Numbers one after the other. Those of a mapped file are read where they are; the first change copies them.
template <class T>
class Values {
public:
    Values() = default;
    Values(std::vector<T> own) : own_(std::move(own)) {}
    /// Looks at `mapped` and keeps alive what it is a part of.
    Values(std::span<const T> mapped, std::shared_ptr<const void> keeper)
        : mapped_(mapped), keeper_(std::move(keeper)) {}

    Index size() const { return static_cast<Index>(all().size()); }
    bool empty() const { return size() == 0; }
    /// The i-th number, i below size().
    T operator[](Index i) const { return all()[static_cast<std::size_t>(i)]; }
    /// All numbers; valid until the next change.
    std::span<const T> all() const { return keeper_ ? mapped_ : std::span<const T>(own_); }
    /// The same to edit.
    std::vector<T>& own() {
        if (keeper_) {
            own_.assign(mapped_.begin(), mapped_.end());
            keeper_.reset();
        }
        return own_;
    }
    /// Appends a number.
    void push_back(T x) { own().push_back(x); }
    /// Whether they are those of a mapped file.
    bool mapped() const { return keeper_ != nullptr; }
    /// Memory of the numbers, mapped ones too.
    Index bytes() const { return size() * static_cast<Index>(sizeof(T)); }

private:
    std::vector<T> own_;
    std::span<const T> mapped_;
    std::shared_ptr<const void> keeper_;
};

DEEPREC_END
