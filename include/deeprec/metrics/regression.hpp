/// Errors of real numbers.
#pragma once

#include <cmath>

#include <deeprec/core/equal.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

namespace detail {
/// Weighted sums of errors and targets. `Rule` gives double result() const.
template <class Rule>
class ErrorMetric : public ElementMetric<Rule> {
public:
    void add(double prediction, double target, double weight) {
        const double error = prediction - target, before = weight_;
        absolute_ += weight * std::abs(error);
        square_ += weight * error * error;
        weight_ += weight;
        if (detail::equal(weight_, 0)) return;
        spread_ += weight * before / weight_ * (target - mean_) * (target - mean_);  // Welford
        mean_ += weight / weight_ * (target - mean_);
    }
    void reset() { absolute_ = square_ = weight_ = mean_ = spread_ = 0; }
    void merge(const Rule& other) {
        const double total = weight_ + other.weight_, apart = other.mean_ - mean_;
        absolute_ += other.absolute_;
        square_ += other.square_;
        if (detail::equal(total, 0)) return;
        spread_ += other.spread_ + apart * apart * weight_ * other.weight_ / total;
        mean_ += apart * other.weight_ / total;
        weight_ = total;
    }
    void state(CheckpointState& s) {
        s("absolute", absolute_), s("square", square_), s("weight", weight_), s("mean", mean_), s("spread", spread_);
    }

protected:
    double absolute_ = 0, square_ = 0, weight_ = 0, mean_ = 0, spread_ = 0;  // of the targets: mean, squares around it
};
}  // namespace detail

/// Mean of (p - y)^2; of probabilities this is the Brier score. NaN before the first update, as all of these.
class Mse : public detail::ErrorMetric<Mse> {
    friend class detail::ErrorMetric<Mse>;

public:
    static constexpr std::string_view label = "Mse";
    static constexpr std::string_view name() { return "mse"; }
    double result() const { return detail::ratio(square_, weight_); }
};

/// Root of the mean of (p - y)^2.
class RootMeanSquaredError : public detail::ErrorMetric<RootMeanSquaredError> {
    friend class detail::ErrorMetric<RootMeanSquaredError>;

public:
    static constexpr std::string_view label = "RootMeanSquaredError";
    static constexpr std::string_view name() { return "rmse"; }
    double result() const { return std::sqrt(detail::ratio(square_, weight_)); }
};

/// Mean of |p - y|.
class Mae : public detail::ErrorMetric<Mae> {
    friend class detail::ErrorMetric<Mae>;

public:
    static constexpr std::string_view label = "Mae";
    static constexpr std::string_view name() { return "mae"; }
    double result() const { return detail::ratio(absolute_, weight_); }
};

/// 1 - sum (p - y)^2 / sum (y - mean y)^2; NaN where all targets are equal.
class R2Score : public detail::ErrorMetric<R2Score> {
    friend class detail::ErrorMetric<R2Score>;

public:
    static constexpr std::string_view label = "R2Score";
    static constexpr std::string_view name() { return "r2_score"; }
    double result() const { return 1 - detail::ratio(square_, spread_); }
};

DEEPREC_END
