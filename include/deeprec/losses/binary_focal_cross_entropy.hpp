/// Focal binary cross-entropy: easy samples count less.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>

DEEPREC_BEGIN

/// Of BinaryFocalCrossEntropy: `BinaryFocalCrossEntropy{{.gamma = 1}}`.
struct BinaryFocalCrossEntropyOptions {
    bool apply_class_balancing = false;  ///< weights classes by alpha
    double alpha = 0.25;  ///< weight of y = 1, and 1 - alpha of y = 0, with apply_class_balancing
    double gamma = 2;     ///< 0: plain cross-entropy
    bool from_logits = false;                              ///< predictions are logits z, not probabilities
    double label_smoothing = 0;                            ///< s: targets become y (1 - s) + s / 2
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
};

/// loss = mean over outputs of a m^gamma bce, m = y (1 - p) + (1 - y) p the missing probability, a = 1 or
/// alpha y + (1 - alpha) (1 - y), as Keras' BinaryFocalCrossentropy (Lin et al. 2017). PyTorch's sigmoid_focal_loss is
/// this with apply_class_balancing, from logits and without the clipping.
///
/// Keras clips p to [1e-7, 1 - 1e-7] within bce alone, and takes the sigmoid of logits before that. `fit` trains a
/// model that ends in `sigmoid` through its logits without clipping, so that saturated samples keep their slope.
class BinaryFocalCrossEntropy : public ElementLoss<BinaryFocalCrossEntropy> {
public:
    /// Throws ArgumentError unless alpha and label_smoothing are in [0, 1] and gamma >= 0.
    explicit BinaryFocalCrossEntropy(BinaryFocalCrossEntropyOptions options = {})
        : ElementLoss(options.reduction), options_(options) {
        detail::require_option(name(), "alpha", options.alpha, 0, 1);
        detail::require_option(name(), "label_smoothing", options.label_smoothing, 0, 1);
        detail::require_not_negative(name(), "gamma", options.gamma);
    }
    static constexpr std::string_view name() { return "BinaryFocalCrossEntropy"; }

    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Sigmoid>;
    BinaryFocalCrossEntropy on_logits() const {
        BinaryFocalCrossEntropy loss = *this;
        loss.exact_ = true;
        return loss;
    }

    template <class T>
    T element(T x, T target, T& derivative) const {
        detail::require_label(name(), target);
        const T smoothing = static_cast<T>(options_.label_smoothing), y = target * (1 - smoothing) + smoothing / 2;
        const T alpha = static_cast<T>(options_.alpha), gamma = static_cast<T>(options_.gamma);
        const T a = options_.apply_class_balancing ? alpha * y + (1 - alpha) * (1 - y) : T(1);
        T p = x, rest = 1 - x, dp = 1;  // the probability, 1 - p, dp/dx
        if (options_.from_logits || exact_) {
            const T power = std::exp(-std::abs(x)), tail = power / (1 + power);
            p = x >= 0 ? 1 - tail : tail;
            rest = x >= 0 ? tail : 1 - tail;
            dp = p * rest;
        }
        T slope;  // of bce
        const T bce = exact_ ? detail::binary_cross_entropy_from_logit(x, y, T(1), T(1), slope)
                             : detail::binary_cross_entropy_from_probability(p, y, T(1), T(1), slope);
        if (!exact_) slope *= dp;
        const T missing = y * rest + (1 - y) * p, focus = a * std::pow(missing, gamma);
        // (1 - 2y) dp / missing stays bounded; 0/0 only where p has underflowed, and then focus is 0 unless gamma is
        const T relative = !detail::equal(missing, 0) ? (1 - 2 * y) * dp / missing : T(0);
        derivative = focus * (slope + gamma * relative * bce);
        return focus * bce;
    }

private:
    BinaryFocalCrossEntropyOptions options_;
    bool exact_ = false;  // from logits, without clipping
};

DEEPREC_END
