/// Whether probabilities mean what they say.
#pragma once

#include <cmath>
#include <vector>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// Of CalibrationError: `CalibrationError{{.bins = 20}}`.
struct CalibrationErrorOptions {
    Index bins = 10;  ///< of equal width
};

/// Expected calibration error: mean over the predictions of |share of positives - mean probability| of their bin
/// (Naeini et al. 2015). NaN before the first update and once a prediction is NaN.
class CalibrationError : public ElementMetric<CalibrationError> {
public:
    static constexpr std::string_view label = "CalibrationError";
    /// Throws ArgumentError unless bins is positive.
    explicit CalibrationError(CalibrationErrorOptions options = {}) {
        if (options.bins < 1) throw ArgumentError(message(label, ": expected bins > 0, received ", options.bins));
        excess_.resize(static_cast<std::size_t>(options.bins));
        weight_ = excess_;
    }
    static constexpr std::string_view name() { return "calibration_error"; }
    /// Throws ArgumentError for a prediction outside [0, 1].
    void add(double prediction, double target, double weight) {
        if (prediction < 0 || prediction > 1)
            throw ArgumentError(message(label, ": expected probabilities, received ", prediction));
        const double at = std::isnan(prediction) ? 0 : prediction * static_cast<double>(excess_.size());
        const std::size_t bin = std::min(static_cast<std::size_t>(at), excess_.size() - 1);
        excess_[bin] += weight * (target - prediction);  // NaN stays
        weight_[bin] += weight;
    }
    double result() const {
        double sum = 0, weight = 0;
        for (std::size_t bin = 0; bin < excess_.size(); ++bin) {
            sum += std::abs(excess_[bin]);
            weight += weight_[bin];
        }
        return detail::ratio(sum, weight);
    }
    void reset() {
        excess_.assign(excess_.size(), 0);
        weight_ = excess_;
    }
    /// Throws ArgumentError unless both have as many bins.
    void merge(const CalibrationError& other) {
        if (excess_.size() != other.excess_.size())
            throw ArgumentError(
                message(label, ": expected another of ", excess_.size(), " bins, received ", other.excess_.size()));
        for (std::size_t bin = 0; bin < excess_.size(); ++bin) {
            excess_[bin] += other.excess_[bin];
            weight_[bin] += other.weight_[bin];
        }
    }
    void state(CheckpointState& s) {
        s("excess", std::span(excess_));
        s("weight", std::span(weight_));
    }

private:
    std::vector<double> excess_, weight_;  // of each bin: sums of target - prediction, and of weights
};

DEEPREC_END
