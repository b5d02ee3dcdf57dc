/// Areas under the ROC and the precision-recall curve, exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

namespace detail {
/// f(weight of positives, weight of negatives) for each distinct score, best first. False where a score is NaN, which
/// has no place in any order.
DEEPREC_LAZY_DECLARED bool each_score(const std::vector<double>& scores, const std::vector<double>& classes,
                                      const std::vector<double>& weights, FunctionRef<void(double, double)> f);

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION bool each_score(const std::vector<double>& scores, const std::vector<double>& classes,
                                      const std::vector<double>& weights, FunctionRef<void(double, double)> f) {
    if (std::any_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); })) return false;
    struct Seen {
        double score;
        bool positive;
        double weight;
    };
    std::vector<Seen> sorted(scores.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = {scores[i], classes[i] > 0.5, weights[i]};
    std::sort(sorted.begin(), sorted.end(), [](const Seen& a, const Seen& b) { return a.score > b.score; });
    for (std::size_t i = 0; i < sorted.size();) {
        double positives = 0, negatives = 0;
        const double score = sorted[i].score;
        for (; i < sorted.size() && detail::equal(sorted[i].score, score); ++i)
            (sorted[i].positive ? positives : negatives) += sorted[i].weight;
        f(positives, negatives);
    }
    return true;
}
#endif

/// Keeps every score with its class: what exact areas are made of.
template <class Rule>
class ScoreMetric : public ElementMetric<Rule> {
public:
    void add(double prediction, double target, double weight) {
        scores_.push_back(std::isnan(target) ? target : prediction);  // neither has a place in an order
        classes_.push_back(target > 0.5 ? 1 : 0);
        weights_.push_back(weight);
    }
    void reset() {
        for (auto* list : {&scores_, &classes_, &weights_}) list->clear();
    }
    void merge(const Rule& other) {
        const std::size_t n = other.scores_.size();
        for (std::size_t i = 0; i < n; ++i) add(other.scores_[i], other.classes_[i], other.weights_[i]);
    }
    void state(CheckpointState& s) { s.lists({{"scores", &scores_}, {"classes", &classes_}, {"weights", &weights_}}); }

protected:
    bool each_score(FunctionRef<void(double, double)> f) const {
        return detail::each_score(scores_, classes_, weights_, f);
    }
    std::vector<double> scores_, classes_, weights_;  // of each prediction; class 1 or 0
};
}  // namespace detail

/// Probability that a random positive scores above a random negative, ties count one half (Mann-Whitney), exact.
/// Targets above 0.5 are positive. NaN while one class is missing and once a score or target is NaN. Weights multiply
/// each pair.
class Auc : public detail::ScoreMetric<Auc> {
public:
    static constexpr std::string_view label = "Auc";
    static constexpr std::string_view name() { return "auc"; }
    DEEPREC_LAZY double result() const {
        double above = 0, pairs = 0, negatives = 0;  // above: positives with a higher score
        const bool ordered = each_score([&](double tied_positives, double tied_negatives) {
            pairs += tied_negatives * (above + tied_positives / 2);
            above += tied_positives;
            negatives += tied_negatives;
        });
        return ordered && above > 0 && negatives > 0 ? pairs / (above * negatives) : detail::nan;
    }
    /// Sum of the weights of all predictions seen.
    double weight() const {
        double sum = 0;
        for (const double weight : weights_) sum += weight;
        return sum;
    }

private:
    friend class detail::ScoreMetric<Auc>;
};

/// Average precision of a classifier: sum over the distinct scores, best first, of precision * (gain in recall), as
/// scikit-learn; tied scores are one threshold. NaN without a positive and once a score or target is NaN.
class AveragePrecision : public detail::ScoreMetric<AveragePrecision> {
public:
    static constexpr std::string_view label = "AveragePrecision";
    static constexpr std::string_view name() { return "average_precision"; }
    DEEPREC_LAZY double result() const {
        double found = 0, all = 0, sum = 0;
        const bool ordered = each_score([&](double positives, double negatives) {
            found += positives;
            all += positives + negatives;
            sum += positives * detail::ratio(found, all, 0);
        });
        return ordered ? detail::ratio(sum, found) : detail::nan;
    }

private:
    friend class detail::ScoreMetric<AveragePrecision>;
};

/// Mean of the users' AUC weighted by their predictions (Zhu et al. 2017): by the number, or the sum of the weights;
/// users of one class are left out. NaN if none is left, and once a score or target is NaN. `update` takes the group
/// (user) of each prediction as well.
class Gauc {
public:
    static constexpr std::string_view name() { return "gauc"; }
    /// `group` has as many numbers as the prediction. Shapes and errors otherwise: see Metric.
    template <class P, class Y, class G, class W = std::nullptr_t>
    void update(const P& prediction, const Y& target, const G& group, const W& weights = {}) {
        const auto p = view(prediction);
        const auto g = view(group);
        if (p.size() != g.size())
            throw ShapeError(
                message("Gauc: expected as many groups as predictions of ", p.shape(), ", received ", g.shape()));
        detail::each_row("Gauc", p, target, weights, [&](const auto& row) {
            for (Index i = 0; i < row.width; ++i) {
                const double score = static_cast<double>(row.prediction[i]);
                const double positive = static_cast<double>(row.target[i]);
                seen_nan_ |= std::isnan(score) || std::isnan(positive);
                groups_[static_cast<std::int64_t>(g.data()[row.number * row.width + i])].add(score, positive,
                                                                                             row.weight);
            }
        });
    }
    DEEPREC_LAZY double result() const {
        double sum = 0, weight = 0;
        for (const auto& [group, auc] : groups_) {
            const double value = auc.result();
            if (std::isnan(value)) continue;
            sum += value * auc.weight();
            weight += auc.weight();
        }
        return seen_nan_ ? detail::nan : detail::ratio(sum, weight);
    }
    void reset() {
        groups_.clear();
        seen_nan_ = false;
    }
    DEEPREC_LAZY void merge(const Gauc& other) {
        for (const auto& [group, auc] : other.groups_) groups_[group].merge(auc);
        seen_nan_ |= other.seen_nan_;
    }

private:
    std::map<std::int64_t, Auc> groups_;
    bool seen_nan_ = false;
};

DEEPREC_END
