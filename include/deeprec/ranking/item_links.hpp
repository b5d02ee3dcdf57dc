/// Weighted links from item to item, and the scores that a history gives by them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// How a history counts: score(j) = sum over its events e of age_weight^age(e) link(e -> j), age 0 for the newest, over
/// the newest `last` events.
struct HistoryWeights {
    double age_weight = 0.8;
    Index last = std::numeric_limits<Index>::max();
};

/// A sparse matrix of links, row by row.
class ItemLinks {
public:
    /// fill(item, add) for each item 1..n calls add(other, weight); weights are positive, those to the same item are
    /// added up.
    template <class Fill>
    ItemLinks(std::int32_t n, std::string_view name, HistoryWeights weights, Fill&& fill)
        : n_(static_cast<std::size_t>(n)), name_(name), weights_(weights), begin_(n_ + 2, 0) {
        if (!(weights.age_weight > 0 && weights.age_weight <= 1) || weights.last < 1)
            throw ArgumentError(message(name, ": expected age_weight in (0, 1] and a positive last, received ",
                                        weights.age_weight, " and ", weights.last));
        std::vector<double> row(n_ + 1, 0.0);
        std::vector<std::int32_t> touched;
        for (std::int32_t item = 1; item <= n; ++item) {
            fill(item, [&](std::int32_t other, double weight) {
                double& sum = row[static_cast<std::size_t>(other)];
                if (!(sum > 0)) touched.push_back(other);
                sum += weight;
            });
            std::sort(touched.begin(), touched.end());
            for (const std::int32_t other : touched) {
                links_.push_back({other, static_cast<float>(row[static_cast<std::size_t>(other)])});
                row[static_cast<std::size_t>(other)] = 0;
            }
            touched.clear();
            begin_[static_cast<std::size_t>(item) + 1] = links_.size();
        }
    }

    /// Writes the scores of items 0..n. Throws DataError for another number of scores or an unknown item.
    void score(std::span<const std::int32_t> history, std::span<float> scores) const {
        const auto n = static_cast<std::int64_t>(n_);
        detail::check_scores(name_, n, scores);
        std::fill(scores.begin(), scores.end(), 0.0f);
        double weight = 1;
        const std::size_t events = std::min(history.size(), static_cast<std::size_t>(weights_.last));
        for (std::size_t age = 0; age < events && weight > 1e-30; ++age, weight *= weights_.age_weight) {
            const std::int32_t item = history[history.size() - 1 - age];
            detail::check_history_item(name_, n, item);
            const auto from = static_cast<std::size_t>(item);
            for (std::size_t i = begin_[from]; i < begin_[from + 1]; ++i)
                scores[static_cast<std::size_t>(links_[i].to)] += static_cast<float>(weight) * links_[i].weight;
        }
    }

private:
    struct Link {
        std::int32_t to;
        float weight;
    };
    std::size_t n_;
    std::string_view name_;
    HistoryWeights weights_;
    std::vector<std::size_t> begin_;  // links_[begin_[i]] up to links_[begin_[i + 1]] leave item i
    std::vector<Link> links_;
};

DEEPREC_END
