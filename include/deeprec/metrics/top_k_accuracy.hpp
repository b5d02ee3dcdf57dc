/// How often the true class is among the first k.
#pragma once

#include <string>

#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

struct TopKAccuracyOptions {
    Index k = 5;
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
    /// Adds scores [B, C] with classes [B] or [B, 1]; `weights` [B], null = all 1. Throws ShapeError unless the sizes
    /// agree, DataError for a target that is no class.
    template <class P, class Y, class W = double>
    void update(const P& scores, const Y& classes, const W* weights = nullptr) {
        const auto s = view(scores);
        const auto y = view(classes);
        if (y.size() != s.rows())
            throw ShapeError(message("TopKAccuracy: expected ", s.rows(), " classes, received ", y.size()));
        for (Index r = 0; r < s.rows(); ++r) {
            const Index own = detail::class_number("TopKAccuracy", y.data()[r], s.last());
            const auto* row = s.data() + r * s.last();
            Index before = 0;
            for (Index j = 0; j < s.last(); ++j) {
                before += row[j] > row[own] || (row[j] == row[own] && j < own);
                if (!(row[j] == row[j])) right_ = detail::nan;
            }
            const double weight = weights ? static_cast<double>(weights[r]) : 1.0;
            right_ += before < k_ ? weight : 0.0;
            weight_ += weight;
        }
    }
    double result() const { return detail::ratio(right_, weight_); }
    void reset() { right_ = weight_ = 0; }
    void merge(const TopKAccuracy& other) {
        right_ += other.right_;
        weight_ += other.weight_;
    }

private:
    Index k_;
    double right_ = 0, weight_ = 0;
};

DEEPREC_END
