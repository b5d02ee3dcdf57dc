/// Area under the ROC curve.
#pragma once

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Probability that a random positive scores above a random negative, ties count one half (Mann-Whitney), exact.
/// Targets above 0.5 are positive. NaN while one class is missing and once a score is NaN. Weights multiply each pair.
class Auc {
public:
    static constexpr std::string_view name() { return "auc"; }
    /// Adds predictions and targets of equal size; `weights` (null = all 1) has one number a row of the targets.
    template <class P, class Y, class W = double>
    void update(const P& prediction, const Y& target, const W* weights = nullptr) {
        const auto p = view(prediction);
        const auto y = view(target);
        if (p.size() != y.size())
            throw ShapeError(message("Auc: expected ", p.size(), " targets, received ", y.size()));
        for (Index i = 0; i < p.size(); ++i)
            seen_.push_back({static_cast<double>(p.data()[i]), y.data()[i] > 0.5,
                             weights ? static_cast<double>(weights[i / y.last()]) : 1.0});
    }
    double result() const {
        const auto is_nan = [](const Seen& s) { return s.score != s.score; };  // has no place in any order
        if (std::any_of(seen_.begin(), seen_.end(), is_nan)) return std::numeric_limits<double>::quiet_NaN();
        std::vector<Seen> sorted = seen_;
        std::sort(sorted.begin(), sorted.end(), [](const Seen& a, const Seen& b) { return a.score < b.score; });
        double below = 0, pairs = 0, positives = 0;
        for (std::size_t i = 0; i < sorted.size();) {
            double tied_negatives = 0, tied_positives = 0;
            const double score = sorted[i].score;
            for (; i < sorted.size() && sorted[i].score == score; ++i)
                (sorted[i].positive ? tied_positives : tied_negatives) += sorted[i].weight;
            pairs += tied_positives * (below + tied_negatives / 2);
            below += tied_negatives;
            positives += tied_positives;
        }
        return positives > 0 && below > 0 ? pairs / (positives * below) : std::numeric_limits<double>::quiet_NaN();
    }
    void reset() { seen_.clear(); }

private:
    struct Seen {
        double score;
        bool positive;
        double weight;
    };
    std::vector<Seen> seen_;
};

DEEPREC_END
