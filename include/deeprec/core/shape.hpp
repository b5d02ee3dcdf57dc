/// Sizes of one sample (no batch axis) or of a tensor, without heap storage.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <ostream>
#include <string>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Signed, as wide as a pointer, whatever Eigen's index is.
using Index = std::ptrdiff_t;

/// Up to four extents, for example `{50, 64}` for [time, features].
class Shape {
public:
    static constexpr int max_rank = 4;  ///< axes that a shape may have

    Shape() = default;
    /// Throws ShapeError for more than four extents or a negative one.
    Shape(std::initializer_list<Index> extents) {
        if (extents.size() > max_rank)
            throw ShapeError(message("Shape: at most ", max_rank, " extents, received ", extents.size()));
        for (const Index extent : extents) push_back(extent);
    }

    /// Adds an axis. Throws as the constructor.
    void push_back(Index extent) {
        if (rank_ == max_rank) throw ShapeError(message("Shape: at most ", max_rank, " extents, received one more"));
        if (extent < 0) throw ShapeError(message("Shape: extents are not negative, received ", extent));
        extents_[static_cast<std::size_t>(rank_++)] = extent;
    }
    /// Number of axes.
    int rank() const { return rank_; }
    Index operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
    Index& operator[](int axis) { return extents_[static_cast<std::size_t>(axis)]; }
    Index back() const { return (*this)[rank_ - 1]; }
    /// Product of the extents; 1 for the empty shape.
    Index size() const {
        Index n = 1;
        for (int axis = 0; axis < rank_; ++axis) n *= (*this)[axis];
        return n;
    }
    /// Whether an extent is 0; no product is made, so the extents may be any.
    bool empty() const { return std::find(extents_.begin(), extents_.begin() + rank_, 0) != extents_.begin() + rank_; }
    friend bool operator==(const Shape&, const Shape&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
        out << '[';
        for (int axis = 0; axis < shape.rank_; ++axis) out << (axis ? ", " : "") << shape[axis];
        return out << ']';
    }

private:
    std::array<Index, max_rank> extents_{};
    int rank_ = 0;
};

DEEPREC_END
