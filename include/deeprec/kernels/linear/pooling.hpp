/// Pooling over time of [B, T, F], contiguous: maxima and means of windows. All work runs along the features, so an
/// element's bits do not depend on its place. A NaN in a window is its maximum and its mean.
#pragma once

#include <algorithm>
#include <cstdint>

#include <deeprec/kernels/simd/lanes.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Windows of `size` steps, `strides` apart, over B sequences of T steps; `before` padding steps lie in front of the
/// first. Parts of windows outside the sequence do not exist: they are neither compared nor counted.
struct PoolWindows {
    Index batch, time, features, steps, size, strides, before;

    Index begin(Index window) const { return std::max<Index>(window * strides - before, 0); }
    Index end(Index window) const { return std::min(window * strides - before + size, time); }
    /// Whether every step before the end of the last window is in one window alone.
    bool apart() const { return strides == size; }
    /// The one window of a global pooling.
    static PoolWindows whole(Index batch, Index time, Index features) { return {batch, time, features, 1, time, 1, 0}; }
};

namespace detail {
/// f(place of the first step, number of steps, place of the output) for each window.
template <class F>
void for_windows(const PoolWindows& w, F&& f) {
    for (Index b = 0; b < w.batch; ++b)
        for (Index o = 0; o < w.steps; ++o) {
            const Index begin = w.begin(o);
            f((b * w.time + begin) * w.features, w.end(o) - begin, (b * w.steps + o) * w.features);
        }
}
}  // namespace detail

/// y[b, o, f] = max over the window of x[b, t, f].
template <class T, class Arch = xsimd::default_arch>
void max_pool(const PoolWindows& w, const T* x, T* y) {
    detail::for_windows(w, [&](Index in, Index count, Index out) {
        detail::for_lanes<T, Arch>(w.features, [&]<class V>(Index f) {
            V best = kernels::load<V>(x + in + f);
            for (Index t = 1; t < count; ++t)
                best = kernels::max_nan(best, kernels::load<V>(x + in + t * w.features + f));
            kernels::store(y + out + f, best);
        });
    });
}

/// dx = 0, then the first maximum of each window gets its dy.
template <class T, class Arch = xsimd::default_arch>
void max_pool_backward(const PoolWindows& w, const T* x, const T* y, const T* dy, T* dx) {
    const bool apart = w.apart();
    for (Index b = 0, first = apart ? w.end(w.steps - 1) : 0; b < w.batch; ++b)
        std::fill_n(dx + (b * w.time + first) * w.features, (w.time - first) * w.features, T(0));
    detail::for_windows(w, [&](Index in, Index count, Index out) {
        detail::for_lanes<T, Arch>(w.features, [&]<class V>(Index f) {
            const V best = kernels::load<V>(y + out + f);
            V left = kernels::load<V>(dy + out + f);  // becomes zero once a step took it
            for (Index t = 0; t < count; ++t) {
                T* to = dx + in + t * w.features + f;
                const V here = kernels::load<V>(x + in + t * w.features + f);
                // Not here != here: false for NaN in xsimd 8.1's AVX-512.
                const auto hit = kernels::equal(here, best) || !kernels::equal(here, here);
                const V before = apart ? V(T(0)) : kernels::load<V>(to);
                kernels::store(to, before + kernels::select(hit, left, V(T(0))));
                left = kernels::select(hit, V(T(0)), left);
            }
        });
    });
}

/// As max_pool_backward, but tied maxima share dy equally.
template <class T, class Arch = xsimd::default_arch>
void max_pool_backward_shared(const PoolWindows& w, const T* x, const T* y, const T* dy, T* dx) {
    std::fill_n(dx, w.batch * w.time * w.features, T(0));
    detail::for_windows(w, [&](Index in, Index count, Index out) {
        detail::for_lanes<T, Arch>(w.features, [&]<class V>(Index f) {
            const V best = kernels::load<V>(y + out + f), one(T(1)), zero(T(0));
            const auto is_hit = [&](Index t) {
                const V here = kernels::load<V>(x + in + t * w.features + f);
                return kernels::equal(here, best) || !kernels::equal(here, here);
            };
            V hits = zero;
            for (Index t = 0; t < count; ++t) hits = hits + kernels::select(is_hit(t), one, zero);
            const V share = kernels::divide(kernels::load<V>(dy + out + f), hits);
            for (Index t = 0; t < count; ++t) {
                T* to = dx + in + t * w.features + f;
                kernels::store(to, kernels::load<V>(to) + kernels::select(is_hit(t), share, zero));
            }
        });
    });
}

/// y[b, o, f] = mean over the window of x[b, t, f].
template <class T, class Arch = xsimd::default_arch>
void average_pool(const PoolWindows& w, const T* x, T* y) {
    detail::for_windows(w, [&](Index in, Index count, Index out) {
        detail::for_lanes<T, Arch>(w.features, [&]<class V>(Index f) {
            V sum = kernels::load<V>(x + in + f);
            for (Index t = 1; t < count; ++t) sum = sum + kernels::load<V>(x + in + t * w.features + f);
            kernels::store(y + out + f, kernels::divide(sum, V(static_cast<T>(count))));
        });
    });
}

/// dx = 0, then every step of a window gets dy / (steps of the window).
template <class T, class Arch = xsimd::default_arch>
void average_pool_backward(const PoolWindows& w, const T* dy, T* dx) {
    std::fill_n(dx, w.batch * w.time * w.features, T(0));
    detail::for_windows(w, [&](Index in, Index count, Index out) {
        detail::for_lanes<T, Arch>(w.features, [&]<class V>(Index f) {
            const V share = kernels::divide(kernels::load<V>(dy + out + f), V(static_cast<T>(count)));
            for (Index t = 0; t < count; ++t) {
                T* to = dx + in + t * w.features + f;
                kernels::store(to, kernels::load<V>(to) + share);
            }
        });
    });
}

/// y[b, f] = mean of x[b, t, f] over the steps with keep[b, t] != 0; 0 where there is none.
template <class T, class Arch = xsimd::default_arch>
void masked_mean(const T* x, const std::uint8_t* keep, Index batch, Index time, Index features, T* y) {
    for (Index b = 0; b < batch; ++b) {
        const std::uint8_t* kept = keep + b * time;
        const T count = static_cast<T>(std::max<Index>(time - std::count(kept, kept + time, std::uint8_t(0)), 1));
        detail::for_lanes<T, Arch>(features, [&]<class V>(Index f) {
            V sum(T(0));
            for (Index t = 0; t < time; ++t)
                if (kept[t]) sum = sum + kernels::load<V>(x + (b * time + t) * features + f);
            kernels::store(y + b * features + f, kernels::divide(sum, V(count)));
        });
    }
}

/// dx[b, t, f] = dy[b, f] / (kept steps of b) where keep[b, t], else 0.
template <class T, class Arch = xsimd::default_arch>
void masked_mean_backward(const T* dy, const std::uint8_t* keep, Index batch, Index time, Index features, T* dx) {
    for (Index b = 0; b < batch; ++b) {
        const std::uint8_t* kept = keep + b * time;
        const T count = static_cast<T>(std::max<Index>(time - std::count(kept, kept + time, std::uint8_t(0)), 1));
        detail::for_lanes<T, Arch>(features, [&]<class V>(Index f) {
            const V share = kernels::divide(kernels::load<V>(dy + b * features + f), V(count));
            for (Index t = 0; t < time; ++t)
                kernels::store(dx + (b * time + t) * features + f, kept[t] ? share : V(T(0)));
        });
    }
}

}  // namespace kernels
DEEPREC_END
