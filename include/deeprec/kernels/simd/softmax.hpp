/// Softmax of rows.
#pragma once

#include <limits>

#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// y_j = exp(x_j - max x) / sum over k of exp(x_k - max x) on the last axis; dx_j = y_j (dy_j - sum over k of dy_k
/// y_k). Finite for any finite x. A row with NaN or +Inf, or of -Inf alone, is NaN. `Dense{10, softmax}`.
struct Softmax {
    static constexpr std::string_view name = "softmax";
    static constexpr bool needs_input = false;

    /// One row of n numbers. x and y may be the same memory.
    template <class T, class Arch = xsimd::default_arch>
    void row(const T* x, T* y, Index n) const {
        using V = kernels::Batch<T, Arch>;
        constexpr Index step = kernels::lanes<T, Arch>;
        constexpr T none = -std::numeric_limits<T>::infinity();
        V largest[4];  // one chain would wait for its own latency; a NaN that a maximum loses is in the sum again
        for (V& l : largest) l = V(none);
        Index i = 0;
        for (; i + 4 * step <= n; i += 4 * step) {
            DEEPREC_UNROLL
            for (Index j = 0; j < 4; ++j)
                largest[j] = kernels::at_least(kernels::load<V>(x + i + j * step), largest[j]);
        }
        for (; i + step <= n; i += step) largest[0] = kernels::at_least(kernels::load<V>(x + i), largest[0]);
        if (i < n) largest[1] = kernels::at_least(kernels::load_first<V>(x + i, n - i, none), largest[1]);
        const V top(kernels::reduce_max_number(
            kernels::at_least(kernels::at_least(largest[0], largest[1]), kernels::at_least(largest[2], largest[3]))));
        V sums(T(0));
        for (i = 0; i + step <= n; i += step) {
            kernels::prefetch(x + n + i);  // of the next row: its maximum would wait for memory
            const V e = kernels::exp_up_to_1(kernels::load<V>(x + i) - top);
            kernels::store(y + i, e);
            sums = sums + e;
        }
        if (i < n) {
            const V e = kernels::exp_up_to_1(kernels::load_first<V>(x + i, n - i, none) - top);
            kernels::store_first(y + i, e, n - i);
            sums = sums + e;
        }
        const V share(T(1) / kernels::reduce_add(sums));
        for (i = 0; i + step <= n; i += step) kernels::store(y + i, kernels::load<V>(y + i) * share);
        if (i < n) kernels::store_first(y + i, kernels::load_first<V>(y + i, n - i) * share, n - i);
    }
    /// dx of one row. dy and dx may be the same memory.
    template <class T, class Arch = xsimd::default_arch>
    void row_backward(const T* dy, const T* y, T* dx, Index n) const {
        using V = kernels::Batch<T, Arch>;
        constexpr Index step = kernels::lanes<T, Arch>;
        const V mean(kernels::dot<T, Arch>(dy, y, n));
        Index i = 0;
        for (; i + step <= n; i += step)
            kernels::store(dx + i, kernels::load<V>(y + i) * (kernels::load<V>(dy + i) - mean));
        if (i < n)
            kernels::store_first(
                dx + i, kernels::load_first<V>(y + i, n - i) * (kernels::load_first<V>(dy + i, n - i) - mean), n - i);
    }
};
inline constexpr Softmax softmax{};

DEEPREC_END
