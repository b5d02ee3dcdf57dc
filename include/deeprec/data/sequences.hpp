/// Each user's items in the order of time, and padding to a fixed length.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/data/tables/values.hpp>

DEEPREC_BEGIN

struct FieldsOfSequence;  // data/sequence_fields.hpp

/// A question to a recommender: what did `user` take right after `history`?
/// The history looks into the Sequences that made it and lives as long.
struct Query {
    std::int32_t user = 0;                  ///< id, from 1; 0 = nobody in particular
    std::span<const std::int32_t> history;  ///< item ids, oldest first
    std::int32_t target = 0;                ///< item id
    /// A row for each event of the history, and one of the user, for models that read fields; null: those that the
    /// index has.
    const FieldsOfSequence* fields = nullptr;
};

namespace detail {
/// The numbers of the events, user by user and oldest first; equal times keep the order of the input.
DEEPREC_LAZY_DECLARED std::vector<std::size_t> by_user_and_time(const Interactions& events);
#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION std::vector<std::size_t> by_user_and_time(const Interactions& events) {
    events.check();
    std::vector<std::size_t> order(events.user.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (events.user[a] != events.user[b]) return events.user[a] < events.user[b];
        return !events.timestamp.empty() && events.timestamp[a] < events.timestamp[b];
    });
    return order;
}
#endif
}  // namespace detail

/// The item ids of every user, oldest first.
class Sequences {
public:
    Sequences() = default;
    /// Sorts each user's events by timestamp; equal times, and data without times, keep the order of the input.
    /// Throws DataError if the columns are not in order (`Interactions::check`).
    DEEPREC_LAZY_DECLARED explicit Sequences(const Interactions& events);

    /// Largest user id and largest item id (with or without events).
    std::int32_t users() const { return static_cast<std::int32_t>(ends_.size()) - 1; }
    std::int32_t items() const { return items_; }
    /// Number of events.
    Index size() const { return ids_.size(); }
    /// The items of one user; may be empty. Throws DataError for an id that is not in 1 to users().
    std::span<const std::int32_t> operator[](std::int32_t user) const {
        if (user < 1 || user > users())
            throw DataError(message("Sequences: expected a user id from 1 to ", users(), ", received ", user));
        const auto u = static_cast<std::size_t>(user);
        return ids_.all().subspan(ends_[u - 1], ends_[u] - ends_[u - 1]);
    }

    /// Throws DataError, in the name of who learns from them, where these are the sequences of a split with the events
    /// that it holds out (`Split::all()`): to be called by everything that counts, samples or trains.
    void check_training(std::string_view who) const {
        if (holds_out_)
            throw DataError(message(who,
                                    ": these sequences have the events that a split holds out, expected the "
                                    "split's train()"));
    }

    /// How often each item occurs, by id (element 0 is padding and 0). Throws as `check_training`.
    std::vector<std::int64_t> item_counts() const;
    /// The items that never occur, in ascending order. Throws as `check_training`.
    std::vector<std::int32_t> cold_items() const;

    /// Each user's items once each, in ascending order: for looking up whether a user has an item.
    DEEPREC_LAZY_DECLARED Sequences distinct() const;

    /// Every step of every user: each event but the first is a target once, with everything before it as the history.
    /// Throws as `check_training`.
    DEEPREC_LAZY_DECLARED std::vector<Query> next_item_queries() const;

    /// What to go on training with when events have come: of each user who has some that `before` has not, those and
    /// up to `replay` events ahead of them, the newest; nothing of others. `before` is what these sequences were, with
    /// fewer users and items perhaps. Throws ArgumentError for a negative replay, DataError where a user had more or
    /// other events before.
    DEEPREC_LAZY_DECLARED Sequences events_since(const Sequences& before, Index replay) const;

private:
    friend class Split;
    friend Sequences load_sequences(const std::filesystem::path& path);
    void append(std::span<const std::int32_t> ids) {  // as the next user
        ids_.own().insert(ids_.own().end(), ids.begin(), ids.end());
        ends_.push_back(ids_.own().size());
    }
    std::int32_t items_ = 0;
    bool holds_out_ = false;
    Values<std::int32_t> ids_;             // all users one after the other
    std::vector<std::size_t> ends_ = {0};  // user u has ids_[ends_[u - 1]] up to ids_[ends_[u]]
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION Sequences::Sequences(const Interactions& events) : items_(events.items.size()) {
    std::vector<std::int32_t>& ids = ids_.own();
    ids.reserve(events.item.size());
    for (const std::size_t i : detail::by_user_and_time(events)) ids.push_back(events.item[i]);
    ends_.assign(static_cast<std::size_t>(events.users.size()) + 1, 0);
    for (const std::int32_t user : events.user) ++ends_[static_cast<std::size_t>(user)];
    std::partial_sum(ends_.begin(), ends_.end(), ends_.begin());
}

DEEPREC_FUNCTION std::vector<std::int64_t> Sequences::item_counts() const {
    check_training("Sequences::item_counts");
    std::vector<std::int64_t> counts(static_cast<std::size_t>(items_) + 1, 0);
    for (const std::int32_t item : ids_.all()) ++counts[static_cast<std::size_t>(item)];
    return counts;
}

DEEPREC_FUNCTION std::vector<std::int32_t> Sequences::cold_items() const {
    const auto counts = item_counts();
    std::vector<std::int32_t> cold;
    for (std::int32_t item = 1; item <= items_; ++item)
        if (counts[static_cast<std::size_t>(item)] == 0) cold.push_back(item);
    return cold;
}

DEEPREC_LAZY_FUNCTION Sequences Sequences::distinct() const {
    Sequences sets;
    sets.items_ = items_;
    sets.holds_out_ = holds_out_;
    for (std::int32_t user = 1; user <= users(); ++user) {
        const auto ids = (*this)[user];
        sets.append(ids);
        std::vector<std::int32_t>& all = sets.ids_.own();
        const auto begin = all.end() - static_cast<std::ptrdiff_t>(ids.size());
        std::sort(begin, all.end());
        all.erase(std::unique(begin, all.end()), all.end());
        sets.ends_.back() = all.size();
    }
    return sets;
}

DEEPREC_LAZY_FUNCTION Sequences Sequences::events_since(const Sequences& before, Index replay) const {
    if (replay < 0) throw ArgumentError(message("events_since: expected a replay of 0 or more, received ", replay));
    if (before.users() > users())
        throw DataError(
            message("events_since: expected at most ", users(), " users before, received ", before.users()));
    Sequences since;
    since.items_ = items_;
    since.holds_out_ = holds_out_;
    for (std::int32_t user = 1; user <= users(); ++user) {
        const auto ids = (*this)[user];
        const auto old = user <= before.users() ? before[user] : std::span<const std::int32_t>();
        if (old.size() > ids.size() || !std::equal(old.begin(), old.end(), ids.begin()))
            throw DataError(message("events_since: expected the events of user ", user, " to begin with the ",
                                    old.size(), " before, received ", ids.size(), " that do not"));
        const std::size_t fresh = ids.size() - old.size();
        since.append(fresh == 0 ? std::span<const std::int32_t>()
                                : ids.last(fresh + std::min(old.size(), static_cast<std::size_t>(replay))));
    }
    return since;
}

DEEPREC_LAZY_FUNCTION std::vector<Query> Sequences::next_item_queries() const {
    check_training("Sequences::next_item_queries");
    std::vector<Query> queries;
    queries.reserve(ids_.all().size());
    for (std::int32_t user = 1; user <= users(); ++user) {
        const auto ids = (*this)[user];
        for (std::size_t t = 1; t < ids.size(); ++t) queries.push_back({user, ids.first(t), ids[t]});
    }
    return queries;
}
#endif

/// Writes the last `row.size()` ids at the END of the row and zeros before them: padding on the left, as Keras'
/// pad_sequences does by default, so that the newest behaviour is always the last step.
inline void pad_last(std::span<const std::int32_t> ids, std::span<std::int32_t> row) {
    const auto kept = ids.last(std::min(ids.size(), row.size()));
    const auto start = std::fill_n(row.begin(), row.size() - kept.size(), 0);
    std::copy(kept.begin(), kept.end(), start);
}

/// The last `steps` behaviours of each query: [B, steps]. Throws ArgumentError unless steps is positive.
inline Tensor<std::int32_t, 2> pad_last(std::span<const Query> queries, Index steps) {
    if (steps < 1) throw ArgumentError(message("pad_last: expected at least one step, received ", steps));
    Tensor<std::int32_t, 2> padded(static_cast<Index>(queries.size()), steps);
    for (std::size_t i = 0; i < queries.size(); ++i)
        pad_last(queries[i].history, {padded.data() + static_cast<Index>(i) * steps, static_cast<std::size_t>(steps)});
    return padded;
}

DEEPREC_END
