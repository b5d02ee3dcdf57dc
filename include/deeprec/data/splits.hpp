/// What trains, what validates and what tests: leave one out, by time, by a share of each user's events.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// Where a user's events are cut: [0, validation) trains, [validation, test) validates, the rest tests.
struct SplitCut {
    std::size_t validation = 0, test = 0;  ///< numbers of a user's events, from 0
};

/// Each user's events, oldest first, in three parts. Every event that is held out is the target of one query, with
/// everything before it as the history, earlier events that are held out included.
///
/// What learns takes `train()` and so cannot see a target. `all()` is marked: counts, samplers, baselines and training
/// samples refuse it (`Sequences::check_training`). To train on everything, once the figures are known, use
/// `Sequences{events}`.
class Split {
public:
    /// cut(user, number of events) -> SplitCut for each user id. Throws ArgumentError for parts that overlap or reach
    /// too far.
    template <class Cut>
    Split(Sequences all, const Cut& cut) : all_(std::move(all)) {
        train_.items_ = all_.items_;
        for (std::int32_t user = 1; user <= all_.users(); ++user) {
            const auto ids = all_[user];
            const SplitCut at = cut(user, ids.size());
            if (at.validation > at.test || at.test > ids.size())
                throw ArgumentError(message("Split: expected cuts of user ", user, " in order and up to ", ids.size(),
                                            ", received ", at.validation, " and ", at.test));
            cuts_.push_back(at);
            train_.append(ids.first(at.validation));
        }
        all_.holds_out_ = all_.size() > train_.size();
    }

    /// Everything, for histories and filters.
    const Sequences& all() const { return all_; }
    /// What models, counts and samplers may see: each user's first events.
    const Sequences& train() const { return train_; }
    /// The events that train with all that `events` says of them, such as their times, in the order of `events`: those
    /// that were split. Throws DataError for others.
    DEEPREC_LAZY Interactions train_events(const Interactions& events) const {
        const std::vector<std::size_t> order = detail::by_user_and_time(events);
        if (events.size() != all_.size() || events.users.size() != all_.users() || events.items.size() != all_.items())
            throw DataError(message("Split::train_events: expected the ", all_.size(), " events of ", all_.users(),
                                    " users and ", all_.items(), " items that were split, received ", events.size(),
                                    " of ", events.users.size(), " and ", events.items.size()));
        const auto ids = all_.ids_.all();
        std::vector<std::uint8_t> trains(order.size(), 0);
        for (std::size_t i = 0; i < order.size(); ++i) {
            const auto user = static_cast<std::size_t>(events.user[order[i]]);
            if (events.item[order[i]] != ids[i] || i < all_.ends_[user - 1] || i >= all_.ends_[user])
                throw DataError(message("Split::train_events: expected the events that were split, event ",
                                        order[i] + 1, " is another"));
            trains[order[i]] = i - all_.ends_[user - 1] < cuts_[user - 1].validation;
        }
        Interactions train;
        train.users = events.users, train.items = events.items;
        for (std::size_t i = 0; i < trains.size(); ++i) {
            if (!trains[i]) continue;
            train.user.push_back(events.user[i]);
            train.item.push_back(events.item[i]);
            if (!events.rating.empty()) train.rating.push_back(events.rating[i]);
            if (!events.timestamp.empty()) train.timestamp.push_back(events.timestamp[i]);
        }
        return train;
    }
    /// Whether events of the user are held out. Throws DataError for an id that is not in 1 to users.
    bool is_split(std::int32_t user) const { return all_[user].size() > train_[user].size(); }
    /// In the order of user ids, oldest first.
    std::vector<Query> validation_queries() const {
        return queries([](const SplitCut& cut, std::size_t) { return std::pair(cut.validation, cut.test); });
    }
    /// The same of the test part; histories have the events that validate.
    std::vector<Query> test_queries() const {
        return queries([](const SplitCut& cut, std::size_t events) { return std::pair(cut.test, events); });
    }

    /// The same training part with every held-out event replaced by another item: whatever is learned from it must be
    /// what is learned from this split, bit for bit, or it has seen what is held out. Throws DataError below two items.
    DEEPREC_LAZY Split scrambled(Seed seed) const {
        const auto n = static_cast<std::uint64_t>(all_.items());
        if (n < 2) throw DataError(message("Split: expected two items to scramble, received ", n));
        const RandomStream random(seed);
        Split other = *this;
        for (std::int32_t user = 1; user <= all_.users(); ++user) {
            const auto u = static_cast<std::size_t>(user) - 1;
            for (std::size_t i = all_.ends_[u] + cuts_[u].validation; i < all_.ends_[u + 1]; ++i) {
                const auto place = static_cast<std::uint64_t>(all_.ids_.all()[i] - 1);
                other.all_.ids_.own()[i] = 1 + static_cast<std::int32_t>((place + 1 + random.below(i, n - 1)) % n);
            }
        }
        return other;
    }

private:
    template <class Range>
    std::vector<Query> queries(const Range& range) const {
        std::vector<Query> queries;
        for (std::int32_t user = 1; user <= all_.users(); ++user) {
            const auto ids = all_[user];
            const auto [begin, end] = range(cuts_[static_cast<std::size_t>(user) - 1], ids.size());
            for (std::size_t at = begin; at < end; ++at) queries.push_back({user, ids.first(at), ids[at]});
        }
        return queries;
    }
    Sequences all_, train_;
    std::vector<SplitCut> cuts_;  // of user ids from 1
};

/// The split of the literature: a user's last event is the test target, the last but one the validation target, the
/// rest trains. A user with fewer than three events has no validation or test query, and trains with all of them.
class LeaveOneOut : public Split {
public:
    DEEPREC_LAZY explicit LeaveOneOut(Sequences all)
        : Split(std::move(all), [](std::int32_t, std::size_t n) {
              return n < 3 ? SplitCut{n, n} : SplitCut{n - 2, n - 1};
          }) {}
};

/// The time before which `share` of the events happened: timestamp number floor(share n) of all in order.
/// Throws DataError without events or timestamps, ArgumentError unless share is in [0, 1].
DEEPREC_LAZY std::int64_t time_quantile(const Interactions& events, double share) {
    if (!(share >= 0 && share <= 1))
        throw ArgumentError(message("time_quantile: expected a share from 0 to 1, received ", share));
    std::vector<std::int64_t> times = events.timestamp;
    if (times.empty()) throw DataError("time_quantile: expected events with timestamps, received none");
    const auto at = std::min(static_cast<std::size_t>(share * static_cast<double>(times.size())), times.size() - 1);
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
    return times[at];
}

/// One moment for everybody, so that no count knows the future: events from `test_from` on test, those from
/// `validation_from` on validate, earlier ones train (seconds, as `Interactions::timestamp`; `time_quantile` gives a
/// moment by a share of the events). Where both are the same there is nothing to validate with.
class TimeSplit : public Split {
public:
    /// Throws DataError without timestamps, ArgumentError for moments out of order.
    DEEPREC_LAZY TimeSplit(const Interactions& events, std::int64_t validation_from, std::int64_t test_from)
        : TimeSplit(events, cuts(events, validation_from, test_from)) {}

private:
    DEEPREC_LAZY TimeSplit(const Interactions& events, const std::vector<SplitCut>& cuts)
        : Split(Sequences(events),
                [&](std::int32_t user, std::size_t) { return cuts[static_cast<std::size_t>(user)]; }) {}
    DEEPREC_LAZY static std::vector<SplitCut> cuts(const Interactions& events, std::int64_t validation_from,
                                                   std::int64_t test_from) {
        events.check();
        if (events.timestamp.empty()) throw DataError("TimeSplit: expected events with timestamps, received none");
        if (validation_from > test_from)
            throw ArgumentError(
                message("TimeSplit: expected validation before test, received ", validation_from, " and ", test_from));
        std::vector<SplitCut> cuts(static_cast<std::size_t>(events.users.size()) + 1);
        for (std::size_t i = 0; i < events.user.size(); ++i) {
            SplitCut& cut = cuts[static_cast<std::size_t>(events.user[i])];
            cut.validation += events.timestamp[i] < validation_from;
            cut.test += events.timestamp[i] < test_from;
        }
        return cuts;
    }
};

/// The shares of each user's events that are held out.
struct RatioSplitOptions {
    double validation = 0.1, test = 0.1;  ///< each at least 0, together below 1
};
/// Of a user with n events the last floor(test n) test, the floor(validation n) before them validate, the others train.
class RatioSplit : public Split {
public:
    /// Throws ArgumentError unless the shares are not negative and leave something to train with.
    explicit RatioSplit(Sequences all, RatioSplitOptions options = {})
        : Split(std::move(all), [&](std::int32_t, std::size_t n) {
              if (!(options.validation >= 0 && options.test >= 0 && options.validation + options.test < 1))
                  throw ArgumentError(
                      message("RatioSplit: expected shares of at least 0 with a sum below 1, received "
                              "validation ",
                              options.validation, " and test ", options.test));
              const auto share = [&](double part) {  // what 0.29 100 rounds to is 29
                  return static_cast<std::size_t>(std::floor(part * static_cast<double>(n) + 1e-9));
              };
              const std::size_t test = n - share(options.test);
              return SplitCut{test - share(options.validation), test};
          }) {}
};

/// Queries by what the training part knows.
struct QueriesByWarmth {
    std::vector<Query> warm;        ///< the user has training events and so has the target
    std::vector<Query> cold_items;  ///< the user has, the target has none
    std::vector<Query> cold_users;  ///< the user has no training event, whatever the target
};
/// Sets cold users and cold items apart, each in the order of `queries`.
/// Throws DataError for users and targets that `train` does not number.
DEEPREC_LAZY QueriesByWarmth by_warmth(std::span<const Query> queries, const Sequences& train) {
    const auto counts = train.item_counts();
    QueriesByWarmth rows;
    for (const Query& query : queries) {
        if (query.target < 1 || query.target > train.items())
            throw DataError(
                message("by_warmth: expected targets from 1 to ", train.items(), ", received ", query.target));
        auto& row = train[query.user].empty()                             ? rows.cold_users
                    : counts[static_cast<std::size_t>(query.target)] == 0 ? rows.cold_items
                                                                          : rows.warm;
        row.push_back(query);
    }
    return rows;
}

DEEPREC_END
