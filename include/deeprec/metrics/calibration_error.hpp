/// Whether probabilities mean what they say.
#pragma once

#include <cmath>
#include <vector>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

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
        bins_.resize(static_cast<std::size_t>(options.bins));
    }
    static constexpr std::string_view name() { return "calibration_error"; }
    /// Throws ArgumentError for a prediction outside [0, 1].
    void add(double prediction, double target, double weight) {
        if (prediction < 0 || prediction > 1)
            throw ArgumentError(message(label, ": expected probabilities, received ", prediction));
        const double at = std::isnan(prediction) ? 0 : prediction * static_cast<double>(bins_.size());
        Bin& bin = bins_[std::min(static_cast<std::size_t>(at), bins_.size() - 1)];
        bin.excess += weight * (target - prediction);  // NaN stays
        bin.weight += weight;
    }
    double result() const {
        double sum = 0, weight = 0;
        for (const Bin& bin : bins_) {
            sum += std::abs(bin.excess);
            weight += bin.weight;
        }
        return detail::ratio(sum, weight);
    }
    void reset() { bins_.assign(bins_.size(), {}); }
    /// Throws ArgumentError unless both have as many bins.
    void merge(const CalibrationError& other) {
        if (bins_.size() != other.bins_.size())
            throw ArgumentError(
                message(label, ": expected another of ", bins_.size(), " bins, received ", other.bins_.size()));
        for (std::size_t i = 0; i < bins_.size(); ++i) {
            bins_[i].excess += other.bins_[i].excess;
            bins_[i].weight += other.bins_[i].weight;
        }
    }

private:
    struct Bin {
        double excess = 0, weight = 0;  // sum of target - prediction
    };
    std::vector<Bin> bins_;
};

DEEPREC_END
