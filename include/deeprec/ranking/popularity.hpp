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

/// score(i) = number of training events with item i. Counts see the train part only.
/// Throws DataError unless asked for the scores of the train part's items.
class Popularity {
public:
    static constexpr std::string_view kind = "Popularity";  ///< in files
    /// Of no items, to be loaded.
    Popularity() = default;
    /// Throws DataError for sequences with what a split holds out, as the other yardsticks.
    explicit Popularity(const Sequences& train) : counts_(train.item_counts()) {}
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
    void fields(StoredFields& f) {
        f.kind(kind);
        f.list("counts", counts_);
        f.require(!counts_.empty() && counts_[0] == 0 && *std::min_element(counts_.begin(), counts_.end()) >= 0,
                  "expected counts of 0 for padding and 0 or more for items");
    }
    /// Of counts [N + 1], as of another time or another kind of event. Throws DataError unless there are counts of 0
    /// for padding and 0 or more for each item.
    explicit Popularity(std::vector<std::int64_t> counts) : counts_(std::move(counts)) {
        if (counts_.empty() || counts_[0] != 0 || *std::min_element(counts_.begin(), counts_.end()) < 0)
            throw DataError("Popularity: expected counts of 0 for padding and 0 or more for each item");
    }
    /// New items, that nobody took yet.
    void add_items(Index count) {
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
