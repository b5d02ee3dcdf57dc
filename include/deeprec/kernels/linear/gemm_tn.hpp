/// The product of a transposed matrix, C += A^T B: gradients of weights. A and B are read in place as in gemm, neither
/// is packed beforehand.
///
/// How it works. The rows are cut into blocks of 256. Tiles of C (12 columns of A, 6 with 16 registers, by a panel of B
/// that is two registers wide) stay in registers while a loop over the block's rows adds the outer products. The first
/// tile of a panel copies the block's rows of it together on the way, under its multiplications; the others read these.
///
/// What holds. Each block is summed over increasing r from 0 in one chain and then added to C, so the rounding error
/// grows with 256 + rows / 256 and the bits depend on nothing but the operands. NaN and Inf go through as in plain
/// arithmetic. No pointer needs alignment. C overlaps neither A nor B. Nothing allocates.
#pragma once

#include <algorithm>

#include <deeprec/kernels/simd/rows.hpp>
#include <deeprec/kernels/simd/simd.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

template <class T, class Arch>
struct OuterTile {
    static constexpr Index width = 2 * lanes<T, Arch>;
    static constexpr Index height = registers<Arch> == 32 ? 12 : 6;
    static constexpr Index block = 256;  // rows
};

/// The rows [begin, end) of two matrices: of A, and of the columns of B from b_column on, of which the panel has a
/// copy.
template <class T>
struct OuterRows {
    const Rows<T>& a;
    const Rows<T>& b;
    Index b_column, begin, end;
    T* panel;
};

/// C[Height, Vectors * lanes] += the sum over the rows r of a[r, a_column...]^T b[r, b_column...]. With Fill the rows
/// of b are read from there and left in the panel.
template <Index Height, Index Vectors, bool Fill, class T, class Arch>
void outer_products(const OuterRows<T>& rows, Index a_column, T* c, Index ldc) {
    using V = Batch<T, Arch>;
    const Rows<T>&a = rows.a, &b = rows.b;
    const Index b_column = rows.b_column, end = rows.end;
    T* panel = rows.panel;
    constexpr Index step = lanes<T, Arch>, width = OuterTile<T, Arch>::width;
    Array<Array<V, Vectors>, Height> sum;
    DEEPREC_UNROLL
    for (Index i = 0; i < Height; ++i) {
        DEEPREC_UNROLL
        for (Index j = 0; j < Vectors; ++j) sum[i][j] = V(T(0));
    }
    for (Index r = rows.begin; r < end;) {
        const T* left = a.row(r) + a_column;
        const T* right = Fill ? b.row(r) + b_column : panel;
        Index run = std::min(end, a.batch_end(r));
        if constexpr (Fill) run = std::min(run, b.batch_end(r));
        for (; r < run; ++r, left += a.row_stride, right += Fill ? b.row_stride : width, panel += width) {
            Array<V, Vectors> y;
            DEEPREC_UNROLL
            for (Index j = 0; j < Vectors; ++j) y[j] = kernels::load<V>(right + j * step);
            DEEPREC_UNROLL
            for (Index i = 0; i < Height; ++i) {
                const V x(left[i]);
                DEEPREC_UNROLL
                for (Index j = 0; j < Vectors; ++j) sum[i][j] = kernels::fma(x, y[j], sum[i][j]);
            }
            if constexpr (Fill) {
                DEEPREC_UNROLL
                for (Index j = 0; j < Vectors; ++j) {
                    kernels::store(panel + j * step, y[j]);
                    prefetch_l2(right + width + j * step);  // for the next panel
                }
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

/// packed[end - begin, width] = B[begin..end, column..column + columns], padded with zeros.
template <class T, class Arch>
void pad_rows(const Rows<T>& b, Index begin, Index end, Index column, Index columns, T* packed) {
    constexpr Index width = OuterTile<T, Arch>::width;
    for (Index r = begin; r < end; ++r, packed += width)
        std::fill(std::copy_n(b.row(r) + column, columns, packed), packed + width, T(0));
}
}  // namespace detail

/// C[i, j] += sum_r A[r, i] B[r, j] for C [a.columns(), b.columns()]; the rows of B are in one segment each.
template <class T, class Arch = xsimd::default_arch>
void gemm_tn(const Rows<T>& a_rows, const Rows<T>& b_rows, T* c, Index ldc) {
    using Tile = detail::OuterTile<T, Arch>;
    const Rows<T> a = a_rows.simplified(), b = b_rows.simplified();
    const Index n = b.segment_length;
    alignas(64) Array<T, Tile::block * Tile::width> panel;

    for (Index begin = 0; begin < a.rows; begin += Tile::block)
        for (Index j = 0; j < n; j += Tile::width) {
            const Index end = std::min(begin + Tile::block, a.rows), columns = std::min(Tile::width, n - j);
            bool filled = columns < Tile::width;
            if (filled) detail::pad_rows<T, Arch>(b, begin, end, j, columns, panel);
            const detail::OuterRows<T> rows{a, b, j, begin, end, panel};
            const auto multiply = [&]<Index Height>(Index column, T* to) {
                const auto add_products = [&]<Index Vectors, bool Fill>(T* tile, Index stride) {
                    detail::outer_products<Height, Vectors, Fill, T, Arch>(rows, column, tile, stride);
                };
                if (!filled) {
                    add_products.template operator()<2, true>(to, ldc);
                    filled = true;
                } else if (columns == Tile::width) {
                    add_products.template operator()<2, false>(to, ldc);
                } else {
                    constexpr Index size = Height * Tile::width;
                    alignas(64) Array<T, size> tile = {};
                    if (columns <= lanes<T, Arch>)
                        add_products.template operator()<1, false>(tile, Tile::width);
                    else
                        add_products.template operator()<2, false>(tile, Tile::width);
                    for (Index i = 0; i < Height; ++i) add<T, Arch>(tile + i * Tile::width, to + i * ldc, columns);
                }
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
