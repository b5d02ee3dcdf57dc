/// Weighted links from item to item, and the scores that a history gives by them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// How a history counts: score(j) = sum over its events e of age_weight^age(e) link(e -> j), age 0 for the newest, over
/// the newest `last` events.
struct HistoryWeights {
    double age_weight = 0.8;                         ///< 1: all events alike; smaller: newer ones count more
    Index last = std::numeric_limits<Index>::max();  ///< events that count; all, by default
};

namespace detail {
/// When reading: throws FormatError unless row i of items 0 ... `items` has to[begin[i]] up to to[begin[i + 1]], items
/// in ascending order.
DEEPREC_LAZY_DECLARED void require_rows(StoredFields& f, std::int64_t items, const std::vector<std::int64_t>& begin,
                                        const std::vector<std::int32_t>& to);
#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void require_rows(StoredFields& f, std::int64_t items, const std::vector<std::int64_t>& begin,
                                        const std::vector<std::int32_t>& to) {
    if (!f.reading()) return;
    f.require(std::ssize(begin) == items + 2 && begin.front() == 0 && begin.back() == std::ssize(to) &&
                  std::is_sorted(begin.begin(), begin.end()),
              "expected rows of items 0 to ", items, " that cover ", to.size(), " links");
    for (std::size_t row = 0; row + 1 < begin.size(); ++row) {
        const auto first = to.begin() + begin[row], last = to.begin() + begin[row + 1];
        std::int32_t before = 0;  // without a branch for each link: there are millions
        bool good = true;
        for (auto link = first; link != last; ++link) good &= *link > std::exchange(before, *link);
        if (good && before <= items) continue;
        before = 0;
        for (auto link = first; link != last; ++link)
            f.require(*link <= items && *link > std::exchange(before, *link), "expected links of item ", row,
                      " to items 1 to ", items, " in ascending order, received ", *link);
    }
}
#endif
}  // namespace detail

/// A sparse matrix of links, row by row.
class ItemLinks {
public:
    /// Of no items, to be loaded; `name` is for messages and outlives it.
    DEEPREC_LAZY explicit ItemLinks(std::string_view name) : name_(name) {}
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
                to_.push_back(other);
                strength_.push_back(static_cast<float>(row[static_cast<std::size_t>(other)]));
                row[static_cast<std::size_t>(other)] = 0;
            }
            touched.clear();
            begin_[static_cast<std::size_t>(item) + 1] = std::ssize(to_);
        }
        mark_reached();
    }

    std::int32_t items() const { return static_cast<std::int32_t>(n_); }
    /// How a history counts.
    const HistoryWeights& weights() const { return weights_; }
    /// Whether some link leads to the item.
    bool reaches(std::int32_t item) const {
        detail::check_item(name_, items(), item);
        return reached_[static_cast<std::size_t>(item)] != 0;
    }
    /// New items without links.
    DEEPREC_LAZY void add_items(Index count) {
        detail::check_new_items(name_, items(), count);
        const std::size_t n = n_ + static_cast<std::size_t>(count);
        begin_.resize(n + 2, begin_.back());
        reached_.resize(n + 1, 0);
        n_ = n;
    }
    /// The strength of the link; 0 without one. Throws DataError for an unknown item.
    double link(std::int32_t from, std::int32_t to) const {
        for (const std::int32_t item : {from, to}) detail::check_item(name_, items(), item);
        const auto first = to_.begin() + begin_[static_cast<std::size_t>(from)];
        const auto last = to_.begin() + begin_[static_cast<std::size_t>(from) + 1];
        const auto found = std::lower_bound(first, last, to);
        return found < last && *found == to ? double{strength_[static_cast<std::size_t>(found - to_.begin())]} : 0;
    }
    /// What each event of a history adds to the item's score; the sum is the score. Throws as `score`.
    DEEPREC_LAZY void contributions(std::span<const std::int32_t> history, std::int32_t item,
                                    std::span<double> events) const {
        detail::check_item(name_, items(), item);
        std::fill(events.begin(), events.end(), 0.0);
        double weight = 1;
        const std::size_t used = std::min(history.size(), static_cast<std::size_t>(weights_.last));
        for (std::size_t age = 0; age < used && weight > 1e-30; ++age, weight *= weights_.age_weight) {
            const std::size_t at = history.size() - 1 - age;
            detail::check_history_item(name_, items(), history[at]);
            events[at] = weight * link(history[at], item);
        }
    }
    DEEPREC_LAZY void fields(StoredFields& f) {
        f.number("age_weight", weights_.age_weight);
        f.number("last", weights_.last);
        f.list("begin", begin_);
        f.list("to", to_);
        f.list("strength", strength_);
        if (!f.reading()) return;
        f.require(begin_.size() >= 2, "expected rows of padding and items");
        n_ = begin_.size() - 2;
        f.require(weights_.age_weight > 0 && weights_.age_weight <= 1 && weights_.last >= 1,
                  "expected age_weight in (0, 1] and a positive last, received ", weights_.age_weight, " and ",
                  weights_.last);
        f.require(to_.size() == strength_.size(), "expected a strength for each of ", to_.size(), " links, received ",
                  strength_.size());
        detail::require_rows(f, items(), begin_, to_);
        mark_reached();
    }

    /// Writes the scores of items 0..n. Throws DataError for another number of scores or an unknown item.
    DEEPREC_LAZY void score(std::span<const std::int32_t> history, std::span<float> scores) const {
        const auto n = static_cast<std::int64_t>(n_);
        detail::check_scores(name_, n, scores);
        std::fill(scores.begin(), scores.end(), 0.0f);
        double weight = 1;
        const std::size_t events = std::min(history.size(), static_cast<std::size_t>(weights_.last));
        for (std::size_t age = 0; age < events && weight > 1e-30; ++age, weight *= weights_.age_weight) {
            const std::int32_t item = history[history.size() - 1 - age];
            detail::check_history_item(name_, n, item);
            const auto from = static_cast<std::size_t>(item);
            const auto first = static_cast<std::size_t>(begin_[from]),
                       last = static_cast<std::size_t>(begin_[from + 1]);
            for (std::size_t i = first; i < last; ++i)
                scores[static_cast<std::size_t>(to_[i])] += static_cast<float>(weight) * strength_[i];
        }
    }

private:
    void mark_reached() {
        reached_.assign(n_ + 1, 0);
        for (const std::int32_t item : to_) reached_[static_cast<std::size_t>(item)] = 1;
    }
    std::size_t n_ = 0;
    std::string_view name_;
    HistoryWeights weights_;
    std::vector<std::int64_t> begin_ = {0, 0};  // to_[begin_[i]] up to to_[begin_[i + 1]] are linked from item i
    std::vector<std::int32_t> to_;              // of an item, in ascending order
    std::vector<float> strength_;
    std::vector<std::uint8_t> reached_ = {0};
};

DEEPREC_END
