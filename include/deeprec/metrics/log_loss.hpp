/// Mean logarithmic loss of probabilities.
#pragma once

#include <algorithm>
#include <cmath>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// Weighted mean of -(y log p + (1 - y) log(1 - p)), p clipped to [1e-7, 1 - 1e-7] as in the loss. NaN before the
/// first update.
class LogLoss : public ElementMetric<LogLoss> {
public:
    static constexpr std::string_view label = "LogLoss";
    static constexpr std::string_view name() { return "log_loss"; }
    void add(double prediction, double target, double weight) {
        const double q = std::clamp(prediction, 1e-7, 1 - 1e-7);
        sum_ -= weight * (target * std::log(q) + (1 - target) * std::log1p(-q));
        weight_ += weight;
    }
    double result() const { return detail::ratio(sum_, weight_); }
    void reset() { *this = {}; }
    void merge(const LogLoss& other) {
        sum_ += other.sum_;
        weight_ += other.weight_;
    }
    void state(CheckpointState& s) { s("sum", sum_), s("weight", weight_); }

private:
    double sum_ = 0, weight_ = 0;
};

DEEPREC_END
