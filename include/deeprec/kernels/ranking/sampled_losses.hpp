/// Losses of one positive score against a row of sampled ones, with their gradients. A score of `left_out_score` counts
/// for nothing and gets the gradient 0. NaN goes through to the loss. No pointer needs alignment.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Of a candidate that is no negative of this row.
template <class T>
inline constexpr T left_out_score = std::numeric_limits<T>::lowest();

/// loss = log(e^positive + sum_j e^z[j]) - positive. z[j] becomes weight times dloss/dz[j], `slope` that of the
/// positive. Finite for any finite scores; the error of the loss is that of exp, a few epsilon (1 + |z - positive|).
template <class T, class Arch = xsimd::default_arch>
T softmax_against(T positive, T* z, Index n, T weight, T& slope) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V most(positive);
    Index i = 0;
    for (; i + step <= n; i += step) most = kernels::at_least(kernels::load<V>(z + i), most);
    if (i < n) most = kernels::at_least(kernels::load_first<V>(z + i, n - i, left_out_score<T>), most);
    const T m = kernels::reduce_max(most);
    V sums(T(0));
    for (i = 0; i + step <= n; i += step) {
        const V e = kernels::exp_up_to_1(kernels::load<V>(z + i) - V(m));
        kernels::store(z + i, e);
        sums = sums + e;
    }
    if (i < n) {
        const V e = kernels::exp_up_to_1(kernels::load_first<V>(z + i, n - i, left_out_score<T>) - V(m));
        kernels::store_first(z + i, e, n - i);
        sums = sums + e;
    }
    const T sum = kernels::reduce_add(sums), total = sum + std::exp(positive - m);
    const V share(weight / total);
    for (i = 0; i + step <= n; i += step) kernels::store(z + i, kernels::load<V>(z + i) * share);
    for (; i < n; ++i) z[i] *= weight / total;
    slope = -weight * (sum / total);
    return m + std::log(total) - positive;
}

/// sum_j log(1 + e^(z[j] - shift)), the cross-entropy of logits whose target is 0; z[j] becomes weight
/// sigmoid(z[j] - shift), and `slope` the sum of these.
template <class T, class Arch = xsimd::default_arch>
T softplus_against(T shift, T* z, Index n, T weight, T& slope) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V sums(T(0)), slopes(T(0));
    const auto one = [&](const V& x) {
        const V from = kernels::at_least(x - V(shift), V(left_out_score<T>));
        sums = sums + kernels::softplus(from);
        const V g = V(weight) * kernels::sigmoid(from);
        slopes = slopes + g;
        return g;
    };
    Index i = 0;
    for (; i + step <= n; i += step) kernels::store(z + i, one(kernels::load<V>(z + i)));
    if (i < n) kernels::store_first(z + i, one(kernels::load_first<V>(z + i, n - i, left_out_score<T>)), n - i);
    slope = kernels::reduce_add(slopes);
    return kernels::reduce_add(sums);
}

}  // namespace kernels
DEEPREC_END
