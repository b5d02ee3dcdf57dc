/// The first yardstick: everybody gets what most people took.
#pragma once

#include <span>
#include <vector>

#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// score(i) = number of training events with item i. Counts see the train part only.
class Popularity {
public:
    explicit Popularity(const Sequences& train) : counts_(train.item_counts()) {}
    void operator()(const Query&, std::span<float> scores) const {
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(counts_[i]);
    }

private:
    std::vector<std::int64_t> counts_;
};

DEEPREC_END
