/// exp, tanh and what activations need besides, for numbers and batches. NaN gives NaN. Batches of double use xsimd's
/// functions, numbers the standard library's; batches of float use the ones here, whose bounds hold for every float,
/// against the exact value:
///
///     exp         1.2e-7 relative; 0 below ln(2^-126) except with AVX-512, Inf above ln(max float)
///     expm1       3e-7 relative; -1 below -30, Inf above ln(max float)
///     tanh        9e-8 absolute, 2e-7 relative; in [-1, 1]
///     sigmoid     9e-8 absolute, 5e-7 relative down to x = -87; in [0, 1], 0 below -89 and 1 above 18
///     softplus    3e-7 relative down to x = -87; 0 below ln(2^-126) except with AVX-512
///     normal_cdf  3e-7 absolute, 2e-6 relative down to x = -4; in [0, 1]
#pragma once

#include <limits>

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

/// P of e^r = 1 + r + r^2 P(r) for |r| <= ln 2 / 2, minimax to 3e-9, at r = scale * x.
template <class V>
DEEPREC_INLINE V exp_tail(const V& x, float scale) {
    const float s2 = scale * scale;
    V p = kernels::fma(x, V(1.3814934875e-3f * s2 * s2), V(8.36871007295e-3f * s2 * scale));
    p = kernels::fma(p, x, V(4.16683831622e-2f * s2));
    p = kernels::fma(p, x, V(1.66665206944e-1f * scale));
    return kernels::fma(p, x, V(4.99999934579e-1f));
}

constexpr float log2e = 1.44269504f, ln2 = 0.693147181f;

/// The integer nearest to scale * x, for |scale * x| < 2^21 (with AVX-512 for any).
template <class V>
DEEPREC_INLINE V nearest_multiple(const V& x, float scale) {
#if defined(__AVX512F__)
    if constexpr (is_avx512<typename V::arch_type>) return kernels::round(x * V(scale));
#endif
    constexpr float integers = 0x1.8p23f;  // numbers of this size have no bits behind the point
    return kernels::fma(x, V(scale), V(integers)) - V(integers);
}

/// r of scale * x = n ln 2 + scale * r, scale 1 or -1. ln 2 comes in two parts, so that n times the first is exact.
template <class V>
DEEPREC_INLINE V rest_of_multiple(const V& x, const V& n, float scale) {
    return kernels::fma(n, V(scale * 2.12194440e-4f), kernels::fma(n, V(scale * -0.693359375f), x));
}
/// e^x = 2^n e^r with x = n ln 2 + r.
template <class V>
DEEPREC_INLINE V exp_in_range(const V& x) {
    const V n = nearest_multiple(x, log2e), r = rest_of_multiple(x, n, 1.f);
    const V p = kernels::fma(exp_tail(r, 1.f), r, V(1.f));
    return kernels::ldexp(kernels::fma(p, r, V(1.f)), n);
}

#if defined(__AVX512F__)
/// 2^(i / 16).
alignas(64) inline constexpr float power_table[16] = {
    1.f,         1.04427378f, 1.0905077f, 1.1387886f, 1.1892071f, 1.2418578f, 1.2968396f, 1.3542555f,
    1.41421356f, 1.47682615f, 1.5422108f, 1.6104903f, 1.6817928f, 1.7562522f, 1.8340081f, 1.9152066f};

/// e^(scale * x) for any x, scale 1 or -1: n in steps of 1/16, its fraction looked up, so |r| <= ln 2 / 32 and a
/// polynomial of degree 3 will do (Chebyshev, to 3e-9). With ln 2 in one part the error is 3e-9 |x| more. An infinite x
/// has no r; n alone then makes 0 or Inf of it, and NaN of NaN.
template <int Parts, class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> exp_by_table(const xsimd::batch<float, Arch>& x, float scale) {
    using V = xsimd::batch<float, Arch>;
    const V sixteenths(0x1.8p19f);  // numbers of this size count them in their last bits
    const V bits = kernels::fma(x, V(scale * log2e), sixteenths), n = bits - sixteenths;
    const V rest = Parts == 2 ? rest_of_multiple(x, n, scale) : kernels::fma(n, V(scale * -ln2), x);
    const V r = kernels::limit(rest, 0.5f), power = kernels::look_up(power_table, bits);
    const V p = kernels::fma(kernels::fma(V(scale * 0.166668626f), r, V(0.5000097945f)), r, V(scale));
    return kernels::ldexp(kernels::fma(power * r, p, power), n);
}

/// tanh(i / 2), and 1 - tanh(i / 2)^2; 1 and 0 from 9 on. The slope at 1/2, between two floats, is the upper one: with
/// the lower the relative error near 1/4 is 2.01e-7.
alignas(64) inline constexpr float tanh_table[32] = {0.f,        0.46211716f, 0.7615942f,  0.90514825f, 0.9640276f,
                                                     0.9866143f, 0.9950548f,  0.9981779f,  0.9993293f,  0.99975321f,
                                                     0.9999092f, 0.9999666f,  0.9999877f,  0.99999548f, 0.99999834f,
                                                     0.9999994f, 0.99999977f, 0.99999992f, 1.f};
alignas(64) inline constexpr float tanh_slope_table[32] = {
    1.f,           0.78644776f,   0.41997434f,  0.18070664f,   0.07065082f,  0.026592227f,  0.009866037f,
    3.6408847e-3f, 1.3409507e-3f, 4.935174e-4f, 1.8158323e-4f, 6.680457e-5f, 2.4576547e-5f, 9.041277e-6f,
    3.3261093e-6f, 1.2236085e-6f, 4.501406e-7f, 1.655975e-7f,  0.f};

/// tanh(b + r) = tanh b + (1 - tanh^2 b) r / (r coth r + r tanh b) with b the nearest multiple of 1/2, looked up, and
/// r coth r = 1 + r^2 / 3 - r^4 / 45 ... (two terms by Chebyshev, to 2e-8). The sum keeps the precision of the table.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> tanh_by_table(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    const V halves(0x1.8p22f), a = at_most(kernels::abs(x), V(9.f));
    const V bits = a + halves, r = a - (bits - halves);
    const V tanh_b = kernels::look_up(tanh_table, bits), slope = kernels::look_up(tanh_slope_table, bits);
    const V cubic = kernels::fma(r * r, V(-0.0220906666f), V(0.3333323064f));
    const V below = kernels::fma(kernels::fma(cubic, r, tanh_b), r, V(1.f));
    return kernels::copysign(tanh_b + kernels::divide(slope * r, below), x);
}
#endif

/// f(x) as a call. xsimd's functions of double are sums and products that g++ fuses as suits each place where they are
/// inlined: the last bit of a number would depend on what is computed beside it.
template <class V, class F>
DEEPREC_NOINLINE V called(const V& x, const F& f) {
    return f(x);
}
}  // namespace detail

/// e^x.
DEEPREC_INLINE float exp(float x) { return std::exp(x); }
DEEPREC_INLINE double exp(double x) { return std::exp(x); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> exp(const xsimd::batch<double, Arch>& x) {
    const auto y = detail::called(x, [](const auto& v) { return xsimd::exp(v); });
    return kernels::select(kernels::equal(x, x), y, x);  // xsimd 8.1 on SSE2 loses NaN
}
/// e^x where the result is at most about 1, for one step less than exp except with AVX-512.
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> exp_up_to_1(const xsimd::batch<T, Arch>& x) {
    using V = xsimd::batch<T, Arch>;
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch> && std::is_same_v<T, float>) return detail::exp_by_table<2>(x, 1.f);
#endif
    if constexpr (!std::is_same_v<T, float>)
        return kernels::exp(x);
    else
        return kernels::select(x < V(-87.3365448f), V(0.f), detail::exp_in_range(x));
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> exp(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    if constexpr (detail::is_avx512<Arch>)
        return exp_up_to_1(x);
    else
        return kernels::select(x > V(88.7228391f), V(std::numeric_limits<float>::infinity()), exp_up_to_1(x));
}

/// e^x - 1, precise for small x too.
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> expm1(const xsimd::batch<double, Arch>& x) {
    const auto y = detail::called(x, [](const auto& v) { return xsimd::expm1(v); });
    return kernels::select(kernels::equal(x, x), y, x);
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> expm1(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    using detail::log2e;
    const V a = at_most(at_least(x, V(-30.f)), V(89.f));
    const V n = detail::nearest_multiple(a, log2e);
    const V r = detail::rest_of_multiple(a, n, 1.f);
    const V tail = kernels::fma(detail::exp_tail(r, 1.f), r * r, r);  // e^r - 1
    const V half = kernels::ldexp(V(1.f), n - V(1.f));                // 2^n itself may overflow
    const V y = kernels::fma(half, tail, half - V(0.5f));
    return y + y;
}

/// tanh(x) = sign(x) (e^2|x| - 1) / (e^2|x| + 1) or, with AVX-512, from a table.
DEEPREC_INLINE float tanh(float x) { return std::tanh(x); }
DEEPREC_INLINE double tanh(double x) { return std::tanh(x); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> tanh(const xsimd::batch<double, Arch>& x) {
    const auto y = detail::called(x, [](const auto& v) { return xsimd::tanh(v); });
    return kernels::select(kernels::equal(x, x), y, x);
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> tanh(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    using detail::ln2, detail::log2e;
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return detail::tanh_by_table(x);
#endif
    const V a = at_most(kernels::abs(x), V(9.1f));  // tanh is 1 in float from there
    // 2a = n ln 2 + 2r, and e^2a - 1 = 2^n (2r + 4 r^2 P(2r)) + (2^n - 1), so that small x keep their precision.
    const V n = detail::nearest_multiple(a, 2 * log2e);
    const V r = kernels::fma(n, V(-ln2 / 2), a);
    const V twice_power = kernels::ldexp(V(2.f), n);
    const V half = kernels::fma(detail::exp_tail(r, 2.f), r * (r + r), r);
    const V expm1 = kernels::fma(twice_power, half, kernels::fma(twice_power, V(0.5f), V(-1.f)));
    return kernels::copysign(kernels::divide(expm1, expm1 + V(2.f)), x);
}

/// 1 / (1 + e^-x).
DEEPREC_INLINE float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
DEEPREC_INLINE double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> sigmoid(const xsimd::batch<double, Arch>& x) {
    using V = xsimd::batch<double, Arch>;
    return kernels::divide(V(1.), V(1.) + kernels::exp(-x));
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> sigmoid(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return kernels::divide(V(1.f), V(1.f) + detail::exp_by_table<1>(x, -1.f));
#endif
    const V bounded = at_most(at_least(x, V(-88.f)), V(87.f));
    // x = r - n ln 2 and e^-x = 2^n e^-r.
    const V n = detail::nearest_multiple(bounded, -detail::log2e), r = detail::rest_of_multiple(bounded, n, -1.f);
    const V p = kernels::fma(detail::exp_tail(r, -1.f), r, V(-1.f));
    const V y = kernels::divide(V(1.f), V(1.f) + kernels::ldexp(kernels::fma(p, r, V(1.f)), n));
    return kernels::select(x < V(-88.f), V(0.f), y);
}

namespace detail {
/// ln(1 + u) for 0 <= u <= 1: 2 atanh(s) with s = u / (2 + u) <= 1/3, its series as far as float needs it.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> log1p_of_unit(const xsimd::batch<float, Arch>& u) {
    using V = xsimd::batch<float, Arch>;
    const V s = kernels::divide(u, V(2.f) + u), q = s * s;
    V p = kernels::fma(q, V(2.f / 13), V(2.f / 11));
    p = kernels::fma(p, q, V(2.f / 9));
    p = kernels::fma(p, q, V(2.f / 7));
    p = kernels::fma(p, q, V(2.f / 5));
    p = kernels::fma(p, q, V(2.f / 3));
    return kernels::fma(p * q, s, s + s);
}
template <class V>
DEEPREC_INLINE V log1p_of_unit(const V& u) {
    return kernels::log1p(u);
}
}  // namespace detail

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
template <class V>
DEEPREC_INLINE V softplus(const V& x) {
    return at_least(x, V(0)) + detail::log1p_of_unit(kernels::exp(-kernels::abs(x)));
}

/// Distribution function of the normal distribution, (1 + erf(x / sqrt 2)) / 2.
DEEPREC_INLINE float normal_cdf(float x) { return 0.5f * std::erfc(-0.707106781f * x); }
DEEPREC_INLINE double normal_cdf(double x) { return 0.5 * std::erfc(-0.70710678118654752 * x); }
template <class Arch>
DEEPREC_INLINE xsimd::batch<double, Arch> normal_cdf(const xsimd::batch<double, Arch>& x) {
    using V = xsimd::batch<double, Arch>;
    const V y = detail::called(x, [](const V& v) { return V(0.5) * xsimd::erfc(V(-0.70710678118654752) * v); });
    return kernels::select(kernels::equal(x, x), y, x);
}
/// erfc(z) = t e^(-z^2 + P(t)) with t = 1 / (1 + z / 2), a Chebyshev fit for z >= 0 (Numerical Recipes, erfcc).
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> normal_cdf(const xsimd::batch<float, Arch>& x) {
    using V = xsimd::batch<float, Arch>;
    const V z = at_most(V(0.707106781f) * kernels::abs(x), V(11.f));  // 0 in float from there
    const V t = kernels::divide(V(1.f), kernels::fma(z, V(0.5f), V(1.f)));
    V p = kernels::fma(t, V(0.17087277f), V(-0.82215223f));
    p = kernels::fma(p, t, V(1.48851587f));
    p = kernels::fma(p, t, V(-1.13520398f));
    p = kernels::fma(p, t, V(0.27886807f));
    p = kernels::fma(p, t, V(-0.18628806f));
    p = kernels::fma(p, t, V(0.09678418f));
    p = kernels::fma(p, t, V(0.37409196f));
    p = kernels::fma(p, t, V(1.00002368f));
    p = kernels::fma(p, t, V(-1.26551223f));
    const V tail = V(0.5f) * t * kernels::exp(kernels::fma(-z, z, p));
    return kernels::select(x > V(0.f), V(1.f) - tail, tail);
}

}  // namespace kernels
DEEPREC_END
