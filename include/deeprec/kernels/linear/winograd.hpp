/// Convolution over time in two thirds to three quarters of the multiply-adds: minimal filtering (S. Winograd,
/// Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural
/// Networks, CVPR 2016). Two steps of y need six products of a step of x and a tap of a kernel of three; here it is
/// four, F(2, 3):
///
///     y[t]     = d0 g0 + d1 g1 + d2 g2        d0 .. d3 = x[t] .. x[t + 3], rows of F numbers
///     y[t + 1] = d1 g0 + d2 g1 + d3 g2        g0 .. g2 = kernel[0] .. kernel[2], F x U
///
///     m0 = (d0 - d2) g0                       m1 = (d1 + d2) (g0 + g1 + g2) / 2
///     m3 = (d3 - d1) g2                       m2 = (d2 - d1) (g0 - g1 + g2) / 2
///
///     y[t]     = m0 + m1 + m2                 y[t + 1] = m1 - m2 + m3
///
/// Two taps take three for four, F(2, 2), whose products join the same sums:
///
///     m0 = (d0 - d1) g0     m1 = d1 (g0 + g1)     m3 = (d2 - d1) g1     (m2 = 0)
///
/// More taps are groups of three and two, each at its place in the window: 4 = 2 + 2, 5 = 3 + 2 (7 products for 10),
/// 6 = 3 + 3, 7 = 3 + 2 + 2. As all have the same sums behind them, the groups stand side by side in the rows of four
/// matrices: four gemm, whatever the taps.
///
/// With dilation n the same for x[t], x[t + n], x[t + 2n], x[t + 3n] and y[t], y[t + n].
///
/// How it works. The pairs of steps of all samples stand in one row and are taken in blocks whose inputs and four
/// products stay in the cache; each product is a gemm. The gradient of the kernel goes the same way back: each dm from
/// dy, four products of transposed matrices, and the taps from those.
///
/// What holds. Pairs are counted from the last step. So the bits of a step depend on its own window and on its place
/// among two times n steps from the end, but neither on the steps before it nor on other samples. A NaN stays within
/// the windows that see it; Inf may become NaN there. The error is about that of the plain sum (rms 1.1e-7
/// beside 1.4e-7 for three taps, F = 64 and outputs up to 2.5): the numbers are up to twice as large, the sums a third
/// as long. No pointer needs alignment, no output overlaps an input. A warm call allocates nothing.
#pragma once

#include <algorithm>
#include <type_traits>

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/simd/lanes.hpp>

DEEPREC_BEGIN
namespace kernels {

/// x [batch, time(), features] with kernel [taps, features, filters] gives y [batch, steps, filters]; two taps or more.
struct ConvolutionShape {
    Index batch, steps, features, filters, dilation, taps = 3;

    Index time() const { return steps + (taps - 1) * dilation; }
    /// Of a sample, those whose second step exists.
    Index pairs() const { return steps / (2 * dilation) * dilation + std::min(steps % (2 * dilation), dilation); }
};

/// The taps of a kernel as groups: those of three, then those of two.
struct TapGroups {
    explicit TapGroups(Index taps) : twos(taps % 3 == 0 ? 0 : 3 - taps % 3), threes((taps - 2 * twos) / 3) {}
    Index twos, threes;

    Index count() const { return threes + twos; }
    Index size(Index group) const { return group < threes ? 3 : 2; }
    /// The first tap of a group.
    Index first(Index group) const { return 3 * std::min(group, threes) + 2 * std::max<Index>(group - threes, 0); }
    /// Of a step of x and a tap, for two steps of y.
    Index products() const { return 4 * threes + 3 * twos; }
    /// Of those, what product `point` of the four adds up: groups of two have no part in number 2.
    Index rows(Index point) const { return point == 2 ? threes : count(); }
};

/// Whether the multiply-adds saved outweigh the sums before and after the products, which cost about as much as 12 for
/// each number of a group's step and of y. Three taps or more.
inline bool winograd_pays(Index taps, Index features, Index filters) {
    if (taps < 3) return false;
    const TapGroups groups(taps);
    const Index saved = 2 * taps - groups.products();  // in two steps
    return saved * features * filters >= 24 * (groups.count() * features + filters);
}

namespace detail {
inline constexpr Index winograd_points = 4;
template <class T, class Arch>
inline constexpr Index winograd_block = 4 * Tile<T, Arch>::rows;  // pairs

/// f(row of the block, sample, first step) for each pair in [begin, end). The first step is negative where a pair has
/// only its second.
template <class F>
DEEPREC_INLINE void for_pairs(const ConvolutionShape& s, Index begin, Index end, const F& f) {
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

/// Matrices of the four products, one after the other: [point][rows, groups.rows(point) x features].
template <class T>
struct PointMatrices {
    T* begin;
    Index rows, features;
    TapGroups groups;

    Index width(Index point) const { return groups.rows(point) * features; }
    T* operator[](Index point) const {
        return begin + rows * features * (point * groups.count() - (point > 2 ? groups.twos : 0));
    }
    /// Numbers of all four.
    Index size() const { return rows * features * groups.products(); }
};

/// to[p][r] = the inputs of pair begin + r. Asks for what comes as many pairs later as a block has: it arrives while
/// this block is multiplied.
template <class T, class Arch>
void winograd_inputs(const ConvolutionShape& s, const T* x, Index begin, Index end, const PointMatrices<T>& to) {
    const Index features = s.features;
    for_pairs(s, begin, end, [&](Index r, Index sample, Index first) {
        const Index at = (sample * s.time() + first) * features, apart = s.dilation * features;
        T *const p0 = to[0] + r * to.width(0), *const p1 = to[1] + r * to.width(1), *const p2 = to[2] + r * to.width(2),
                 *const p3 = to[3] + r * to.width(3);
        for (Index g = 0; g < to.groups.count(); ++g) {
            const T* const from = x + (at + to.groups.first(g) * apart);
            const bool cut = first < 0 && g == 0;  // the pair has no first step, nor what that alone reads
            const Index place = g * features, size = to.groups.size(g), ahead = 2 * to.rows * features;
            const bool last = g + 1 == to.groups.count();
            const auto each = [&]<int Size>(std::integral_constant<int, Size>) {
                for_lanes<T, Arch>(features, [&]<class V>(Index f) {
                    const auto d = [&](Index i) { return kernels::load<V>(from + (i * apart + f)); };
                    for (Index i = size - 1; last && i < size + 1; ++i) prefetch_l2(from + (i * apart + f + ahead));
                    const V d0 = cut ? V(T(0)) : d(0), d1 = d(1), d2 = d(2);
                    if constexpr (Size == 3) {
                        const V d3 = d(3);
                        kernels::store(p0 + (place + f), d0 - d2);
                        kernels::store(p1 + (place + f), d1 + d2);
                        kernels::store(p2 + (place + f), d2 - d1);
                        kernels::store(p3 + (place + f), d3 - d1);
                    } else {
                        kernels::store(p0 + (place + f), d0 - d1);
                        kernels::store(p1 + (place + f), d1);
                        kernels::store(p3 + (place + f), d2 - d1);
                    }
                });
            };
            if (size == 3)
                each(std::integral_constant<int, 3>{});
            else
                each(std::integral_constant<int, 2>{});
        }
    });
}
}  // namespace detail

/// Numbers in the packed form of kernel [taps, features, filters].
template <class T, class Arch = xsimd::default_arch>
Index winograd_packed_size(Index taps, Index features, Index filters) {
    const TapGroups groups(taps);
    return packed_size<T, Arch>(groups.products() * features, filters);
}

/// The four matrices of kernel [taps, features, filters], packed into
/// packed[winograd_packed_size(taps, features, filters)].
template <class T, class Arch = xsimd::default_arch>
void winograd_pack(const T* kernel, Index taps, Index features, Index filters, T* packed) {
    const Index tap = features * filters;
    const TapGroups groups(taps);
    for (Index p = 0; p < detail::winograd_points; ++p) {
        const Index rows = groups.rows(p) * features;
        detail::pack_panels<T, Arch>(rows, filters, packed, [=](Index j, Index columns, T* to) {
            for (Index i = 0; i < rows; ++i, to += detail::Tile<T, Arch>::width) {
                const Index group = i / features;
                const T* const from = kernel + groups.first(group) * tap + i % features * filters + j;
                const bool three = groups.size(group) == 3;
                detail::for_lanes<T, Arch>(columns, [&]<class V>(Index u) {
                    const V g0 = kernels::load<V>(from + u), g1 = kernels::load<V>(from + tap + u), half(T(0.5));
                    if (three) {
                        const V g2 = kernels::load<V>(from + 2 * tap + u);
                        kernels::store(to + u, p == 0   ? g0
                                               : p == 1 ? (g0 + g2 + g1) * half
                                               : p == 2 ? (g0 + g2 - g1) * half
                                                        : g2);
                    } else {
                        kernels::store(to + u, p == 0 ? g0 : p == 1 ? g0 + g1 : g1);
                    }
                });
            }
        });
        packed += packed_size<T, Arch>(rows, filters);
    }
}

/// y = activation(x * kernel + bias).
template <class T, class Arch = xsimd::default_arch>
void winograd_convolution(const ConvolutionShape& s, const T* x, const T* packed, T* y, Buffer<T>& workspace,
                          const Epilogue<std::type_identity_t<T>, Arch>& epilogue = {}) {
    constexpr Index block = detail::winograd_block<T, Arch>;
    const Index filters = s.filters, point = block * filters, count = s.batch * s.pairs();
    const T* const bias = epilogue.bias;
    T* const pre_activation = epilogue.pre_activation;
    detail::PointMatrices<T> inputs{nullptr, block, s.features, TapGroups(s.taps)};
    inputs.begin = workspace.need(inputs.size() + detail::winograd_points * point);
    T* const products = inputs.begin + inputs.size();
    for (Index begin = 0; begin < count; begin += block) {
        const Index end = std::min(begin + block, count);
        detail::winograd_inputs<T, Arch>(s, x, begin, end, inputs);
        const T* matrix = packed;
        for (Index p = 0; p < detail::winograd_points; ++p) {
            const Index width = inputs.width(p);
            gemm<T, Arch>(matrix_rows<T>(inputs[p], end - begin, width, width), matrix, filters, products + p * point,
                          filters);
            matrix += packed_size<T, Arch>(width, filters);
        }
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

/// gradient [taps, features, filters] += the gradient by the kernel, for dy [batch, steps, filters] with samples
/// `dy_stride` numbers apart.
template <class T, class Arch = xsimd::default_arch>
void winograd_kernel_gradient(const ConvolutionShape& s, const T* x, const T* dy, Index dy_stride, T* gradient,
                              Buffer<T>& workspace) {
    constexpr Index block = detail::winograd_block<T, Arch>, points = detail::winograd_points;
    const Index filters = s.filters, point = block * filters, count = s.batch * s.pairs(), n = s.features * filters;
    const TapGroups groups(s.taps);
    detail::PointMatrices<T> inputs{nullptr, block, s.features, groups};
    detail::PointMatrices<T> dg{nullptr, filters, s.features, groups};  // [point][groups x features, filters]
    inputs.begin = workspace.need(inputs.size() + points * point + dg.size());
    T* const dm = inputs.begin + inputs.size();
    dg.begin = dm + points * point;
    std::fill_n(dg.begin, dg.size(), T(0));
    for (Index begin = 0; begin < count; begin += block) {
        const Index end = std::min(begin + block, count);
        detail::winograd_inputs<T, Arch>(s, x, begin, end, inputs);
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
            gemm_tn<T, Arch>(matrix_rows<T>(inputs[p], end - begin, inputs.width(p), inputs.width(p)), dm + p * point,
                             filters, filters, dg[p], filters);
    }
    for (Index g = 0; g < groups.count(); ++g)
        detail::for_lanes<T, Arch>(n, [&]<class V>(Index i) {
            T* const to = gradient + groups.first(g) * n + i;
            const auto add = [&](Index tap, const V& value) {
                kernels::store(to + tap * n, kernels::load<V>(to + tap * n) + value);
            };
            const auto sum = [&](Index p) { return kernels::load<V>(dg[p] + (g * n + i)); };
            if (groups.size(g) == 3) {
                const V half(T(0.5)), g1 = half * sum(1), g2 = half * sum(2);
                add(0, sum(0) + (g1 + g2));
                add(1, g1 - g2);
                add(2, sum(3) + (g1 + g2));
            } else {
                add(0, sum(0) + sum(1));
                add(1, sum(3) + sum(1));
            }
        });
}

}  // namespace kernels
DEEPREC_END
