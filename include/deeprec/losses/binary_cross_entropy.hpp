/// Binary cross-entropy from probabilities or logits.
#pragma once

#include <algorithm>

#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

struct BinaryCrossEntropyOptions {
    bool from_logits = false;
    double label_smoothing = 0;  ///< s: targets become y (1 - s) + s / 2
    Reduction reduction = Reduction::sum_over_batch_size;
};

/// loss = mean over outputs of -(y log p + (1 - y) log(1 - p)), as Keras' BinaryCrossentropy.
///
/// Probabilities are clipped to [1e-7, 1 - 1e-7]; the gradient is zero outside. From logits z the loss is
/// max(z, 0) - z y + log(1 + exp(-|z|)) with gradient sigmoid(z) - y: exact and finite for any z. `fit` takes that form
/// by itself for a model that ends in `sigmoid`.
class BinaryCrossEntropy : public SampleLoss<BinaryCrossEntropy> {
public:
    /// Throws ArgumentError unless label_smoothing is in [0, 1].
    explicit BinaryCrossEntropy(BinaryCrossEntropyOptions options = {})
        : SampleLoss(options.reduction), options_(options) {
        if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
            throw ArgumentError(
                message("BinaryCrossEntropy: expected label_smoothing in [0, 1], received ", options.label_smoothing));
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
    T sample(const T* prediction, const T* target, Index outputs, T scale, T* gradient) const {
        T sum = 0;
        const T each = T(1) / static_cast<T>(outputs), smoothing = static_cast<T>(options_.label_smoothing);
        for (Index j = 0; j < outputs; ++j) {
            const T y = target[j] * (1 - smoothing) + smoothing / 2;
            T derivative;
            sum += options_.from_logits ? from_logit(prediction[j], y, derivative)
                                        : from_probability(prediction[j], y, derivative);
            if (gradient) gradient[j] = scale * each * derivative;
        }
        return sum * each;
    }

private:
    template <class T>
    static T from_logit(T z, T y, T& derivative) {
        const T small = std::exp(-std::abs(z));  // in (0, 1]: no overflow on either side
        const T tail = small / (1 + small);      // sigmoid(-|z|), so that a saturated target keeps its small gradient
        derivative = z >= 0 ? (1 - y) - tail : tail - y;
        return (z > 0 ? z : T(0)) - z * y + std::log1p(small);
    }
    template <class T>
    static T from_probability(T p, T y, T& derivative) {
        const T low = static_cast<T>(1e-7), high = 1 - low;
        const bool outside = p < low || p > high;
        const T q = std::clamp(p, low, high);
        derivative = outside ? T(0) : (q - y) / (q * (1 - q));
        return -(y * std::log(q) + (1 - y) * std::log1p(-q));
    }

    BinaryCrossEntropyOptions options_;
};

DEEPREC_END
