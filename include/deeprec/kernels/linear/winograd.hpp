/// Convolution over time with three taps in two thirds of the multiply-adds: minimal filtering F(2, 3) (S. Winograd,
/// Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural
/// Networks, CVPR 2016). Two steps of y need six products of a step of x and a tap of the kernel; here it is four:
///
///     y[t]     = d0 g0 + d1 g1 + d2 g2        d0 .. d3 = x[t] .. x[t + 3], rows of F numbers
///     y[t + 1] = d1 g0 + d2 g1 + d3 g2        g0 .. g2 = kernel[0] .. kernel[2], F x U
///
///     m0 = (d0 - d2) g0                       m1 = (d1 + d2) (g0 + g1 + g2) / 2
///     m3 = (d3 - d1) g2                       m2 = (d2 - d1) (g0 - g1 + g2) / 2
///
///     y[t]     = m0 + m1 + m2                 y[t + 1] = m1 - m2 + m3
///
/// With dilation n the same for x[t], x[t + n], x[t + 2n], x[t + 3n] and y[t], y[t + n].
///
/// How it works. The pairs of steps of all samples stand in one row and are taken in blocks whose four inputs and four
/// products stay in the cache; each product is a gemm. The gradient of the kernel goes the same way back: each dm from
/// dy, four products of transposed matrices, and the taps from those.
///
/// What holds. Pairs are counted from the last step. So the bits of a step depend on its own window and on its place
/// among two times n steps from the end, but neither on the steps before it nor on other samples. A NaN stays within
/// the windows that see it; Inf may become NaN there. The error is about that of the plain sum (rms 1.1e-7
/// beside 1.4e-7 for F = 64 and outputs up to 2.5): the numbers are up to twice as large, the sums a third as long. No
/// pointer needs alignment, no output overlaps an input. A warm call allocates nothing.
#pragma once

#include <algorithm>
#include <type_traits>

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/simd/lanes.hpp>

DEEPREC_BEGIN
namespace kernels {

/// x [batch, steps + 2 dilation, features] with kernel [3, features, filters] gives y [batch, steps, filters].
struct ThreeTaps {
    Index batch, steps, features, filters, dilation;

    Index time() const { return steps + 2 * dilation; }
    /// Of a sample, those whose second step exists.
    Index pairs() const { return steps / (2 * dilation) * dilation + std::min(steps % (2 * dilation), dilation); }
};

/// Whether the multiply-adds saved, features x filters a step, outweigh the sums before and after the products, which
/// cost about as much as 12 (features + filters) of them.
inline bool winograd_pays(Index features, Index filters) { return features * filters >= 12 * (features + filters); }

namespace detail {
inline constexpr Index winograd_points = 4;
template <class T, class Arch>
inline constexpr Index winograd_block = 4 * Tile<T, Arch>::rows;  // pairs

/// f(row of the block, sample, first step) for each pair in [begin, end). The first step is negative where a pair has
/// only its second.
template <class F>
DEEPREC_INLINE void for_pairs(const ThreeTaps& s, Index begin, Index end, const F& f) {
    const Index pairs = s.pairs(), n = s.dilation;
    Index sample = begin / pairs, left = pairs - 1 - begin % pairs;  // pairs of the sample after this one
    Index rounds = left / n, rest = left % n;
    for (Index i = begin; i < end; ++i) {
        f(i - begin, sample, s.steps - 1 - rounds * 2 * n - rest - n);
        if (--rest >= 0) continue;
        rest = n - 1;
        if (--rounds >= 0) continue;
        ++sample;
        rounds = (pairs - 1) / n, rest = (pairs - 1) % n;
    }
}

/// to[p, r] = the four inputs of pair begin + r, for `rows` rows a point. Asks for what comes `rows` pairs later: it
/// arrives while this block is multiplied.
template <class T, class Arch>
void winograd_inputs(const ThreeTaps& s, const T* x, Index begin, Index end, Index rows, T* to) {
    const Index features = s.features, point = rows * features;
    for_pairs(s, begin, end, [&](Index r, Index sample, Index first) {
        const Index at = (sample * s.time() + first) * features, apart = s.dilation * features;
        T* const out = to + r * features;
        for_lanes<T, Arch>(features, [&]<class V>(Index f) {
            const auto d = [&](Index i) { return kernels::load<V>(x + (at + i * apart + f)); };
            for (Index i = 2; i < 4; ++i) prefetch_l2(x + (at + i * apart + f + 2 * rows * features));
            const V d0 = first < 0 ? V(T(0)) : d(0), d1 = d(1), d2 = d(2), d3 = d(3);
            kernels::store(out + f, d0 - d2);
            kernels::store(out + point + f, d1 + d2);
            kernels::store(out + 2 * point + f, d2 - d1);
            kernels::store(out + 3 * point + f, d3 - d1);
        });
    });
}
}  // namespace detail

/// Numbers in the packed form of kernel [3, features, filters].
template <class T, class Arch = xsimd::default_arch>
Index winograd_packed_size(Index features, Index filters) {
    return detail::winograd_points * packed_size<T, Arch>(features, filters);
}

/// The four matrices g of kernel [3, features, filters], packed into packed[winograd_packed_size(features, filters)].
template <class T, class Arch = xsimd::default_arch>
void winograd_pack(const T* kernel, Index features, Index filters, T* packed) {
    const Index tap = features * filters;
    for (Index p = 0; p < detail::winograd_points; ++p, packed += packed_size<T, Arch>(features, filters))
        detail::pack_panels<T, Arch>(features, filters, packed, [=](Index j, Index columns, T* to) {
            for (Index i = 0; i < features; ++i, to += detail::Tile<T, Arch>::width) {
                const T* const from = kernel + i * filters + j;
                detail::for_lanes<T, Arch>(columns, [&]<class V>(Index u) {
                    const V g0 = kernels::load<V>(from + u), g1 = kernels::load<V>(from + tap + u),
                            g2 = kernels::load<V>(from + 2 * tap + u), half(T(0.5));
                    kernels::store(to + u, p == 0   ? g0
                                           : p == 1 ? (g0 + g2 + g1) * half
                                           : p == 2 ? (g0 + g2 - g1) * half
                                                    : g2);
                });
            }
        });
}

/// y = activation(x * kernel + bias).
template <class T, class Arch = xsimd::default_arch>
void winograd_convolution(const ThreeTaps& s, const T* x, const T* packed, T* y, Buffer<T>& workspace,
                          const Epilogue<std::type_identity_t<T>, Arch>& epilogue = {}) {
    constexpr Index block = detail::winograd_block<T, Arch>;
    const Index filters = s.filters, point = block * filters, count = s.batch * s.pairs();
    const T* const bias = epilogue.bias;
    T* const pre_activation = epilogue.pre_activation;
    T* const inputs = workspace.need(detail::winograd_points * block * (s.features + filters));
    T* const products = inputs + detail::winograd_points * block * s.features;
    for (Index begin = 0; begin < count; begin += block) {
        const Index end = std::min(begin + block, count);
        detail::winograd_inputs<T, Arch>(s, x, begin, end, block, inputs);
        for (Index p = 0; p < detail::winograd_points; ++p)
            gemm<T, Arch>(matrix_rows<T>(inputs + p * block * s.features, end - begin, s.features, s.features),
                          packed + p * packed_size<T, Arch>(s.features, filters), filters, products + p * point,
                          filters);
        const auto combine = [&](const auto& act) {
            const auto finish = [&]<class V>(Index i, const V& z) {
                if (pre_activation) kernels::store(pre_activation + i, z);
                kernels::store(y + i, act(z));
            };
            detail::for_pairs(s, begin, end, [&](Index r, Index sample, Index first) {
                const T* const m = products + r * filters;
                const Index at = (sample * s.steps + first) * filters, apart = s.dilation * filters;
                detail::for_lanes<T, Arch>(filters, [&]<class V>(Index u) {
                    const V m1 = kernels::load<V>(m + point + u), m2 = kernels::load<V>(m + 2 * point + u);
                    V y0 = kernels::load<V>(m + u) + (m1 + m2), y1 = kernels::load<V>(m + 3 * point + u) + (m1 - m2);
                    if (bias) y0 = y0 + kernels::load<V>(bias + u), y1 = y1 + kernels::load<V>(bias + u);
                    if (first >= 0) finish(at + u, y0);
                    finish(at + apart + u, y1);
                });
                if constexpr (std::is_same_v<decltype(act), const Linear&>) {
                    if (first >= 0)
                        epilogue.activation(y + at, 2, filters, apart);
                    else
                        epilogue.activation(y + (at + apart), 1, filters, apart);
                }
            });
        };
        if (epilogue.activation.is_relu())
            combine(ReLU{});
        else
            combine(Linear{});
    }
}

/// gradient [3, features, filters] += the gradient by the kernel, for dy [batch, steps, filters] with samples
/// `dy_stride` numbers apart.
template <class T, class Arch = xsimd::default_arch>
void winograd_kernel_gradient(const ThreeTaps& s, const T* x, const T* dy, Index dy_stride, T* gradient,
                              Buffer<T>& workspace) {
    constexpr Index block = detail::winograd_block<T, Arch>, points = detail::winograd_points;
    const Index features = s.features, filters = s.filters, point = block * filters, count = s.batch * s.pairs(),
                n = features * filters;
    T* const inputs = workspace.need(points * (block * (features + filters) + n));
    T *const dm = inputs + points * block * features, *const dg = dm + points * point;
    std::fill_n(dg, points * n, T(0));
    for (Index begin = 0; begin < count; begin += block) {
        const Index end = std::min(begin + block, count);
        detail::winograd_inputs<T, Arch>(s, x, begin, end, block, inputs);
        detail::for_pairs(s, begin, end, [&](Index r, Index sample, Index first) {
            const Index at = sample * dy_stride + first * filters, apart = s.dilation * filters;
            T* const to = dm + r * filters;
            detail::for_lanes<T, Arch>(filters, [&]<class V>(Index u) {
                for (Index i = 0; i < 2; ++i) prefetch_l2(dy + (at + i * apart + u + 2 * block * filters));
                const V dy0 = first < 0 ? V(T(0)) : kernels::load<V>(dy + (at + u)),
                        dy1 = kernels::load<V>(dy + (at + apart + u));
                kernels::store(to + u, dy0);
                kernels::store(to + point + u, dy0 + dy1);
                kernels::store(to + 2 * point + u, dy0 - dy1);
                kernels::store(to + 3 * point + u, dy1);
            });
        });
        for (Index p = 0; p < points; ++p)
            gemm_tn<T, Arch>(matrix_rows<T>(inputs + p * block * features, end - begin, features, features),
                             dm + p * point, filters, filters, dg + p * n, filters);
    }
    detail::for_lanes<T, Arch>(n, [&]<class V>(Index i) {
        const auto add = [&](Index tap, const V& value) {
            kernels::store(gradient + tap * n + i, kernels::load<V>(gradient + tap * n + i) + value);
        };
        const V half(T(0.5)), g1 = half * kernels::load<V>(dg + n + i), g2 = half * kernels::load<V>(dg + 2 * n + i);
        add(0, kernels::load<V>(dg + i) + (g1 + g2));
        add(1, g1 - g2);
        add(2, kernels::load<V>(dg + 3 * n + i) + (g1 + g2));
    });
}

}  // namespace kernels
DEEPREC_END
