/// The part that all metrics of single predictions share.
#pragma once

#include <limits>
#include <string_view>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Base of metrics to which every prediction adds on its own. `Rule` gives
///   void add(double prediction, double target, double weight).
/// All metrics have name(), update, result(), reset() and merge(other): what other has seen counts too.
template <class Rule>
class ElementMetric {
public:
    /// Adds predictions and targets of equal size; `weights` (null = all 1) has one number a row of the targets.
    /// Throws ShapeError unless the sizes agree.
    template <class P, class Y, class W = double>
    void update(const P& prediction, const Y& target, const W* weights = nullptr) {
        const auto p = view(prediction);
        const auto y = view(target);
        if (p.size() != y.size())
            throw ShapeError(message(Rule::label, ": expected ", p.size(), " targets, received ", y.size()));
        const Index width = ViewOf<Y>::rank > 1 ? y.last() : 1;
        for (Index i = 0; i < p.size(); ++i)
            static_cast<Rule&>(*this).add(static_cast<double>(p.data()[i]), static_cast<double>(y.data()[i]),
                                          weights ? static_cast<double>(weights[i / width]) : 1.0);
    }
};

namespace detail {
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// a / b, and `empty` for b = 0.
inline double ratio(double a, double b, double empty = nan) { return b == 0 ? empty : a / b; }
}  // namespace detail

DEEPREC_END
