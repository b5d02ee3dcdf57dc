/// The first yardstick: everybody gets what most people took.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// How far back `Popularity::recent` looks.
struct Recency {
    double days = 7;   ///< where events have times: before the newest of them
    Index events = 5;  ///< where they have none: a user's last so many, since the order is known within a user alone
};

/// score(i) = number of training events with item i. Counts see the train part only.
/// Throws DataError unless asked for the scores of the train part's items.
class Popularity {
public:
    static constexpr std::string_view kind = "Popularity";  ///< in files
    /// Of no items, to be loaded.
    Popularity() = default;
    /// Throws DataError for sequences with what a split holds out, as the other yardsticks.
    DEEPREC_LAZY explicit Popularity(const Sequences& train) : counts_(train.item_counts()) {}
    std::int32_t items() const { return static_cast<std::int32_t>(counts_.size()) - 1; }
    /// Whether training had the item.
    bool knows(std::int32_t item) const {
        detail::check_item("Popularity", items(), item);
        return counts_[static_cast<std::size_t>(item)] > 0;
    }
    /// No event adds to the score; returns all of it.
    double contributions(const Query&, std::int32_t item, std::span<double> events) const {
        detail::check_item("Popularity", items(), item);
        std::fill(events.begin(), events.end(), 0.0);
        return static_cast<double>(counts_[static_cast<std::size_t>(item)]);
    }
    DEEPREC_LAZY void fields(StoredFields& f) {
        f.kind(kind);
        f.list("counts", counts_);
        f.require(!counts_.empty() && counts_[0] == 0 && *std::min_element(counts_.begin(), counts_.end()) >= 0,
                  "expected counts of 0 for padding and 0 or more for items");
    }
    /// Of counts [N + 1], as of another time or another kind of event. Throws DataError unless there are counts of 0
    /// for padding and 0 or more for each item.
    DEEPREC_LAZY explicit Popularity(std::vector<std::int64_t> counts) : counts_(std::move(counts)) {
        if (counts_.empty() || counts_[0] != 0 || *std::min_element(counts_.begin(), counts_.end()) < 0)
            throw DataError("Popularity: expected counts of 0 for padding and 0 or more for each item");
    }
    /// What is popular now: score(i) = recent(i) (m + 1) + all(i), where m is the count of the most popular item; so
    /// the recent events decide, and all of them between equals. Of a split take `train_events`, with their times.
    /// Throws DataError as `Interactions::check`, ArgumentError unless days and events are positive.
    DEEPREC_LAZY static Popularity recent(const Interactions& events, const Recency& recency = {}) {
        if (!(recency.days > 0) || recency.events < 1)
            throw ArgumentError(message("Popularity: expected positive days and events, received ", recency.days,
                                        " and ", recency.events));
        events.check();
        std::vector<std::int64_t> all(static_cast<std::size_t>(events.items.size()) + 1, 0), recent = all;
        for (const std::int32_t item : events.item) ++all[static_cast<std::size_t>(item)];
        if (events.timestamp.empty()) {
            const Sequences users(events);
            for (std::int32_t user = 1; user <= users.users(); ++user) {
                const auto ids = users[user];
                for (const std::int32_t item : ids.last(std::min(ids.size(), static_cast<std::size_t>(recency.events))))
                    ++recent[static_cast<std::size_t>(item)];
            }
        } else {
            const double newest =
                static_cast<double>(*std::max_element(events.timestamp.begin(), events.timestamp.end()));
            for (std::size_t i = 0; i < events.item.size(); ++i)
                recent[static_cast<std::size_t>(events.item[i])] +=
                    static_cast<double>(events.timestamp[i]) > newest - 86400 * recency.days;
        }
        const std::int64_t most = *std::max_element(all.begin(), all.end());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] += recent[i] * (most + 1);
        return Popularity(std::move(all));
    }
    /// New items, that nobody took yet.
    DEEPREC_LAZY void add_items(Index count) {
        detail::check_new_items("Popularity", items(), count);
        counts_.resize(counts_.size() + static_cast<std::size_t>(count), 0);
    }
    void operator()(const Query&, std::span<float> scores) const {
        detail::check_scores("Popularity", std::ssize(counts_) - 1, scores);
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(counts_[i]);
    }

private:
    std::vector<std::int64_t> counts_ = {0};
};

DEEPREC_END
