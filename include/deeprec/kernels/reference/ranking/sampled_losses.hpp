/// Scalar twin of kernels/ranking/sampled_losses.hpp.
#pragma once

#include <cmath>

#include <deeprec/kernels/ranking/sampled_losses.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
T softmax_against(T positive, T* z, Index n, T weight, T& slope) {
    T most = positive, total = 0;
    for (Index i = 0; i < n; ++i) most = std::max(most, z[i]);
    for (Index i = 0; i < n; ++i) total += std::exp(z[i] - most);
    total += std::exp(positive - most);
    for (Index i = 0; i < n; ++i) z[i] = weight * std::exp(z[i] - most) / total;
    slope = weight * (std::exp(positive - most) / total - 1);
    return most + std::log(total) - positive;
}

template <class T>
T softplus_against(T shift, T* z, Index n, T weight, T& slope) {
    T sum = 0;
    slope = 0;
    for (Index i = 0; i < n; ++i) {
        const T x = z[i] - shift;
        sum += std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
        z[i] = weight / (1 + std::exp(-x));
        slope += z[i];
    }
    return sum;
}

}  // namespace kernels::reference
DEEPREC_END
