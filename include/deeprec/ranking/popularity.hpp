/// The first yardstick: everybody gets what most people took.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// score(i) = number of training events with item i. Counts see the train part only.
/// Throws DataError unless asked for the scores of the train part's items.
class Popularity {
public:
    /// Throws DataError for sequences with what a split holds out, as the other yardsticks.
    explicit Popularity(const Sequences& train) : counts_(train.item_counts()) {}
    void operator()(const Query&, std::span<float> scores) const {
        detail::check_scores("Popularity", std::ssize(counts_) - 1, scores);
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(counts_[i]);
    }

private:
    std::vector<std::int64_t> counts_;
};

DEEPREC_END
