/// The softmax cross-entropy of one row of logits, which several losses are made of.
#pragma once

#include <limits>

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// Target of a candidate that does not count for this sample: an item that the user took at another time.
template <class T = float>
inline constexpr T left_out = T(-1);

namespace detail {
/// loss = sum(y) log(sum over j of exp z_j) - sum over j of y_j z_j; gradient_j = scale (softmax(z)_j sum(y) - y_j)
/// unless gradient is null. `y(j)` is the target of candidate j; a candidate with a negative one is in no sum and has
/// gradient 0. The largest z is taken out first: finite for any finite z. NaN stays.
template <class T, class Target>
T softmax_cross_entropy(const T* z, Index candidates, const Target& y, T scale, T* gradient) {
    T largest = -std::numeric_limits<T>::infinity(), total = 0, weighted = 0, target = 0;
    for (Index j = 0; j < candidates; ++j)
        if (y(j) >= 0) largest = kernels::max_nan(z[j], largest);
    for (Index j = 0; j < candidates; ++j) {
        const T t = y(j);
        if (t < 0) continue;
        const T power = std::exp(z[j] - largest);
        if (gradient) gradient[j] = power;
        total += power;
        if (detail::equal(t, 0)) continue;
        weighted += t * (z[j] - largest);
        target += t;
    }
    if (gradient)
        for (Index j = 0; j < candidates; ++j) {
            const T t = y(j);
            gradient[j] = t < 0 ? T(0) : scale * (gradient[j] / total * target - t);
        }
    return detail::equal(total, 0) ? T(0) : std::log(total) * target - weighted;  // 0: all are left out
}
}  // namespace detail

DEEPREC_END
