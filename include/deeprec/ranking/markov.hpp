/// The second yardstick: what people took right after this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// First-order Markov chain: score(j) = count(last -> j) over consecutive training events;
/// items that never followed rank by popularity below all that did.
/// Throws DataError unless asked for the scores of the train part's items, after one of them.
class Markov {
public:
    explicit Markov(const Sequences& train) : counts_(train.item_counts()) {
        std::vector<std::pair<std::int32_t, std::int32_t>> steps;
        for (std::int32_t user = 1; user <= train.users(); ++user) {
            const auto ids = train[user];
            for (std::size_t t = 1; t < ids.size(); ++t) steps.emplace_back(ids[t - 1], ids[t]);
        }
        std::sort(steps.begin(), steps.end());
        begin_.assign(counts_.size() + 1, 0);
        for (std::size_t i = 0; i < steps.size();) {
            std::size_t end = i;
            while (end < steps.size() && steps[end] == steps[i]) ++end;
            next_.push_back({steps[i].second, static_cast<float>(end - i)});
            begin_[static_cast<std::size_t>(steps[i].first) + 1] = next_.size();
            i = end;
        }
        for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] = std::max(begin_[i], begin_[i - 1]);
        const auto most = *std::max_element(counts_.begin(), counts_.end());
        popularity_scale_ = most > 0 ? 0.5f / static_cast<float>(most) : 0;  // keeps the fallback below one count
    }
    void operator()(const Query& query, std::span<float> scores) const {
        const std::int64_t items = std::ssize(counts_) - 1;
        detail::check_scores("Markov", items, scores);
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = popularity_scale_ * static_cast<float>(counts_[i]);
        if (query.history.empty()) return;
        detail::check_history_item("Markov", items, query.history.back());
        const auto last = static_cast<std::size_t>(query.history.back());
        for (std::size_t i = begin_[last]; i < begin_[last + 1]; ++i)
            scores[static_cast<std::size_t>(next_[i].item)] += next_[i].count;
    }

private:
    struct Next {
        std::int32_t item;
        float count;
    };
    std::vector<std::int64_t> counts_;
    std::vector<std::size_t> begin_;  // next_[begin_[i]] up to next_[begin_[i + 1]] follow item i
    std::vector<Next> next_;
    float popularity_scale_ = 0;
};

DEEPREC_END
