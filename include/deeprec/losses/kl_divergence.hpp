/// Kullback-Leibler divergence of a predicted distribution from the target.
#pragma once

#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// loss = sum over j of y_j log(y_j / p_j), both clipped to [1e-7, 1], as Keras' KLDivergence; no slope outside.
/// Shapes: prediction and target [B, ..., C].
class KLDivergence : public SampleLoss<KLDivergence> {
public:
    using SampleLoss::SampleLoss;
    static constexpr std::string_view name() { return "KLDivergence"; }

    template <class T, class Y>
    T sample(const T* prediction, const Y* target, Index outputs, T scale, T* gradient) const {
        const T low = static_cast<T>(1e-7);
        T sum = 0;
        for (Index j = 0; j < outputs; ++j) {
            const T p = std::clamp(prediction[j], low, T(1)), y = std::clamp(static_cast<T>(target[j]), low, T(1));
            sum += y * std::log(y / p);
            if (gradient) gradient[j] = prediction[j] < low || prediction[j] > 1 ? T(0) : -scale * y / p;
        }
        return sum;
    }
};

DEEPREC_END
