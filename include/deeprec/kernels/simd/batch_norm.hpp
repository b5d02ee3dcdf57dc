/// Columns brought to mean 0 and variance 1, and back. Pointers need no alignment; NaN and Inf go through as in plain
/// arithmetic.
#pragma once

#include <cstdint>

#include <deeprec/kernels/simd/lanes.hpp>
#include <deeprec/kernels/simd/norm.hpp>

DEEPREC_BEGIN
namespace kernels {

/// mean[j] and the biased variance[j], taken about the mean in a second pass, of column j over the rows r that count:
/// those with keep[r] != 0, all where keep is null. Returns their number; of none mean and variance are 0.
template <class T, class Arch = xsimd::default_arch>
Index column_statistics(const T* x, const std::uint8_t* keep, Index rows, Index n, T* mean, T* variance) {
    Index counted = 0;
    for (Index r = 0; r < rows; ++r) counted += !keep || keep[r];
    const T share = T(1) / static_cast<T>(counted > 0 ? counted : 1);
    detail::for_lanes<T, Arch>(n, [&]<class V>(Index j) {
        V sum(T(0)), squares(T(0));
        for (Index r = 0; r < rows; ++r)
            if (!keep || keep[r]) sum = sum + kernels::load<V>(x + r * n + j);
        const V m = sum * V(share);
        for (Index r = 0; r < rows; ++r)
            if (!keep || keep[r]) {
                const V d = kernels::load<V>(x + r * n + j) - m;
                squares = kernels::fma(d, d, squares);
            }
        kernels::store(mean + j, m);
        kernels::store(variance + j, squares * V(share));
    });
    return counted;
}

/// y[r, j] = (x[r, j] - mean[j]) inverse[j] gamma[j] + beta[j]. gamma and beta may be null.
template <class T, class Arch = xsimd::default_arch>
void batch_norm(const T* x, Index rows, Index n, const T* mean, const T* inverse, const T* gamma, const T* beta, T* y) {
    for (Index r = 0; r < rows; ++r, x += n, y += n)
        detail::for_lanes<T, Arch>(n, [&]<class V>(Index j) {
            V z = (kernels::load<V>(x + j) - kernels::load<V>(mean + j)) * kernels::load<V>(inverse + j);
            if (gamma) z = z * kernels::load<V>(gamma + j);
            if (beta) z = z + kernels::load<V>(beta + j);
            kernels::store(y + j, z);
        });
}

/// Of the same x, gamma, mean and inverse, with x^ = (x - mean) inverse:
///     dgamma += sum of dy x^,   dbeta += sum of dy,   dx = gamma inverse dy,
/// and where mean and inverse are statistics of the `counted` > 0 rows that count, these rows give up their shares:
///     dx = gamma inverse (dy - (sum of dy + x^ sum of dy x^) / counted).
/// gamma may be null.
template <class T, class Arch = xsimd::default_arch>
void batch_norm_backward(const CountedRows& s, const T* dy, const T* x, const T* gamma, const T* mean, const T* inverse,
                         const NormGradient<T>& to) {
    const Index rows = s.rows, n = s.n, counted = s.counted;
    const std::uint8_t* const keep = s.keep;
    T *const dgamma = to.dgamma, *const dbeta = to.dbeta, *const dx = to.dx;
    const T share = counted > 0 ? T(1) / static_cast<T>(counted) : T(0);
    detail::for_lanes<T, Arch>(n, [&]<class V>(Index j) {
        const V m = kernels::load<V>(mean + j), i = kernels::load<V>(inverse + j);
        V sum(T(0)), along(T(0));
        for (Index r = 0; r < rows; ++r) {
            const V d = kernels::load<V>(dy + r * n + j);
            sum = sum + d;
            along = kernels::fma(d, (kernels::load<V>(x + r * n + j) - m) * i, along);
        }
        if (dgamma) kernels::store(dgamma + j, kernels::load<V>(dgamma + j) + along);
        if (dbeta) kernels::store(dbeta + j, kernels::load<V>(dbeta + j) + sum);
        if (!dx) return;
        const V scale = gamma ? kernels::load<V>(gamma + j) * i : i;
        for (Index r = 0; r < rows; ++r) {
            V d = kernels::load<V>(dy + r * n + j);
            if (counted > 0 && (!keep || keep[r]))
                d = d - (sum + (kernels::load<V>(x + r * n + j) - m) * i * along) * V(share);
            kernels::store(dx + r * n + j, scale * d);
        }
    });
}

}  // namespace kernels
DEEPREC_END
