/// Binary cross-entropy from probabilities or logits.
#pragma once

#include <algorithm>

#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// Of BinaryCrossEntropy: `BinaryCrossEntropy{{.pos_weight = 9}}`.
struct BinaryCrossEntropyOptions {
    bool from_logits = false;    ///< predictions are logits z, not probabilities
    double label_smoothing = 0;  ///< s: targets become y (1 - s) + s / 2
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
    double pos_weight = 1;   ///< class weight of y = 1, as PyTorch's
    double neg_weight = 1;   ///< class weight of y = 0
    bool clamp_log = false;  ///< PyTorch's rule for probabilities: no clipping, but a logarithm is at least -100
};

namespace detail {
/// -(pos y log s + neg (1 - y) log(1 - s)), s = sigmoid(z), with its slope in z; exact and finite for any z.
template <class T>
T binary_cross_entropy_from_logit(T z, T y, T pos, T neg, T& derivative) {
    const T power = std::exp(-std::abs(z));  // in (0, 1]: no overflow on either side
    const T tail = power / (1 + power);      // sigmoid(-|z|), so that a saturated target keeps its small gradient
    const T both = pos * y + neg * (1 - y);
    derivative = z >= 0 ? neg * (1 - y) - both * tail : both * tail - pos * y;
    return (z >= 0 ? neg * (1 - y) : -pos * y) * z + both * std::log1p(power);
}
/// -(pos y log q + neg (1 - y) log(1 - q)), q = p clipped to [1e-7, 1 - 1e-7]; no slope outside.
template <class T>
T binary_cross_entropy_from_probability(T p, T y, T pos, T neg, T& derivative) {
    const T low = static_cast<T>(1e-7), high = 1 - low;
    const bool outside = p < low || p > high;
    const T q = std::clamp(p, low, high);
    derivative = outside ? T(0) : (neg * (1 - y) * q - pos * y * (1 - q)) / (q * (1 - q));
    return -(pos * y * std::log(q) + neg * (1 - y) * std::log1p(-q));
}
/// Throws DataError unless 0 <= y <= 1 or NaN. Candidates that a sampler left out have -1, which only losses over
/// candidates know.
template <class T>
void require_label(std::string_view who, T y) {
    if (y < 0 || y > 1) throw DataError(message(who, ": expected targets in [0, 1], received ", y));
}
}  // namespace detail

/// loss = mean over outputs of -(y log p + (1 - y) log(1 - p)), as Keras' BinaryCrossentropy.
///
/// Probabilities are clipped to [1e-7, 1 - 1e-7]; the gradient is zero outside. From logits z the loss is
/// max(z, 0) - z y + log(1 + exp(-|z|)) with gradient sigmoid(z) - y: exact and finite for any z. `fit` takes that form
/// by itself for a model that ends in `sigmoid`. The class weights multiply the two terms. Throws DataError for a
/// target outside [0, 1].
class BinaryCrossEntropy : public ElementLoss<BinaryCrossEntropy> {
public:
    /// Throws ArgumentError unless label_smoothing is in [0, 1] and no class weight is negative.
    explicit BinaryCrossEntropy(BinaryCrossEntropyOptions options = {})
        : ElementLoss(options.reduction), options_(options) {
        detail::require_option(name(), "label_smoothing", options.label_smoothing, 0, 1);
        detail::require_not_negative(name(), "pos_weight", options.pos_weight);
        detail::require_not_negative(name(), "neg_weight", options.neg_weight);
    }
    static constexpr std::string_view name() { return "BinaryCrossEntropy"; }

    /// Whether a model with this final activation is trained through its logits.
    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Sigmoid>;
    BinaryCrossEntropy on_logits() const {
        BinaryCrossEntropy loss = *this;
        loss.options_.from_logits = true;
        return loss;
    }

    template <class T>
    T element(T prediction, T target, T& derivative) const {
        detail::require_label(name(), target);
        const T smoothing = static_cast<T>(options_.label_smoothing), y = target * (1 - smoothing) + smoothing / 2;
        const T pos = static_cast<T>(options_.pos_weight), neg = static_cast<T>(options_.neg_weight);
        if (options_.from_logits) return detail::binary_cross_entropy_from_logit(prediction, y, pos, neg, derivative);
        if (options_.clamp_log) return clamped(prediction, y, pos, neg, derivative);
        return detail::binary_cross_entropy_from_probability(prediction, y, pos, neg, derivative);
    }

private:
    /// ATen's binary_cross_entropy: its slope has max(p (1 - p), 1e-12) below, also where a logarithm is held.
    template <class T>
    static T clamped(T p, T y, T pos, T neg, T& derivative) {
        derivative = (neg * (1 - y) * p - pos * y * (1 - p)) / kernels::max_nan(static_cast<T>(1e-12), p * (1 - p));
        return -(pos * y * kernels::max_nan(T(-100), std::log(p)) +
                 neg * (1 - y) * kernels::max_nan(T(-100), std::log1p(-p)));
    }

    BinaryCrossEntropyOptions options_;
};

DEEPREC_END
