/// The second yardstick: what people took right after this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/ranking/item_links.hpp>

DEEPREC_BEGIN

/// First-order Markov chain: score(j) = count(last -> j) over consecutive training events;
/// items that never followed rank by popularity below all that did.
/// Throws DataError unless asked for the scores of the train part's items, after one of them.
class Markov {
public:
    static constexpr std::string_view kind = "Markov";  ///< in files
    /// Of no items, to be loaded.
    Markov() = default;
    DEEPREC_LAZY explicit Markov(const Sequences& train) : counts_(train.item_counts()) {
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
            next_.push_back(steps[i].second);
            next_counts_.push_back(static_cast<float>(end - i));
            begin_[static_cast<std::size_t>(steps[i].first) + 1] = std::ssize(next_);
            i = end;
        }
        for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] = std::max(begin_[i], begin_[i - 1]);
        set_scale();
    }
    std::int32_t items() const { return static_cast<std::int32_t>(counts_.size()) - 1; }
    /// Whether training had the item.
    bool knows(std::int32_t item) const {
        detail::check_item("Markov", items(), item);
        return counts_[static_cast<std::size_t>(item)] > 0;
    }
    /// New items, that followed nothing yet.
    DEEPREC_LAZY void add_items(Index count) {
        detail::check_new_items("Markov", items(), count);
        counts_.resize(counts_.size() + static_cast<std::size_t>(count), 0);
        begin_.resize(begin_.size() + static_cast<std::size_t>(count), begin_.back());
    }
    /// How often training had item b right after item a.
    double follows(std::int32_t a, std::int32_t b) const {
        for (const std::int32_t item : {a, b}) detail::check_item("Markov", items(), item);
        const auto [first, last] = range(a);
        const auto found = std::lower_bound(next_.begin() + first, next_.begin() + last, b);
        return found < next_.begin() + last && *found == b
                   ? double{next_counts_[static_cast<std::size_t>(found - next_.begin())]}
                   : 0;
    }
    /// What each event of the history adds to the item's score, which is the last one's part; returns what is left
    /// without any: that of popularity.
    double contributions(const Query& query, std::int32_t item, std::span<double> events) const {
        detail::check_item("Markov", items(), item);
        std::fill(events.begin(), events.end(), 0.0);
        if (!events.empty()) events.back() = follows(query.history.back(), item);
        return double{popularity_scale_} * static_cast<double>(counts_[static_cast<std::size_t>(item)]);
    }
    /// How strongly b follows a: P(b | a), 0 without steps from a.
    double similarity(std::int32_t a, std::int32_t b) const {
        const double count = follows(a, b);
        const auto [first, last] = range(a);
        double all = 0;
        for (auto i = first; i < last; ++i) all += double{next_counts_[static_cast<std::size_t>(i)]};
        return all > 0 ? count / all : 0;
    }
    DEEPREC_LAZY void fields(StoredFields& f) {
        f.kind(kind);
        f.list("counts", counts_);
        f.list("begin", begin_);
        f.list("next", next_);
        f.list("next_counts", next_counts_);
        f.require(!counts_.empty() && counts_[0] == 0 && *std::min_element(counts_.begin(), counts_.end()) >= 0,
                  "expected counts of 0 for padding and 0 or more for items");
        f.require(next_.size() == next_counts_.size(), "expected a count for each of ", next_.size(),
                  " steps, received ", next_counts_.size());
        detail::require_rows(f, items(), begin_, next_);
        if (f.reading()) set_scale();
    }
    void operator()(const Query& query, std::span<float> scores) const {
        const std::int64_t items = std::ssize(counts_) - 1;
        detail::check_scores("Markov", items, scores);
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = popularity_scale_ * static_cast<float>(counts_[i]);
        if (query.history.empty()) return;
        detail::check_history_item("Markov", items, query.history.back());
        const auto [first, last] = range(query.history.back());
        for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i)
            scores[static_cast<std::size_t>(next_[i])] += next_counts_[i];
    }

private:
    std::pair<std::int64_t, std::int64_t> range(std::int32_t item) const {
        return {begin_[static_cast<std::size_t>(item)], begin_[static_cast<std::size_t>(item) + 1]};
    }
    DEEPREC_LAZY void set_scale() {
        const auto most = *std::max_element(counts_.begin(), counts_.end());
        popularity_scale_ = most > 0 ? 0.5f / static_cast<float>(most) : 0;  // keeps the fallback below one count
    }
    std::vector<std::int64_t> counts_ = {0};
    std::vector<std::int64_t> begin_ = {0, 0};  // next_[begin_[i]] up to next_[begin_[i + 1]] follow item i
    std::vector<std::int32_t> next_;            // of an item, in ascending order
    std::vector<float> next_counts_;
    float popularity_scale_ = 0;
};

DEEPREC_END
