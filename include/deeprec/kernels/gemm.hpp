/// Packed matrix product C = act(A B + bias) for row-major matrices. B (the weights) is packed once into panels; A is
/// read in place, so the overlapping windows of a convolution need no copy.
///
/// How it works. A panel is two registers wide and holds its columns of B row after row. A tile of up to 12 (6 with 16
/// registers) rows of C stays in registers while one loop over k multiplies a column of A with a row of the panel.
/// Columns are cut into blocks whose part of B stays in the L2 cache, k into blocks whose part of A stays in L1.
///
/// What holds: each element of C is one chain of fused multiply-adds over increasing k, starting at 0 (or at C when
/// accumulating), plus the bias. So a row's bits do not depend on how many rows the call has. NaN and Inf in A or B
/// reach C as in plain arithmetic. No pointer needs alignment. C overlaps neither A nor B.
#pragma once

#include <algorithm>
#include <cstring>

#include <deeprec/kernels/activations.hpp>
#include <deeprec/kernels/simd.hpp>

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
};

/// A plain matrix, its rows `row_stride` apart.
template <class T>
Rows<T> matrix_rows(const T* data, Index rows, Index columns, Index row_stride) {
    return {data, rows, std::max<Index>(rows, 1), 0, row_stride, 1, columns, 0};
}

namespace detail {
template <class T, class Arch>
struct Tile {
    static constexpr Index lanes = kernels::lanes<T, Arch>;
    static constexpr Index width = 2 * lanes;                           // of a panel
    static constexpr Index rows = registers<Arch> == 32 ? 12 : 6;       // of the largest tile
    static constexpr Index k_block = 2048 / sizeof(T);                  // 12 rows of A: 24 KiB
    static constexpr Index b_block = 256 * 1024 / sizeof(T);            // numbers of B that stay in L2
};

/// C[Height, Panels * Vectors * lanes] (+)= A[Height, k] B[k, ...] (+ bias), all in registers.
template <Index Height, Index Vectors, Index Panels, class T, class Arch>
void multiply_tile(const T* a, Index row_stride, Index segments, Index segment_length, Index segment_stride,
                   const T* b, Index panel_stride, T* c, Index ldc, const T* bias, bool accumulate) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>, columns = Panels * Vectors;
    V sum[Height][columns];
    DEEPREC_UNROLL
    for (Index r = 0; r < Height; ++r) {
        DEEPREC_UNROLL
        for (Index j = 0; j < columns; ++j) sum[r][j] = accumulate ? kernels::load<V>(c + r * ldc + j * step) : V(T(0));
    }
    for (Index s = 0; s < segments; ++s) {
        const T* const segment = a + s * segment_stride;
        for (Index k = 0; k < segment_length; ++k) {
            V row[columns];
            DEEPREC_UNROLL
            for (Index j = 0; j < columns; ++j)
                row[j] = kernels::load<V>(b + j / Vectors * panel_stride + j % Vectors * step);
            b += Vectors * step;
            DEEPREC_UNROLL
            for (Index r = 0; r < Height; ++r) {
                const V x(segment[r * row_stride + k]);
                DEEPREC_UNROLL
                for (Index j = 0; j < columns; ++j) sum[r][j] = kernels::fma(x, row[j], sum[r][j]);
            }
        }
    }
    DEEPREC_UNROLL
    for (Index j = 0; j < columns; ++j) {
        const V add = bias ? kernels::load<V>(bias + j * step) : V(T(0));
        DEEPREC_UNROLL
        for (Index r = 0; r < Height; ++r) kernels::store(c + r * ldc + j * step, bias ? sum[r][j] + add : sum[r][j]);
    }
}

/// `Height` evenly spaced rows of A times the panels of n columns.
template <Index Height, class T, class Arch>
void multiply_rows(const T* a, Index row_stride, Index segments, Index segment_length, Index segment_stride,
                   const T* b, Index panel_stride, Index n, T* c, Index ldc, const T* bias, bool accumulate) {
    using Tile = detail::Tile<T, Arch>;
    // Few rows have too few independent chains to hide the latency of an FMA: take several panels at once.
    constexpr Index panels = Height == 1 ? 4 : Height == 2 ? 2 : 1;
    Index j = 0;
    const auto bias_at = [&] { return bias ? bias + j : nullptr; };
    for (; j + panels * Tile::width <= n; j += panels * Tile::width, b += panels * panel_stride)
        multiply_tile<Height, 2, panels, T, Arch>(a, row_stride, segments, segment_length, segment_stride, b,
                                                  panel_stride, c + j, ldc, bias_at(), accumulate);
    if constexpr (panels > 1)
        for (; j + Tile::width <= n; j += Tile::width, b += panel_stride)
            multiply_tile<Height, 2, 1, T, Arch>(a, row_stride, segments, segment_length, segment_stride, b, 0, c + j,
                                                 ldc, bias_at(), accumulate);
    if (j == n) return;
    const Index rest = n - j;  // the panel is padded with zeros; C is not, so it goes through a tile of our own
    alignas(64) T tile[Height * Tile::width] = {};
    alignas(64) T padded_bias[Tile::width] = {};
    if (accumulate)
        for (Index r = 0; r < Height; ++r) std::copy_n(c + r * ldc + j, rest, tile + r * Tile::width);
    if (bias) std::copy_n(bias + j, rest, padded_bias);
    if (rest <= Tile::lanes)
        multiply_tile<Height, 1, 1, T, Arch>(a, row_stride, segments, segment_length, segment_stride, b, 0, tile,
                                             Tile::width, bias ? padded_bias : nullptr, accumulate);
    else
        multiply_tile<Height, 2, 1, T, Arch>(a, row_stride, segments, segment_length, segment_stride, b, 0, tile,
                                             Tile::width, bias ? padded_bias : nullptr, accumulate);
    for (Index r = 0; r < Height; ++r) std::copy_n(tile + r * Tile::width, rest, c + r * ldc + j);
}
}  // namespace detail

/// Numbers in the packed form of a k x n matrix.
template <class T, class Arch = xsimd::default_arch>
Index packed_size(Index k, Index n) {
    constexpr Index step = lanes<T, Arch>;
    return k * ((n + step - 1) / step * step);
}

namespace detail {
template <class T, class Arch, class At>
void pack_panels(Index k, Index n, T* packed, const At& at) {
    constexpr Index width = Tile<T, Arch>::width, step = lanes<T, Arch>;
    for (Index j0 = 0; j0 < n; j0 += width) {
        const Index columns = n - j0 > step ? width : step;
        for (Index i = 0; i < k; ++i)
            for (Index j = j0; j < j0 + columns; ++j) *packed++ = j < n ? at(i, j) : T(0);
    }
}
}  // namespace detail

/// Packs B [k, n], row-major with rows ldb apart, into packed[packed_size(k, n)].
template <class T, class Arch = xsimd::default_arch>
void pack(const T* b, Index ldb, Index k, Index n, T* packed) {
    detail::pack_panels<T, Arch>(k, n, packed, [=](Index i, Index j) { return b[i * ldb + j]; });
}

/// Packs the transpose of b [n, k], row-major with rows ldb apart: the operand B [k, n].
template <class T, class Arch = xsimd::default_arch>
void pack_transposed(const T* b, Index ldb, Index k, Index n, T* packed) {
    detail::pack_panels<T, Arch>(k, n, packed, [=](Index i, Index j) { return b[j * ldb + i]; });
}

/// C[r, j] = act((accumulate ? C[r, j] : 0) + sum_k A[r, k] B[k, j] + bias[j]) for all rows of A and n columns.
/// `packed_b` comes from pack or pack_transposed with k = a.columns(); bias may be null. With `linear` (of C's layout)
/// the value before act is stored too.
template <class T, class Act = Linear, class Arch = xsimd::default_arch>
void gemm(const Rows<T>& a, const T* packed_b, Index n, T* c, Index ldc, const T* bias = nullptr, const Act& act = {},
          bool accumulate = false, T* linear = nullptr) {
    using Tile = detail::Tile<T, Arch>;
    const Index k = a.columns();
    const auto tile = [&]<Index Height>(Index r) {
        detail::multiply_rows<Height, T, Arch>(a.row(r), a.row_stride, a.segments, a.segment_length, a.segment_stride,
                                               packed_b, k * Tile::width, n, c + r * ldc, ldc, bias, accumulate);
        for (Index i = r; i < r + Height; ++i) {
            if (linear) std::copy_n(c + i * ldc, n, linear + i * ldc);
            if constexpr (!std::is_same_v<Act, Linear>) activate<Act, T, Arch>(c + i * ldc, c + i * ldc, n, act);
        }
        return Height;
    };
    for (Index r = 0; r < a.rows;) {
        const Index left = std::min(a.rows, (r / a.rows_per_batch + 1) * a.rows_per_batch) - r;
        if (left >= Tile::rows)
            r += tile.template operator()<Tile::rows>(r);
        else if (left >= 4)
            r += tile.template operator()<4>(r);
        else if (left >= 2)
            r += tile.template operator()<2>(r);
        else
            r += tile.template operator()<1>(r);
    }
}

/// out[j] += sum_r B[r, j] for B [rows, n], row-major with rows ldb apart.
template <class T, class Arch = xsimd::default_arch>
void sum_rows(const T* b, Index rows, Index n, Index ldb, T* out) {
    for (Index r = 0; r < rows; ++r)
        for (Index j = 0; j < n; ++j) out[j] += b[r * ldb + j];
}

/// y += alpha x.
template <class T, class Arch = xsimd::default_arch>
void axpy(T alpha, const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] = kernels::fma(alpha, x[i], y[i]);
}

/// y += x.
template <class T, class Arch = xsimd::default_arch>
void add(const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] += x[i];
}

/// sum_i a[i] b[i].
template <class T, class Arch = xsimd::default_arch>
T dot(const T* a, const T* b, Index n) {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum = kernels::fma(a[i], b[i], sum);
    return sum;
}

/// C[i, j] += sum_r A[r, i] B[r, j] for B [rows, n], row-major with rows ldb apart: the gradient of the weights.
template <class T, class Arch = xsimd::default_arch>
void gemm_tn(const Rows<T>& a, const T* b, Index ldb, Index n, T* c, Index ldc) {
    for (Index r = 0; r < a.rows; ++r)
        for (Index s = 0; s < a.segments; ++s)
            for (Index i = 0; i < a.segment_length; ++i)
                axpy<T, Arch>(a.row(r)[s * a.segment_stride + i], b + r * ldb, c + (s * a.segment_length + i) * ldc, n);
}

}  // namespace kernels
DEEPREC_END
