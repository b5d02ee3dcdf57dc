/// Mean logarithmic loss of probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Weighted mean of -(y log p + (1 - y) log(1 - p)), p clipped to [1e-7, 1 - 1e-7] as in the loss. NaN before the
/// first update.
class LogLoss {
public:
    static constexpr std::string_view name() { return "log_loss"; }
    /// Adds predictions and targets of equal size; `weights` (null = all 1) has one number a row of the targets.
    template <class P, class Y, class W = double>
    void update(const P& prediction, const Y& target, const W* weights = nullptr) {
        const auto p = view(prediction);
        const auto y = view(target);
        if (p.size() != y.size())
            throw ShapeError(message("LogLoss: expected ", p.size(), " targets, received ", y.size()));
        for (Index i = 0; i < p.size(); ++i) {
            const double w = weights ? static_cast<double>(weights[i / y.last()]) : 1.0;
            const double q = std::clamp(static_cast<double>(p.data()[i]), 1e-7, 1 - 1e-7);
            const double t = static_cast<double>(y.data()[i]);
            sum_ -= w * (t * std::log(q) + (1 - t) * std::log1p(-q));
            weight_ += w;
        }
    }
    double result() const { return weight_ > 0 ? sum_ / weight_ : std::numeric_limits<double>::quiet_NaN(); }
    void reset() { sum_ = weight_ = 0; }

private:
    double sum_ = 0, weight_ = 0;
};

DEEPREC_END
