/// A view whose rank is a run-time number: what layers are written on, compiled once for every rank.
#pragma once

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Memory with its extents, batch axis included, and the mask of its time axis. `T` may be const.
/// `View<T, Rank>` is the same with the rank in its type, which is what callers of layers see.
template <class T>
struct Block {
    using Sample = Shape;  ///< what a model that reads such blocks is built for

    T* data = nullptr;  ///< row-major
    Shape shape;        ///< [B, ...]
    Mask mask{};        ///< of the time axis; nothing: all steps count

    Block() = default;
    Block(T* values, const Shape& extents, Mask m = {}) : data(values), shape(extents), mask(m) {}
    template <int Rank>
    Block(const View<T, Rank>& x) : data(x.data()), shape(x.shape()), mask(x.mask) {}
    /// The same memory, read-only.
    operator Block<const T>() const requires(!std::is_const_v<T>) { return {data, shape, mask}; }

    /// B, the first extent.
    Index batch() const { return shape[0]; }
    /// T, the second extent.
    Index time() const { return shape[1]; }
    /// The last extent: features.
    Index last() const { return shape.back(); }
    Index size() const { return shape.size(); }
    /// Product of all extents but the last: the rows of the block read as a matrix.
    Index rows() const {
        Index n = 1;
        for (int axis = 0; axis + 1 < shape.rank(); ++axis) n *= shape[axis];
        return n;
    }
    /// The same rows with other numbers in each.
    Shape with_last(Index features) const {
        Shape s = shape;
        s[s.rank() - 1] = features;
        return s;
    }
    /// The same with the rank in its type, which must be that of the shape.
    template <int Rank>
    View<T, Rank> as() const {
        if constexpr (Rank == any_rank) {
            return {data, shape, mask};
        } else {
            typename View<T, Rank>::Extents extents;
            for (int axis = 0; axis < Rank; ++axis) extents[static_cast<std::size_t>(axis)] = shape[axis];
            return {data, extents, mask};
        }
    }
};
template <class T, int Rank>
Block(const View<T, Rank>&) -> Block<T>;

DEEPREC_END
