/// Binary cross-entropy over sampled negatives that does not overestimate the probabilities.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>

DEEPREC_BEGIN

/// Of Gbce: `Gbce{{.items = 10000}}`.
struct GbceOptions {
    Index items = 0;            ///< of the catalogue from which the negatives are drawn; required
    double calibration = 0.75;  ///< t: 0 = binary cross-entropy, 1 = well calibrated probabilities
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
};

/// loss = -1 / (k + 1) (log(sigmoid(z+)^beta) + sum over k negatives of log(1 - sigmoid(z-))),
/// beta = a (t (1 - 1/a) + 1/a) with the sampling rate a = k / (items - 1): Petrov and Macdonald, "gSASRec: Reducing
/// Overconfidence in Sequential Recommendation Trained with Negative Sampling" (RecSys 2023).
///
/// Shapes: z and y [B, G] as SampledSoftmax: y = 1 the positives, 0 the negatives, below 0 (`left_out`) in no sum; k is
/// what counts of a sample. Works on the values before a final sigmoid; finite for any finite z.
class Gbce : public SampleLoss<Gbce> {
public:
    /// Throws ArgumentError unless items > 1 and calibration is in [0, 1].
    explicit Gbce(GbceOptions options) : SampleLoss(options.reduction), options_(options) {
        if (options.items < 2) throw ArgumentError(message("Gbce: expected items > 1, received ", options.items));
        detail::require_option(name(), "calibration", options.calibration, 0, 1);
    }
    static constexpr std::string_view name() { return "Gbce"; }
    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Sigmoid>;
    Gbce on_logits() const { return *this; }

    /// The power of the positive probability among so many negatives.
    double beta(Index negatives) const {
        const double rate = std::min(1.0, static_cast<double>(negatives) / static_cast<double>(options_.items - 1));
        return rate * options_.calibration + (1 - options_.calibration);  // the formula without its 1 / a
    }

    template <class T, class Y>
    T sample(const T* z, const Y* y, Index candidates, T scale, T* gradient) const {
        Index counted = 0, negatives = 0;
        for (Index j = 0; j < candidates; ++j) {
            counted += y[j] >= 0;
            negatives += detail::equal(y[j], 0);
        }
        const T power = static_cast<T>(beta(negatives)), each = counted ? T(1) / static_cast<T>(counted) : T(0);
        T sum = 0;
        for (Index j = 0; j < candidates; ++j) {
            T derivative = 0;
            if (y[j] >= 0)
                sum += detail::binary_cross_entropy_from_logit(z[j], static_cast<T>(y[j]), power, T(1), derivative);
            if (gradient) gradient[j] = scale * each * derivative;
        }
        return sum * each;
    }

private:
    GbceOptions options_;
};

DEEPREC_END
