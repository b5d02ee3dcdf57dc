/// Memory that kernels like: 64-byte aligned, allocated and freed by this library alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

namespace detail {
/// Gives 64-byte aligned memory and leaves new elements uninitialised.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    template <class U, class... Args>
    void construct(U* p, Args&&... args) {
        if constexpr (sizeof...(Args) == 0)
            ::new (static_cast<void*>(p)) U;
        else
            ::new (static_cast<void*>(p)) U(static_cast<Args&&>(args)...);
    }
    template <class U>
    bool operator==(const AlignedAllocator<U>&) const {
        return true;
    }
};
}  // namespace detail

/// Scratch memory of a cache: 64-byte aligned, grows when a larger shape arrives and never shrinks.
template <class T>
class Buffer {
public:
    /// Room for n elements with unspecified content; allocates only when n is larger than ever before.
    T* need(Index n) {
        if (static_cast<std::size_t>(n) > storage_.size()) storage_.resize(static_cast<std::size_t>(n));
        return storage_.data();
    }
    /// Room for n zeros.
    T* need_zeros(Index n) {
        T* p = need(n);
        std::fill(p, p + n, T(0));
        return p;
    }
    /// What `need` gave last.
    T* data() { return storage_.data(); }
    const T* data() const { return storage_.data(); }
    /// Elements that fit without new memory.
    Index capacity() const { return static_cast<Index>(storage_.size()); }

private:
    std::vector<T, detail::AlignedAllocator<T>> storage_;
};

DEEPREC_END
