/// Packed matrix product C = activation(A B + bias) for row-major matrices. B (the weights) is packed once into panels;
/// A is read in place, so the overlapping windows of a convolution need no copy.
///
/// How it works. A panel holds two registers' worth of columns of B, row after row. A tile of 12 rows of C (6 with 16
/// registers) and one panel stays in registers while a single loop over k adds the products of a column of A and a row
/// of the panel; fewer rows take more panels, since they need as many independent chains to hide the latency of an FMA.
/// Columns are cut into blocks whose part of B stays in the L2 cache while all rows of A pass by.
///
/// What holds. Each element of C is one chain of multiply-adds over increasing k, starting at 0 (at C when
/// accumulating), then the bias; a single column is the `dot` of each row with b. So a row's bits do not depend on how
/// many rows the call has. NaN and Inf in A or B reach C as in plain arithmetic. No pointer needs alignment. C overlaps
/// neither A nor B. Nothing allocates.
#pragma once

#include <algorithm>
#include <type_traits>

#include <deeprec/kernels/linear/epilogue.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/simd/rows.hpp>
#include <deeprec/kernels/simd/simd.hpp>
#include <deeprec/kernels/simd/transpose.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace kernels {

namespace detail {
template <class T, class Arch>
struct Tile {
    static constexpr Index lanes = kernels::lanes<T, Arch>;
    static constexpr Index width = 2 * lanes;                      // of a panel
    static constexpr Index rows = registers<Arch> == 32 ? 12 : 6;  // of the largest tile
    static constexpr Index block = 256 * 1024 / sizeof(T);         // numbers of B that stay in L2
    static constexpr Index gather = 1024;                          // longest row that a tile of A may be copied for
};

/// `Height` evenly spaced rows of A.
template <class T>
struct TileRows {
    const T* data;
    Index row_stride, segments, segment_length, segment_stride;
};

/// Where a tile of C goes.
template <class T>
struct Output {
    T* c;
    Index ldc;
    const T* bias;
    bool accumulate;
};

/// C[Height, Panels * width] (+)= A B (+ bias) in registers; only the first `Vectors` registers of each panel.
template <Index Height, Index Vectors, Index Panels, class T, class Arch>
void multiply_tile(const TileRows<T>& a, const T* b, Index panel_stride, const Output<T>& out) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>, columns = Panels * Vectors;
    Array<Array<V, columns>, Height> sum;
    DEEPREC_UNROLL
    for (Index r = 0; r < Height; ++r) {
        DEEPREC_UNROLL
        for (Index j = 0; j < columns; ++j)
            sum[r][j] = out.accumulate ? kernels::load<V>(out.c + r * out.ldc + j * step) : V(T(0));
    }
    const Index row_stride = a.row_stride, length = a.segment_length;
    for (Index s = 0; s < a.segments; ++s) {
        const T* const segment = a.data + s * a.segment_stride;
        for (Index k = 0; k < length; ++k) {
            Array<V, columns> row;
            DEEPREC_UNROLL
            for (Index j = 0; j < columns; ++j)
                row[j] = kernels::load<V>(b + j / Vectors * panel_stride + j % Vectors * step);
            b += 2 * step;
            DEEPREC_UNROLL
            for (Index r = 0; r < Height; ++r) {
                const V x(segment[r * row_stride + k]);
                DEEPREC_UNROLL
                for (Index j = 0; j < columns; ++j) sum[r][j] = kernels::fma(x, row[j], sum[r][j]);
            }
        }
    }
    T* const c = out.c;  // copied: as far as the compiler knows, a store to C could change them
    const T* const biases = out.bias;
    const Index ldc = out.ldc;
    const auto store = [&](const auto& finished) {
        DEEPREC_UNROLL
        for (Index r = 0; r < Height; ++r) {
            DEEPREC_UNROLL
            for (Index j = 0; j < columns; ++j) kernels::store(c + r * ldc + j * step, finished(r, j));
        }
    };
    if (!biases) return store([&](Index r, Index j) { return sum[r][j]; });
    Array<V, columns> bias;
    DEEPREC_UNROLL
    for (Index j = 0; j < columns; ++j) bias[j] = kernels::load<V>(biases + j * step);
    store([&](Index r, Index j) { return sum[r][j] + bias[j]; });
}

/// The last columns of C: panels are padded with zeros, C and the bias are not.
template <Index Height, Index Panels, class T, class Arch>
void multiply_edge(const TileRows<T>& a, const T* b, Index panel_stride, Index columns, const Output<T>& out) {
    using Tile = detail::Tile<T, Arch>;
    constexpr Index width = Panels * Tile::width, size = Height * width;
    alignas(64) Array<T, size> c = {};
    alignas(64) Array<T, width> bias = {};
    if (out.accumulate)
        for (Index r = 0; r < Height; ++r) std::copy_n(out.c + r * out.ldc, columns, c + r * width);
    if (out.bias) std::copy_n(out.bias, columns, bias);
    const Output<T> padded{c, width, out.bias ? bias : nullptr, out.accumulate};
    if (Panels == 1 && columns <= Tile::lanes)
        multiply_tile<Height, 1, 1, T, Arch>(a, b, panel_stride, padded);
    else
        multiply_tile<Height, 2, Panels, T, Arch>(a, b, panel_stride, padded);
    for (Index r = 0; r < Height; ++r) std::copy_n(c + r * width, columns, out.c + r * out.ldc);
}

/// `Height` rows of A times n columns, `Panels` panels at a time, then half as many for the rest.
template <Index Height, Index Panels, class T, class Arch>
void multiply_rows(const TileRows<T>& a, const T* b, Index panel_stride, Index n, Output<T> out) {
    constexpr Index width = Tile<T, Arch>::width, step = Panels * width;
    while (n > step - width) {
        if (n >= step)
            multiply_tile<Height, 2, Panels, T, Arch>(a, b, panel_stride, out);
        else
            multiply_edge<Height, Panels, T, Arch>(a, b, panel_stride, n, out);
        n -= step, b += Panels * panel_stride, out.c += step;
        if (out.bias) out.bias += step;
    }
    if constexpr (Panels > 1)
        if (n > 0) multiply_rows<Height, Panels / 2, T, Arch>(a, b, panel_stride, n, out);
}

/// C[rows, 1] (+)= A b (+ bias): the rows of A are long, and a tile would use one lane of its registers.
template <class T, class Arch>
void multiply_column(const Rows<T>& a, const T* b, const Output<T>& out) {
    const Index length = a.segment_length;
    for (Index r = 0; r < a.rows; ++r) {
        T& c = out.c[r * out.ldc];
        T sum = out.accumulate ? c : T(0);
        for (Index s = 0; s < a.segments; ++s)
            sum += dot<T, Arch>(a.row(r) + s * a.segment_stride, b + s * length, length);
        c = out.bias ? sum + *out.bias : sum;
    }
}

/// B -> panels of `width` columns, row after row, the last one padded with zeros: fill(first column, columns, panel).
template <class T, class Arch, class Fill>
void pack_panels(Index k, Index n, T* packed, const Fill& fill) {
    constexpr Index width = Tile<T, Arch>::width;
    for (Index j = 0; j < n; j += width, packed += k * width) {
        const Index columns = std::min(width, n - j);
        fill(j, columns, packed);
        for (Index i = 0; i < k && columns < width; ++i)
            std::fill_n(packed + i * width + columns, width - columns, T(0));
    }
}
}  // namespace detail

/// Numbers in the packed form of a k x n matrix.
template <class T, class Arch = xsimd::default_arch>
Index packed_size(Index k, Index n) {
    constexpr Index width = detail::Tile<T, Arch>::width;
    return k * ((n + width - 1) / width * width);
}

/// Packs B [k, n], row-major with rows ldb apart, into packed[packed_size(k, n)].
template <class T, class Arch = xsimd::default_arch>
void pack(const T* b, Index ldb, Index k, Index n, T* packed) {
    constexpr Index width = detail::Tile<T, Arch>::width;
    detail::pack_panels<T, Arch>(k, n, packed, [=](Index j, Index columns, T* to) {
        for (Index i = 0; i < k; ++i) {
            if (columns == width)  // a constant: the copy is two moves
                std::copy_n(b + i * ldb + j, width, to + i * width);
            else
                std::copy_n(b + i * ldb + j, columns, to + i * width);
        }
    });
}

/// Packs the transpose of b [n, k], row-major with rows ldb apart: the operand B [k, n].
template <class T, class Arch = xsimd::default_arch>
void pack_transposed(const T* b, Index ldb, Index k, Index n, T* packed) {
    detail::pack_panels<T, Arch>(k, n, packed, [=](Index j, Index columns, T* to) {
        kernels::transpose<T, Arch>(b + j * ldb, ldb, columns, k, to, detail::Tile<T, Arch>::width);
    });
}

/// C[r, j] = activation((accumulate ? C[r, j] : 0) + sum_k A[r, k] B[k, j] + bias[j]) for all rows of A and n columns.
/// `packed_b` comes from pack or pack_transposed with k = a.columns(). k == 0 gives activation(bias).
template <class T, class Arch = xsimd::default_arch>
void gemm(const Rows<T>& rows, const T* packed_b, Index n, T* c, Index ldc,
          const Epilogue<std::type_identity_t<T>, Arch>& epilogue = {}, bool accumulate = false) {
    using Tile = detail::Tile<T, Arch>;
    const Rows<T> a = rows.simplified();
    const T* const bias = epilogue.bias;
    const Index k = a.columns(), panel_stride = k * Tile::width;
    const Index block = std::max<Index>(Tile::block / std::max<Index>(k, 1) / Tile::width, 1) * Tile::width;
    alignas(64) T gathered[Tile::rows * Tile::gather];

    const auto finish = [&](Index r, Index height, Index j, Index columns) {
        T* const finished = c + r * ldc + j;
        if (epilogue.pre_activation)
            for (Index i = 0; i < height; ++i)
                std::copy_n(finished + i * ldc, columns, epilogue.pre_activation + (r + i) * ldc + j);
        if (epilogue.activation.takes_parts()) epilogue.activation(finished, height, columns, ldc);
    };
    const bool column = n == 1 && k <= Tile::rows * Tile::gather;
    if (column) {
        for (Index i = 0; i < k; ++i) gathered[i] = packed_b[i * Tile::width];
        detail::multiply_column<T, Arch>(a, gathered, {c, ldc, bias, accumulate});
        finish(0, a.rows, 0, 1);
    }
    for (Index j = 0; j < n && !column; j += block) {
        const Index columns = std::min(block, n - j);
        const auto multiply = [&]<Index Height>(Index r) {
            detail::TileRows<T> tile{a.row(r), a.row_stride, a.segments, a.segment_length, a.segment_stride};
            if (r + Height > a.batch_end(r)) {  // not evenly spaced
                for (Index i = 0; i < Height; ++i) a.copy_row(r + i, gathered + i * k);
                tile = {gathered, k, 1, k, 0};
            }
            constexpr Index panels = std::max<Index>(registers<Arch> / (4 * Height), 1);
            detail::multiply_rows<Height, panels, T, Arch>(
                tile, packed_b + j * k, panel_stride, columns,
                {c + r * ldc + j, ldc, bias ? bias + j : nullptr, accumulate});
            finish(r, Height, j, columns);
            return Height;
        };
        for (Index r = 0; r < a.rows;) {
            Index left = a.rows - r;
            if (k > Tile::gather) left = std::min(left, a.batch_end(r) - r);
            if (left >= Tile::rows)
                r += multiply.template operator()<Tile::rows>(r);
            else if (left >= 4)
                r += multiply.template operator()<4>(r);
            else if (left >= 2)
                r += multiply.template operator()<2>(r);
            else
                r += multiply.template operator()<1>(r);
        }
    }
    if (!epilogue.activation.takes_parts()) epilogue.activation(c, a.rows, n, ldc);
}

}  // namespace kernels
DEEPREC_END
