/// exp, tanh and the logistic function for numbers and batches. NaN gives NaN. Batches of double use xsimd's functions,
/// numbers the standard library's; batches of float use the ones here, whose bounds hold for every float, against the
/// exact value:
///
///     exp      1.2e-7 relative; 0 below ln(2^-126) except with AVX-512, Inf above ln(max float)
///     tanh     9e-8 absolute, 2e-7 relative; in [-1, 1]
///     sigmoid  9e-8 absolute, 2e-7 relative down to x = -87; in [0, 1], exactly 0 or 1 far out
#pragma once

#include <limits>

#include <deeprec/kernels/simd.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

/// x = n ln 2 + r with integral n and |r| <= ln 2 / 2, for |x| < 2^21.
template <class V>
struct Reduced {
    V n, r;

    DEEPREC_INLINE explicit Reduced(const V& x) {
        const V round(0x1.8p23f);  // adding it drops the bits behind the point
        n = kernels::fma(x, V(1.44269504f), round) - round;
        r = kernels::fma(n, V(-0.693359375f), x);  // ln 2 in two parts: n times the first is exact
        r = kernels::fma(n, V(2.12194440e-4f), r);
    }
    /// e^r - 1 = r + r^2 P(r), minimax to 3e-9 relative to e^r.
    DEEPREC_INLINE V expm1() const {
        V p = kernels::fma(r, V(1.3814934875e-3f), V(8.36871007295e-3f));
        p = kernels::fma(p, r, V(4.16683831622e-2f));
        p = kernels::fma(p, r, V(1.66665206944e-1f));
        p = kernels::fma(p, r, V(4.99999934579e-1f));
        return kernels::fma(p, r * r, r);
    }
};
}  // namespace detail

/// e^x.
DEEPREC_INLINE float exp(float x) { return std::exp(x); }
DEEPREC_INLINE double exp(double x) { return std::exp(x); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> exp(const xsimd::batch<double, Arch>& x) {
    return xsimd::exp(x);
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> exp(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    if constexpr (detail::is_avx512<Arch>) {
        const detail::Reduced<V> part(at_most(at_least(x, V(-104.f)), V(89.f)));
        return kernels::ldexp(V(1.f) + part.expm1(), part.n);
    } else {
        constexpr float low = -87.3365448f, high = 88.7228391f;  // normal results
        const detail::Reduced<V> part(x);
        const V y = kernels::ldexp(V(1.f) + part.expm1(), part.n);
        return kernels::select(x < V(low), V(0.f),
                               kernels::select(x > V(high), V(std::numeric_limits<float>::infinity()), y));
    }
}

/// tanh(x) = (e^2x - 1) / (e^2x + 1).
DEEPREC_INLINE float tanh(float x) { return std::tanh(x); }
DEEPREC_INLINE double tanh(double x) { return std::tanh(x); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> tanh(const xsimd::batch<double, Arch>& x) {
    return xsimd::tanh(x);
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> tanh(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    const V bounded = at_most(at_least(x, V(-9.1f)), V(9.1f));  // +-1 in float beyond
    const detail::Reduced<V> part(bounded + bounded);
    const V power = kernels::ldexp(V(1.f), part.n);
    const V expm1 = kernels::fma(power, part.expm1(), power - V(1.f));  // small x keep their precision
    return expm1 / (expm1 + V(2.f));
}

/// 1 / (1 + e^-x).
template <class V>
DEEPREC_INLINE V sigmoid(const V& x) {
    return V(1) / (V(1) + kernels::exp(-x));
}

}  // namespace kernels
DEEPREC_END
