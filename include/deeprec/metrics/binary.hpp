/// What thresholded probabilities get right: accuracy, precision, recall, F1.
#pragma once

#include <cmath>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// Of BinaryAccuracy, Precision, Recall and F1Score: `Precision{{.threshold = 0.9}}`.
struct ThresholdOptions {
    double threshold = 0.5;  ///< a prediction above it is positive
};

namespace detail {
/// Weighted counts of the four outcomes. Targets above 0.5 are positive. `Rule` gives double of(Counts).
template <class Rule>
class CountMetric : public ElementMetric<Rule> {
public:
    /// Throws ArgumentError for a threshold that is NaN.
    explicit CountMetric(ThresholdOptions options = {}) : threshold_(options.threshold) {
        if (std::isnan(threshold_)) throw ArgumentError(message(Rule::label, ": expected a threshold, received NaN"));
    }
    void add(double prediction, double target, double weight) {
        seen_nan_ |= std::isnan(prediction) || std::isnan(target);
        const bool said = prediction > threshold_, is = target > 0.5;
        (is ? said ? tp_ : fn_ : said ? fp_ : tn_) += weight;
    }
    double result() const { return seen_nan_ ? nan : static_cast<const Rule&>(*this).figure(); }
    void reset() {
        tp_ = fp_ = tn_ = fn_ = 0;
        seen_nan_ = false;
    }
    void merge(const Rule& other) {
        tp_ += other.tp_;
        fp_ += other.fp_;
        tn_ += other.tn_;
        fn_ += other.fn_;
        seen_nan_ |= other.seen_nan_;
    }
    void state(CheckpointState& s) {
        s.option("threshold", threshold_);
        s("tp", tp_), s("fp", fp_), s("tn", tn_), s("fn", fn_);
        s("seen_nan", seen_nan_);
    }

protected:
    double tp_ = 0, fp_ = 0, tn_ = 0, fn_ = 0;

private:
    double threshold_;
    bool seen_nan_ = false;
};
}  // namespace detail

/// Share of predictions on the right side of the threshold; NaN before the first update and once a prediction
/// or target is NaN.
class BinaryAccuracy : public detail::CountMetric<BinaryAccuracy> {
    friend class detail::CountMetric<BinaryAccuracy>;

public:
    using CountMetric::CountMetric;
    static constexpr std::string_view label = "BinaryAccuracy";
    static constexpr std::string_view name() { return "binary_accuracy"; }
    double figure() const { return detail::ratio(tp_ + tn_, tp_ + fp_ + tn_ + fn_); }
};

/// Share of positives among what was said to be positive; 0 if nothing was. NaN once a prediction is NaN.
class Precision : public detail::CountMetric<Precision> {
    friend class detail::CountMetric<Precision>;

public:
    using CountMetric::CountMetric;
    static constexpr std::string_view label = "Precision";
    static constexpr std::string_view name() { return "precision"; }
    double figure() const { return detail::ratio(tp_, tp_ + fp_, 0); }
};

/// Share of the positives that were said to be positive; 0 if there are none. NaN once a prediction is NaN.
class Recall : public detail::CountMetric<Recall> {
    friend class detail::CountMetric<Recall>;

public:
    using CountMetric::CountMetric;
    static constexpr std::string_view label = "Recall";
    static constexpr std::string_view name() { return "recall"; }
    double figure() const { return detail::ratio(tp_, tp_ + fn_, 0); }
};

/// Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn); 0 for 0 / 0. NaN once a prediction is NaN.
class F1Score : public detail::CountMetric<F1Score> {
    friend class detail::CountMetric<F1Score>;

public:
    using CountMetric::CountMetric;
    static constexpr std::string_view label = "F1Score";
    static constexpr std::string_view name() { return "f1_score"; }
    double figure() const { return detail::ratio(2 * tp_, 2 * tp_ + fp_ + fn_, 0); }
};

DEEPREC_END
