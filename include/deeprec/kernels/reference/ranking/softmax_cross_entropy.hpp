/// Scalar twin of kernels/ranking/softmax_cross_entropy.hpp: all logits of a row at once.
#pragma once

#include <vector>

#include <deeprec/kernels/ranking/softmax_cross_entropy.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void softmax_cross_entropy(const CatalogueScores<T>& x, T* losses, const CatalogueGradients<T>* d) {
    std::vector<T> logits(static_cast<std::size_t>(x.count));
    for (Index r = 0; r < x.rows; ++r) {
        const T weight = x.weights ? x.weights[r] : T(1);
        T most = std::numeric_limits<T>::lowest(), sum = 0;
        for (Index j = 0; j < x.count; ++j) {
            T logit = 0;
            for (Index k = 0; k < x.width; ++k) logit += x.h[r * x.ldh + k] * x.items[j * x.ld_items + k];
            if (x.bias) logit += x.bias[j];
            logits[static_cast<std::size_t>(j)] = logit;
            most = std::max(most, logit);
        }
        for (const T logit : logits) sum += std::exp(logit - most);
        const T log_sum = most + std::log(sum);
        losses[r] = weight * (log_sum - logits[static_cast<std::size_t>(x.targets[r])]);
        if (!d) continue;
        std::fill_n(d->dh + r * d->ld_dh, x.width, T(0));
        for (Index j = 0; j < x.count; ++j) {
            const T softmax = std::exp(logits[static_cast<std::size_t>(j)] - log_sum);
            const T g = weight * softmax - (j == x.targets[r] ? weight : T(0));
            for (Index k = 0; k < x.width; ++k) {
                d->dh[r * d->ld_dh + k] += g * x.items[j * x.ld_items + k];
                d->d_items[j * d->ld_d_items + k] += g * x.h[r * x.ldh + k];
            }
            if (d->d_bias) d->d_bias[j] += g;
        }
    }
}

}  // namespace kernels::reference
DEEPREC_END
