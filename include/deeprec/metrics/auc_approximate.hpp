/// Areas under curves from counts at fixed thresholds: any number of predictions in constant memory.
#pragma once

#include <cmath>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// Of true against false positives, or of precision against recall.
enum class Curve { roc, precision_recall };

/// Of AucApproximate: `AucApproximate{{.curve = Curve::precision_recall}}`.
struct AucApproximateOptions {
    Index num_thresholds = 200;  ///< at least 2; more are closer to the exact area
    Curve curve = Curve::roc;    ///< under which curve the area is
};

/// Keras' AUC metric: probabilities counted at num_thresholds even thresholds of [0, 1], positive above. The ROC curve
/// is summed by trapezoids, the precision-recall curve by Davis and Goadrich's interpolation (2006). The error of the
/// ROC area is below the share of pairs that fall between the same thresholds. NaN without both classes (Keras: 0), and
/// once a prediction is NaN.
class AucApproximate : public ElementMetric<AucApproximate> {
public:
    static constexpr std::string_view label = "AucApproximate";
    /// Throws ArgumentError unless there are two thresholds or more.
    explicit AucApproximate(AucApproximateOptions options = {}) : options_(options) {
        if (options.num_thresholds < 2)
            throw ArgumentError(message(label, ": expected num_thresholds > 1, received ", options.num_thresholds));
        reset();
    }
    static constexpr std::string_view name() { return "auc_approximate"; }
    /// Throws ArgumentError for a prediction outside [0, 1].
    void add(double prediction, double target, double weight) {
        if (prediction < 0 || prediction > 1)
            throw ArgumentError(message(label, ": expected probabilities, received ", prediction));
        seen_nan_ |= std::isnan(prediction) || std::isnan(target);
        if (seen_nan_) return;
        const double cell = std::ceil(prediction * static_cast<double>(options_.num_thresholds - 1)) - 1;
        (target > 0.5 ? positives_ : negatives_)[static_cast<std::size_t>(cell < 0 ? 0 : cell)] += weight;
    }
    double result() const {
        double all_positive = 0, all_negative = 0;
        for (const double n : positives_) all_positive += n;
        for (const double n : negatives_) all_negative += n;
        if (seen_nan_ || detail::equal(all_positive, 0) || detail::equal(all_negative, 0)) return detail::nan;
        double area = 0, tp = 0, fp = 0;  // above the threshold i + 1
        for (std::size_t i = positives_.size(); i-- > 0; tp += positives_[i], fp += negatives_[i]) {
            const double more_tp = positives_[i], more_fp = negatives_[i];
            if (options_.curve == Curve::roc) {
                area += more_fp / all_negative * (tp + more_tp / 2) / all_positive;
                continue;
            }
            const double before = tp + fp, after = before + more_tp + more_fp;
            const double slope = detail::ratio(more_tp, more_tp + more_fp, 0);
            const double grown = before > 0 && after > 0 ? std::log(after / before) : 0.0;
            area += slope * (more_tp + (tp - slope * before) * grown) / all_positive;
        }
        return area;
    }
    void reset() {
        positives_.assign(static_cast<std::size_t>(options_.num_thresholds), 0.0);
        negatives_ = positives_;
        seen_nan_ = false;
    }
    /// Throws ArgumentError unless both have the same thresholds.
    void merge(const AucApproximate& other) {
        if (positives_.size() != other.positives_.size())
            throw ArgumentError(message(label, ": expected another of ", positives_.size(), " thresholds, received ",
                                        other.positives_.size()));
        for (std::size_t i = 0; i < positives_.size(); ++i) {
            positives_[i] += other.positives_[i];
            negatives_[i] += other.negatives_[i];
        }
        seen_nan_ |= other.seen_nan_;
    }
    void state(CheckpointState& s) {
        s.option("curve", static_cast<double>(options_.curve));
        s("positives", std::span(positives_));
        s("negatives", std::span(negatives_));
        s("seen_nan", seen_nan_);
    }

private:
    AucApproximateOptions options_;
    std::vector<double> positives_, negatives_;  // [i]: above threshold i, not above i + 1
    bool seen_nan_ = false;
};

DEEPREC_END
