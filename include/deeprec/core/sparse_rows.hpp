/// Gradient of a table of which one batch touches few rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/vector.hpp>

DEEPREC_BEGIN

/// Rows of a [rows, width] table that received a gradient. Adding, clearing and stepping cost the touched rows only.
/// Order is that of the first touch, so equal inputs give equal bits.
template <class T>
class SparseRows {
public:
    SparseRows() = default;
    SparseRows(Index rows, Index width) : width_(width), slot_(static_cast<std::size_t>(rows), -1) {}

    Index rows() const { return static_cast<Index>(slot_.size()); }
    Index width() const { return width_; }
    Index size() const { return rows() * width_; }
    /// Touched rows, in the order of their first touch.
    const std::vector<std::int32_t>& ids() const { return ids_; }
    /// Values of the i-th touched row.
    const T* values(std::size_t i) const { return values_.data() + static_cast<Index>(i) * width_; }
    T* values(std::size_t i) { return values_.data() + static_cast<Index>(i) * width_; }

    /// Values of row `id`, null if it was not touched.
    const T* find(Index id) const {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        return slot < 0 ? nullptr : values(static_cast<std::size_t>(slot));
    }
    /// The accumulator of row `id`, zero at its first touch. The caller checks the range of `id`.
    T* row(std::int32_t id) {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        if (slot >= 0) return values(static_cast<std::size_t>(slot));
        T* const fresh = append(id);
        std::fill_n(fresh, width_, T(0));
        return fresh;
    }
    /// Row `id` += value[0 .. width): a copy at its first touch. The caller checks the range of `id`.
    void add(std::int32_t id, const T* value) {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        if (slot < 0)
            kernels::copy<T>(value, append(id), width_);
        else
            kernels::add<T>(value, values(static_cast<std::size_t>(slot)), width_);
    }
    /// Adds all rows of `other`.
    void add(const SparseRows& other) {
        for (std::size_t i = 0; i < other.ids_.size(); ++i) add(other.ids_[i], other.values(i));
    }
    void setZero() {
        for (const std::int32_t id : ids_) slot_[static_cast<std::size_t>(id)] = -1;
        ids_.clear();
    }
    /// The same gradient as a full table.
    Tensor<T, 2> dense() const {
        Tensor<T, 2> table(rows(), width_);
        table.setZero();
        for (std::size_t i = 0; i < ids_.size(); ++i) std::copy_n(values(i), width_, &table(ids_[i], 0));
        return table;
    }

private:
    /// Memory for the values of a row that has none yet.
    T* append(std::int32_t id) {
        const std::size_t slot = ids_.size(), needed = (slot + 1) * static_cast<std::size_t>(width_);
        slot_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(slot);
        ids_.push_back(id);
        if (values_.size() < needed) values_.resize(std::max(needed, 2 * values_.size()));
        return values(slot);
    }

    Index width_ = 0;
    std::vector<std::int32_t> slot_;  // where a row's values are, -1 = untouched
    std::vector<std::int32_t> ids_;
    std::vector<T, detail::AlignedAllocator<T>> values_;
};

DEEPREC_END
