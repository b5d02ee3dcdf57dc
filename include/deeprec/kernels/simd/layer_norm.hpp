/// Rows brought to mean 0 and variance 1, and back. Pointers need no alignment; NaN and Inf go through as in plain
/// arithmetic. The bits of a row do not depend on the others.
#pragma once

#include <cmath>

#include <deeprec/kernels/simd/lanes.hpp>
#include <deeprec/kernels/simd/norm.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Of the n numbers of each row: mean[r], and inverse[r] = 1 / sqrt(variance + epsilon) with the biased variance, taken
/// about the mean in a second pass; y[r, j] = (x[r, j] - mean[r]) inverse[r] gamma[j] + beta[j].
template <class T, class Arch = xsimd::default_arch>
void layer_norm(const T* x, Index rows, Index n, const NormParameters<T>& parameters, T* mean, T* inverse, T* y) {
    const T *const gamma = parameters.gamma, *const beta = parameters.beta;
    const T count = static_cast<T>(n);
    for (Index r = 0; r < rows; ++r, x += n, y += n) {
        const T m = detail::sum_lanes<T, Arch>(n, [&]<class V>(Index i) { return kernels::load<V>(x + i); }) / count;
        const T variance = detail::sum_lanes<T, Arch>(n,
                                                      [&]<class V>(Index i) {
                                                          const V d = kernels::load<V>(x + i) - V(m);
                                                          return d * d;
                                                      }) /
                           count;
        const T s = T(1) / std::sqrt(variance + parameters.epsilon);
        detail::for_lanes<T, Arch>(n, [&]<class V>(Index i) {
            V z = (kernels::load<V>(x + i) - V(m)) * V(s);
            if (gamma) z = z * kernels::load<V>(gamma + i);
            if (beta) z = z + kernels::load<V>(beta + i);
            kernels::store(y + i, z);
        });
        mean[r] = m;
        inverse[r] = s;
    }
}

/// Of the same x, gamma, mean and inverse: with x^ = (x - mean) inverse and g = dy gamma,
///     dgamma += sum of dy x^,   dbeta += sum of dy,   dx = inverse (g - mean of g - x^ mean of (g x^)).
/// gamma may be null.
template <class T, class Arch = xsimd::default_arch>
void layer_norm_backward(const T* dy, const T* x, Index rows, Index n, const T* gamma, const T* mean, const T* inverse,
                         const NormGradient<T>& to) {
    T *const dgamma = to.dgamma, *const dbeta = to.dbeta, *dx = to.dx;
    for (Index r = 0; r < rows; ++r, x += n, dy += n) {
        const T m = mean[r], s = inverse[r];
        const auto normal = [&]<class V>(Index i, V) { return (kernels::load<V>(x + i) - V(m)) * V(s); };
        const auto g = [&]<class V>(Index i, V) {
            const V d = kernels::load<V>(dy + i);
            return gamma ? d * kernels::load<V>(gamma + i) : d;
        };
        detail::for_lanes<T, Arch>(n, [&]<class V>(Index i) {
            const V d = kernels::load<V>(dy + i);
            if (dgamma) kernels::store(dgamma + i, kernels::fma(d, normal(i, V()), kernels::load<V>(dgamma + i)));
            if (dbeta) kernels::store(dbeta + i, kernels::load<V>(dbeta + i) + d);
        });
        if (!dx) continue;
        const T count = static_cast<T>(n);
        const T mean_g = detail::sum_lanes<T, Arch>(n, [&]<class V>(Index i) { return g(i, V()); }) / count;
        const T mean_along =
            detail::sum_lanes<T, Arch>(n, [&]<class V>(Index i) { return g(i, V()) * normal(i, V()); }) / count;
        detail::for_lanes<T, Arch>(n, [&]<class V>(Index i) {
            kernels::store(dx + i, V(s) * (g(i, V()) - V(mean_g) - normal(i, V()) * V(mean_along)));
        });
        dx += n;
    }
}

}  // namespace kernels
DEEPREC_END
