/// The product of a transposed matrix, C += A^T B: gradients of weights. A and B are read in place as in gemm, neither
/// is packed beforehand.
///
/// How it works. The rows are cut into blocks of 256. Per block a panel of B, two registers wide, is copied together,
/// and tiles of C (12 columns of A, 6 with 16 registers, by one panel) stay in registers while a loop over the block's
/// rows adds the outer products.
///
/// What holds. Each block is summed over increasing r from 0 in one chain and then added to C, so the rounding error
/// grows with 256 + rows / 256 and the bits depend on nothing but the operands. NaN and Inf go through as in plain
/// arithmetic. No pointer needs alignment. C overlaps neither A nor B. Nothing allocates.
#pragma once

#include <algorithm>

#include <deeprec/kernels/rows.hpp>
#include <deeprec/kernels/simd.hpp>
#include <deeprec/kernels/vector.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

template <class T, class Arch>
struct OuterTile {
    static constexpr Index width = 2 * lanes<T, Arch>;
    static constexpr Index height = registers<Arch> == 32 ? 12 : 6;
    static constexpr Index block = 256;  // rows
};

/// C[Height, Vectors * lanes] += the sum over rows r in [begin, end) of a[r, column...]^T b[r - begin, ...].
template <Index Height, Index Vectors, class T, class Arch>
void outer_products(const Rows<T>& a, Index begin, Index end, Index column, const T* b, T* c, Index ldc) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V sum[Height][Vectors];
    DEEPREC_UNROLL
    for (Index i = 0; i < Height; ++i) {
        DEEPREC_UNROLL
        for (Index j = 0; j < Vectors; ++j) sum[i][j] = V(T(0));
    }
    const T* batch = a.data + begin / a.rows_per_batch * a.batch_stride + column;
    for (Index r = begin, first = begin % a.rows_per_batch; r < end; first = 0, batch += a.batch_stride) {
        const T* row = batch + first * a.row_stride;
        const Index run = std::min(end, r + a.rows_per_batch - first);
        for (; r < run; ++r, row += a.row_stride, b += 2 * step) {
            V right[Vectors];
            DEEPREC_UNROLL
            for (Index j = 0; j < Vectors; ++j) right[j] = kernels::load<V>(b + j * step);
            DEEPREC_UNROLL
            for (Index i = 0; i < Height; ++i) {
                const V x(row[i]);
                DEEPREC_UNROLL
                for (Index j = 0; j < Vectors; ++j) sum[i][j] = kernels::fma(x, right[j], sum[i][j]);
            }
        }
    }
    DEEPREC_UNROLL
    for (Index i = 0; i < Height; ++i) {
        DEEPREC_UNROLL
        for (Index j = 0; j < Vectors; ++j) {
            T* const to = c + i * ldc + j * step;
            kernels::store(to, kernels::load<V>(to) + sum[i][j]);
        }
    }
}

/// packed[end - begin, width] = B[begin..end, column..column + columns], padded with zeros; asks for the columns
/// behind.
template <class T, class Arch>
void pack_rows(const Rows<T>& b, Index begin, Index end, Index column, Index columns, T* packed) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>, width = OuterTile<T, Arch>::width;
    for (Index r = begin; r < end;) {
        const T* row = b.row(r) + column;
        const Index run = std::min(end, r + b.rows_per_batch - r % b.rows_per_batch);
        for (; r < run; ++r, row += b.row_stride, packed += width) {
            if (columns == width) {
                kernels::store(packed, kernels::load<V>(row));
                kernels::store(packed + step, kernels::load<V>(row + step));
                prefetch(row + width);
                prefetch(row + width + step);
            } else {
                std::fill(std::copy_n(row, columns, packed), packed + width, T(0));
            }
        }
    }
}
}  // namespace detail

/// C[i, j] += sum_r A[r, i] B[r, j] for C [a.columns(), b.columns()]; the rows of B are in one segment each.
template <class T, class Arch = xsimd::default_arch>
void gemm_tn(const Rows<T>& a_rows, const Rows<T>& b_rows, T* c, Index ldc) {
    using Tile = detail::OuterTile<T, Arch>;
    const Rows<T> a = a_rows.simplified(), b = b_rows.simplified();
    const Index n = b.segment_length;
    alignas(64) T panel[Tile::block * Tile::width];

    for (Index begin = 0; begin < a.rows; begin += Tile::block)
        for (Index j = 0; j < n; j += Tile::width) {
            const Index end = std::min(begin + Tile::block, a.rows), columns = std::min(Tile::width, n - j);
            detail::pack_rows<T, Arch>(b, begin, end, j, columns, panel);
            const auto multiply = [&]<Index Height>(Index column, T* to) {
                if (columns == Tile::width) {
                    detail::outer_products<Height, 2, T, Arch>(a, begin, end, column, panel, to, ldc);
                    return Height;
                }
                alignas(64) T tile[Height * Tile::width] = {};
                if (columns <= lanes<T, Arch>)
                    detail::outer_products<Height, 1, T, Arch>(a, begin, end, column, panel, tile, Tile::width);
                else
                    detail::outer_products<Height, 2, T, Arch>(a, begin, end, column, panel, tile, Tile::width);
                for (Index i = 0; i < Height; ++i) add<T, Arch>(tile + i * Tile::width, to + i * ldc, columns);
                return Height;
            };
            for (Index s = 0; s < a.segments; ++s) {
                T* const to = c + s * a.segment_length * ldc + j;
                for (Index i = 0; i < a.segment_length;) {
                    const Index left = a.segment_length - i, column = s * a.segment_stride + i;
                    if (left >= Tile::height)
                        i += multiply.template operator()<Tile::height>(column, to + i * ldc);
                    else if (left >= 4)
                        i += multiply.template operator()<4>(column, to + i * ldc);
                    else
                        i += multiply.template operator()<1>(column, to + i * ldc);
                }
            }
        }
}
/// The same for B [a.rows, n], row-major with rows ldb apart.
template <class T, class Arch = xsimd::default_arch>
void gemm_tn(const Rows<T>& a, const T* b, Index ldb, Index n, T* c, Index ldc) {
    gemm_tn<T, Arch>(a, matrix_rows(b, a.rows, n, ldb), c, ldc);
}

}  // namespace kernels
DEEPREC_END
