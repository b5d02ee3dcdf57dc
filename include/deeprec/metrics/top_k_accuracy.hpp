/// How often the true class is among the first k.
#pragma once

#include <cmath>
#include <string>

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// Of TopKAccuracy: `TopKAccuracy{{.k = 3}}`.
struct TopKAccuracyOptions {
    Index k = 5;  ///< classes that a row may name
};

/// Share of rows whose true class is among the k highest scores, ties by the lower class; Keras'
/// SparseTopKCategoricalAccuracy. NaN before the first update and once a score is NaN.
class TopKAccuracy {
public:
    /// Throws ArgumentError unless k is positive.
    explicit TopKAccuracy(TopKAccuracyOptions options = {}) : k_(options.k) {
        if (k_ < 1) throw ArgumentError(message("TopKAccuracy: expected a positive k, received ", k_));
    }
    std::string name() const { return message("accuracy@", k_); }
    /// Adds scores [B, C] with classes [B] or [B, 1], or [B, T, C] with [B, T] or [B, T, 1]. Throws DataError for a
    /// target that is no class. Weights and other errors: see Metric.
    template <class P, class Y, class W = std::nullptr_t>
    void update(const P& scores, const Y& classes, const W& weights = {}) {
        detail::each_class_row("TopKAccuracy", scores, classes, weights, [&](const auto& row) {
            const Index own = detail::class_number("TopKAccuracy", *row.target, row.width);
            const auto* const score = row.prediction;
            Index before = 0;
            for (Index j = 0; j < row.width; ++j) {
                before += score[j] > score[own] || (detail::equal(score[j], score[own]) && j < own);
                if (std::isnan(score[j])) right_ = detail::nan;
            }
            right_ += before < k_ ? row.weight : 0.0;
            weight_ += row.weight;
        });
    }
    double result() const { return detail::ratio(right_, weight_); }
    void reset() { right_ = weight_ = 0; }
    void merge(const TopKAccuracy& other) {
        right_ += other.right_;
        weight_ += other.weight_;
    }
    void state(CheckpointState& s) { s("right", right_), s("weight", weight_); }

private:
    Index k_;
    double right_ = 0, weight_ = 0;
};

DEEPREC_END
