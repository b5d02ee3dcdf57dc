/// Sums and products of vectors. Pointers need no alignment; where x and y are both written to or read, they are the
/// same or apart. NaN and Inf go through as in plain arithmetic.
#pragma once

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// y += alpha x.
template <class T, class Arch = xsimd::default_arch>
void axpy(T alpha, const T* x, T* y, Index n) {
    using V = Batch<T, Arch>;
    const V a(alpha);
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>)
        kernels::store(y + i, kernels::fma(a, kernels::load<V>(x + i), kernels::load<V>(y + i)));
    if (i < n)
        kernels::store_first(
            y + i, kernels::fma(a, kernels::load_first<V>(x + i, n - i), kernels::load_first<V>(y + i, n - i)), n - i);
}

/// y = x, for rows so short that calling memcpy would cost as much as copying.
template <class T, class Arch = xsimd::default_arch>
void copy(const T* x, T* y, Index n) {
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>) kernels::store(y + i, kernels::load<V>(x + i));
    if (i < n) kernels::store_first(y + i, kernels::load_first<V>(x + i, n - i), n - i);
}

/// y += x.
template <class T, class Arch = xsimd::default_arch>
void add(const T* x, T* y, Index n) {
    axpy<T, Arch>(T(1), x, y, n);
}

namespace detail {
/// x[0][i] + ... + x[count - 1][i] as a binary tree over at most `Span` arrays.
template <Index Span, class V, class T>
DEEPREC_INLINE V tree_sum(const T* const* x, Index count, Index i) {
    if constexpr (Span == 1) {
        return kernels::load<V>(x[0] + i);
    } else {
        const V left = tree_sum<Span / 2, V>(x, count, i);
        return count > Span / 2 ? left + tree_sum<Span / 2, V>(x + Span / 2, count - Span / 2, i) : left;
    }
}
}  // namespace detail

/// x[0][i] = x[0][i] + ... + x[count - 1][i] for i in [begin, end) and at most 8 arrays, in one pass, added as a binary
/// tree: (0 + 1) + (2 + 3) ...
template <class T, class Arch = xsimd::default_arch>
void add_tree(T* const* x, Index count, Index begin, Index end) {
    using V = Batch<T, Arch>;
    Index i = begin;
    for (; i + lanes<T, Arch> <= end; i += lanes<T, Arch>)
        kernels::store(x[0] + i, detail::tree_sum<8, V>(x, count, i));
    for (; i < end; ++i) x[0][i] = detail::tree_sum<8, T>(x, count, i);
}

/// sum_i a[i] b[i]: four registers of partial sums, added as a tree. Relative to sum_i |a[i] b[i]| the error is at most
/// (n / (4 lanes) + 8) epsilon.
template <class T, class Arch = xsimd::default_arch>
T dot(const T* a, const T* b, Index n) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V sum[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
    Index i = 0;
    for (; i + 4 * step <= n; i += 4 * step) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 4; ++j)
            sum[j] = kernels::fma(kernels::load<V>(a + i + j * step), kernels::load<V>(b + i + j * step), sum[j]);
    }
    for (; i + step <= n; i += step) sum[0] = kernels::fma(kernels::load<V>(a + i), kernels::load<V>(b + i), sum[0]);
    if (i < n)
        sum[1] = kernels::fma(kernels::load_first<V>(a + i, n - i), kernels::load_first<V>(b + i, n - i), sum[1]);
    return kernels::reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/// Whether no number of x is NaN or infinite.
template <class T, class Arch = xsimd::default_arch>
bool all_finite(const T* x, Index n) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const V zero(T(0));
    V sum[4] = {zero, zero, zero, zero};  // of 0 x: 0, or NaN for ever
    Index i = 0;
    for (; i + 4 * step <= n; i += 4 * step) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 4; ++j) sum[j] = kernels::fma(zero, kernels::load<V>(x + i + j * step), sum[j]);
    }
    for (; i < n; i += step)
        sum[0] = kernels::fma(zero, kernels::load_first<V>(x + i, n - i < step ? n - i : step), sum[0]);
    return equal(kernels::reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3])), T(0));
}

/// out[j] += sum_r B[r, j] for B [rows, n], row-major with rows ldb apart: the gradient of a bias. Every 256 rows are
/// summed in order from 0 and then added to out.
template <class T, class Arch = xsimd::default_arch>
void sum_rows(const T* b, Index rows, Index n, Index ldb, T* out) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>, block = 256;
    for (Index r0 = 0; r0 < rows; r0 += block) {
        const Index end = rows < r0 + block ? rows : r0 + block;
        Index j = 0;
        for (; j + 4 * step <= n; j += 4 * step) {  // a whole cache line or more of each row
            V sum[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
            for (Index r = r0; r < end; ++r) {
                DEEPREC_UNROLL
                for (Index i = 0; i < 4; ++i) sum[i] = sum[i] + kernels::load<V>(b + r * ldb + j + i * step);
            }
            DEEPREC_UNROLL
            for (Index i = 0; i < 4; ++i)
                kernels::store(out + j + i * step, kernels::load<V>(out + j + i * step) + sum[i]);
        }
        for (; j < n; j += step) {
            const Index columns = n - j < step ? n - j : step;
            V sum(T(0));
            for (Index r = r0; r < end; ++r) sum = sum + kernels::load_first<V>(b + r * ldb + j, columns);
            kernels::store_first(out + j, kernels::load_first<V>(out + j, columns) + sum, columns);
        }
    }
}

}  // namespace kernels
DEEPREC_END
