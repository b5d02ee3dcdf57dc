/// Memory that kernels like: 64-byte aligned, allocated and freed by this library alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

namespace detail {
/// Asks the system to back memory of 8 MB and more by pages of 2 MB, where it is set to do so when asked ("madvise",
/// the default of most Linux distributions): tables are read row by row at random, and with pages of 4 KB each row is a
/// miss of the processor's table of pages too.
inline void prefer_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
    constexpr std::uintptr_t page = 2 << 20;
    if (bytes < 4 * page) return;
    const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
    const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a wish: what it returns does not matter
#endif
}

/// Gives 64-byte aligned memory and leaves new elements uninitialised.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) {
        void* const memory = ::operator new(n * sizeof(T), std::align_val_t(64));
        prefer_large_pages(memory, n * sizeof(T));
        return static_cast<T*>(memory);
    }
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
