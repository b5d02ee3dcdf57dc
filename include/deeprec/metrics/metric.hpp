/// What a metric is, and how all metrics of predictions read them: row by row, with masks and weights.
#pragma once

#include <concepts>
#include <limits>
#include <string_view>
#include <utility>

#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/core/equal.hpp>
#include <deeprec/core/sample_weights.hpp>

DEEPREC_BEGIN

/// A figure over all predictions it was shown. `update(prediction, target)` adds some, `result()` is the figure so far,
/// `merge(other)` adds what another has seen, `reset()` forgets all; `name()` is what reports call it. One that names
/// its numbers, `state(CheckpointState& s)`, can be saved inside an epoch; those here do.
///
/// The metrics here take `update(prediction, target, weights)` too:
/// - prediction [B], [B, C] or [B, T, C]: samples, or T steps of each; the steps that its mask leaves out do not count,
///   whatever stands there. Under a mask [B, T] is T steps of one number each;
/// - target: as many numbers, or the class of each row of C scores;
/// - weights: a tensor or view of [B] or [B, 1], one for all numbers of a sample, or of [B, T], one for those of a
///   step; or SampleWeights; or a pointer to B of them (null = all 1).
/// They throw ShapeError for other shapes, DataError for a weight that is negative or not finite.
template <class M>
concept Metric = requires(M& metric, const M& other, const View<const float, 2>& prediction) {
    { other.name() } -> std::convertible_to<std::string_view>;
    metric.update(prediction, prediction);
    { other.result() } -> std::convertible_to<double>;
    metric.reset();
    metric.merge(other);
};

namespace detail {
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// a / b, and `empty` for b = 0.
inline double ratio(double a, double b, double empty = nan) { return detail::equal(b, 0) ? empty : a / b; }

/// A sample or one of its steps: `width` predictions and their targets, or their class.
template <class P, class Y>
struct MetricRow {
    Index number;  // in the prediction read as a matrix
    const P* prediction;
    const Y* target;
    Index width;
    double weight;
};

/// f(MetricRow) for each row that the mask keeps, with `targets` targets a row. Of rank 4 a step has several rows.
template <class P, int Rank, class Y, class W, class F>
void each_kept_row(std::string_view who, const View<const P, Rank>& p, const Y* target, Index width, Index targets,
                   const W& weights, F&& f) {
    const Index samples = p.extent(0), steps = steps_of(p);
    const auto w = sample_weights(who, weights, samples, steps);
    check_sample_weights(who, w, samples, steps, p.mask);
    if (p.size() == 0) return;
    const Index rows = p.size() / width / (samples * steps);
    for (Index step = 0; step < samples * steps; ++step) {
        if (p.mask && !p.mask.keep[step]) continue;
        for (Index row = step * rows; row < (step + 1) * rows; ++row)
            f(MetricRow<P, Y>{row, p.data() + row * width, target + row * targets, width,
                              w(step / steps, step % steps)});
    }
}
/// The same where each prediction has a target. Throws ShapeError unless there are as many.
template <class P, class Y, class W, class F>
void each_row(std::string_view who, const P& prediction, const Y& target, const W& weights, F&& f) {
    const auto p = view(prediction);
    const auto y = view(target);
    if (p.size() != y.size())
        throw ShapeError(
            message(who, ": expected as many targets as predictions of ", p.shape(), ", received ", y.shape()));
    const Index width = rank_of<P> == 1 || (rank_of<P> == 2 && p.mask) ? 1 : p.last();
    each_kept_row(who, p, y.data(), width, width, weights, f);
}
/// The same where each row of scores [B, C] or [B, T, C] has a class: targets [B] or [B, T], or those with a last
/// extent of 1. Throws ShapeError for others.
template <class P, class Y, class W, class F>
void each_class_row(std::string_view who, const P& scores, const Y& classes, const W& weights, F&& f) {
    static_assert(rank_of<P> > 1, "deeprec: scores of classes are [B, C] or [B, T, C]");
    const auto p = view(scores);
    const auto y = view(classes);
    if (rank_of<P> == 2 && p.mask)
        throw ShapeError(message(who, ": expected scores [B, T, C] under a mask, received ", p.shape()));
    Shape rows;
    for (int axis = 0; axis + 1 < rank_of<P>; ++axis) rows.push_back(p.extent(axis));
    Shape column = rows;
    column.push_back(1);
    if (y.shape() != rows && y.shape() != column)
        throw ShapeError(message(who, ": expected classes of ", rows, " or ", column, " for scores of ", p.shape(),
                                 ", received ", y.shape()));
    each_kept_row(who, p, y.data(), p.last(), 1, weights, f);
}
}  // namespace detail

/// Base of metrics to which every prediction adds on its own. `Rule` gives
///   void add(double prediction, double target, double weight).
template <class Rule>
class ElementMetric {
public:
    /// Adds predictions with their targets. Shapes and errors: see Metric.
    template <class P, class Y, class W = std::nullptr_t>
    void update(const P& prediction, const Y& target, const W& weights = {}) {
        detail::each_row(Rule::label, prediction, target, weights, [&](const auto& row) {
            for (Index i = 0; i < row.width; ++i)
                static_cast<Rule&>(*this).add(static_cast<double>(row.prediction[i]),
                                              static_cast<double>(row.target[i]), row.weight);
        });
    }
};

/// A metric that does not see weights, as those of Keras' `metrics` (which has `weighted_metrics` beside them):
/// `fit(..., Unweighted{BinaryAccuracy{}})`. Name and result are the metric's.
template <class M>
class Unweighted {
public:
    explicit Unweighted(M metric) : metric_(std::move(metric)) {}

    auto name() const { return metric_.name(); }
    template <class P, class Y, class W = std::nullptr_t>
    void update(const P& prediction, const Y& target, const W& = {}) {
        metric_.update(prediction, target);
    }
    double result() const { return metric_.result(); }
    void reset() { metric_.reset(); }
    void merge(const Unweighted& other) { metric_.merge(other.metric_); }
    void state(CheckpointState& s)
        requires requires(M& metric) { metric.state(s); }
    {
        metric_.state(s);
    }

private:
    M metric_;
};

DEEPREC_END
