/// Scalar twins of kernels/linear/pooling.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <cmath>

#include <deeprec/kernels/linear/pooling.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

namespace detail {
/// f(b, o, feature) for every output element.
template <class F>
void for_outputs(const PoolWindows& w, F&& f) {
    for (Index b = 0; b < w.batch; ++b)
        for (Index o = 0; o < w.steps; ++o)
            for (Index feature = 0; feature < w.features; ++feature) f(b, o, feature);
}
}  // namespace detail

/// The step of the first maximum (of the first NaN, if there is one) of a window.
template <class T>
Index first_maximum(const PoolWindows& w, const T* x, Index b, Index o, Index f) {
    const auto at = [&](Index t) { return x[(b * w.time + t) * w.features + f]; };
    Index best = w.begin(o);
    for (Index t = best + 1; t < w.end(o) && !std::isnan(at(best)); ++t)
        if (at(t) > at(best) || std::isnan(at(t))) best = t;
    return best;
}
template <class T>
void max_pool(const PoolWindows& w, const T* x, T* y) {
    detail::for_outputs(w, [&](Index b, Index o, Index f) {
        y[(b * w.steps + o) * w.features + f] = x[(b * w.time + first_maximum(w, x, b, o, f)) * w.features + f];
    });
}
template <class T>
void max_pool_backward(const PoolWindows& w, const T* x, const T* dy, T* dx) {
    std::fill_n(dx, w.batch * w.time * w.features, T(0));
    detail::for_outputs(w, [&](Index b, Index o, Index f) {
        dx[(b * w.time + first_maximum(w, x, b, o, f)) * w.features + f] += dy[(b * w.steps + o) * w.features + f];
    });
}
template <class T>
void average_pool(const PoolWindows& w, const T* x, T* y) {
    detail::for_outputs(w, [&](Index b, Index o, Index f) {
        T sum = 0;
        for (Index t = w.begin(o); t < w.end(o); ++t) sum += x[(b * w.time + t) * w.features + f];
        y[(b * w.steps + o) * w.features + f] = sum / static_cast<T>(w.end(o) - w.begin(o));
    });
}
template <class T>
void average_pool_backward(const PoolWindows& w, const T* dy, T* dx) {
    std::fill_n(dx, w.batch * w.time * w.features, T(0));
    detail::for_outputs(w, [&](Index b, Index o, Index f) {
        const T share = dy[(b * w.steps + o) * w.features + f] / static_cast<T>(w.end(o) - w.begin(o));
        for (Index t = w.begin(o); t < w.end(o); ++t) dx[(b * w.time + t) * w.features + f] += share;
    });
}

}  // namespace kernels::reference
DEEPREC_END
