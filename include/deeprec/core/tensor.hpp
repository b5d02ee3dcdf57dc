/// Tensors are Eigen's, row-major; layers read and write them through views that carry the mask of the time axis.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include <unsupported/Eigen/CXX11/Tensor>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Owning row-major tensor. A `[batch, time, features]` tensor is the `(batch*time) x features` matrix.
template <class T, int Rank>
using Tensor = Eigen::Tensor<T, Rank, Eigen::RowMajor>;

/// Which steps of a sequence count: `keep` points at [batch, time] bytes, 1 = keep; null = all of them.
struct Mask {
    const std::uint8_t* keep = nullptr;
    explicit operator bool() const { return keep != nullptr; }
};

namespace detail {
template <class T, int Rank>
using TensorMapOf = Eigen::TensorMap<
    std::conditional_t<std::is_const_v<T>, const Tensor<std::remove_const_t<T>, Rank>, Tensor<T, Rank>>>;
}

/// A non-owning tensor (an `Eigen::TensorMap`) with the mask of its time axis. `T` may be const.
/// Lives as long as the memory it looks at: the caller's tensor, or the cache that a layer wrote into.
template <class T, int Rank>
class View : public detail::TensorMapOf<T, Rank> {
public:
    using Base = detail::TensorMapOf<T, Rank>;
    using Element = T;
    using Extents = Eigen::array<Index, Rank>;
    static constexpr int rank = Rank;

    View(T* data, const Extents& extents, Mask m = {}) : Base(data, extents), mask(m) {}
    View(const View&) = default;
    View& operator=(const View&) = delete;  // Eigen's would copy elements, a reader would expect a new target

    /// The same memory, read-only.
    operator View<const T, Rank>() const requires(!std::is_const_v<T>) { return {this->data(), extents(), mask}; }

    Extents extents() const {
        Extents e;
        for (int axis = 0; axis < Rank; ++axis)
            e[static_cast<std::size_t>(axis)] = extent(axis);
        return e;
    }
    Index extent(int axis) const { return this->dimension(axis); }
    Index last() const { return extent(Rank - 1); }
    /// Product of all extents but the last: the rows of the tensor read as a matrix.
    Index rows() const {
        Index n = 1;
        for (int axis = 0; axis + 1 < Rank; ++axis) n *= extent(axis);
        return n;
    }
    Shape shape() const {
        Shape s;
        for (int axis = 0; axis < Rank; ++axis) s = appended(s, extent(axis));
        return s;
    }
    /// Samples `begin` to `end` (not included) of the batch axis, with their part of the mask.
    View slice(Index begin, Index end) const {
        Extents e = extents();
        const Index per_sample = e[0] ? this->size() / e[0] : 0;
        const Index steps = Rank > 1 ? e[Rank > 1 ? 1 : 0] : 1;
        e[0] = end - begin;
        return {this->data() + begin * per_sample, e, Mask{mask ? mask.keep + begin * steps : nullptr}};
    }

    Mask mask;

private:
    static Shape appended(const Shape& s, Index extent) {
        switch (s.rank()) {
            case 0: return {extent};
            case 1: return {s[0], extent};
            case 2: return {s[0], s[1], extent};
            default: return {s[0], s[1], s[2], extent};
        }
    }
};

/// Read-only view of a tensor, an `Eigen::TensorMap` or another view.
template <class T, int Rank>
View<const T, Rank> view(const View<T, Rank>& x) {
    return {x.data(), x.extents(), x.mask};
}
template <class T, int Rank>
View<const T, Rank> view(const View<const T, Rank>& x) {
    return x;
}
template <class T, int Rank>
View<const T, Rank> view(const Tensor<T, Rank>& x) {
    return {x.data(), x.dimensions()};
}
template <class Plain>
auto view(const Eigen::TensorMap<Plain>& x) {
    using T = typename Plain::Scalar;
    static_assert(static_cast<int>(Plain::Layout) == static_cast<int>(Eigen::RowMajor),
                  "deeprec: tensors are row-major; this Eigen::TensorMap is column-major");
    return View<const T, static_cast<int>(Plain::NumDimensions)>{x.data(), x.dimensions()};
}
/// Writable view of a tensor.
template <class T, int Rank>
View<T, Rank> writable(Tensor<T, Rank>& x) {
    return {x.data(), x.dimensions()};
}

/// The same sequence under a mask of [batch, time] bytes, 1 = keep, as Keras' `call(x, mask=mask)`.
/// Throws ShapeError unless the mask has the first two extents of x.
template <class X>
auto masked(const X& x, const Tensor<std::uint8_t, 2>& mask) {
    auto v = view(x);
    if (v.extent(0) != mask.dimension(0) || v.extent(1) != mask.dimension(1))
        throw ShapeError(message("masked: expected a mask of [", v.extent(0), ", ", v.extent(1), "], received [",
                                 mask.dimension(0), ", ", mask.dimension(1), "]"));
    v.mask = Mask{mask.data()};
    return v;
}

/// What `view(x)` makes of an argument: its rank and element type, for compile-time checks.
template <class X>
using ViewOf = decltype(view(std::declval<const X&>()));
template <class X>
inline constexpr int rank_of = ViewOf<X>::rank;
template <class X>
using ElementOf = std::remove_const_t<typename ViewOf<X>::Element>;

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
    T* data() { return storage_.data(); }
    const T* data() const { return storage_.data(); }
    Index capacity() const { return static_cast<Index>(storage_.size()); }

private:
    std::vector<T, detail::AlignedAllocator<T>> storage_;
};

DEEPREC_END
