/// The left operand of the matrix products: rows of numbers wherever they lie in memory.
#pragma once

#include <algorithm>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace kernels {

/// The left operand, read in place. Row r starts at data + (r / rows_per_batch) * batch_stride
/// + (r % rows_per_batch) * row_stride and has `segments` runs of `segment_length` numbers, `segment_stride` apart.
/// A Conv1D window of k steps over [B, T, F] has row_stride = strides * F and segments = 1, segment_length = k * F, or
/// with dilation d: segments = k, segment_length = F, segment_stride = d * F.
template <class T>
struct Rows {
    const T* data;
    Index rows;
    Index rows_per_batch;
    Index batch_stride;
    Index row_stride;
    Index segments;
    Index segment_length;
    Index segment_stride;

    Index columns() const { return segments * segment_length; }
    const T* row(Index r) const { return data + r / rows_per_batch * batch_stride + r % rows_per_batch * row_stride; }
    /// The row behind the last one of row r's batch.
    Index batch_end(Index r) const { return r - r % rows_per_batch + rows_per_batch; }
    void copy_row(Index r, T* to) const {
        for (Index s = 0; s < segments; ++s) to = std::copy_n(row(r) + s * segment_stride, segment_length, to);
    }
    /// The same rows as one batch, where they are evenly spaced.
    Rows simplified() const {
        Rows a = *this;
        if (rows_per_batch == 1) a.row_stride = batch_stride;
        if (rows_per_batch == 1 || batch_stride == rows_per_batch * row_stride)
            a.rows_per_batch = std::max<Index>(rows, 1);
        return a;
    }
};

/// A plain matrix, its rows `row_stride` apart.
template <class T>
Rows<T> matrix_rows(const T* data, Index rows, Index columns, Index row_stride) {
    return {data, rows, std::max<Index>(rows, 1), 0, row_stride, 1, columns, 0};
}

}  // namespace kernels
DEEPREC_END
