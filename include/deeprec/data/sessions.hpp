/// What the time between events says: where a visit ends, and how long ago the one before was.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <string>

#include <deeprec/data/sequences.hpp>
#include <deeprec/data/time_unit.hpp>

DEEPREC_BEGIN

namespace detail {
inline void check_timed(const char* who, const Interactions& events) {
    if (events.timestamp.empty())
        throw DataError(message(who, ": expected events with timestamps, received ",
                                events.user.empty() ? "no events" : "none of them"));
    check_years(events.timestamp, who, &numeric_units[0], false);  // milliseconds would cut a visit at every event
}
/// From `last` to a later time, at most 2^63 - 1: the difference of two times may have a bit more than they have.
inline std::int64_t seconds_between(std::int64_t last, std::int64_t time) {
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(
        std::min(static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(last), most));
}
}  // namespace detail

/// The events with sessions in the place of users: of user "ann" those up to the first pause of more than `gap` seconds
/// become "ann/1", the next ones "ann/2", and so on. Sorted by user and time; items, ratings and times stay.
/// Everything that takes users takes sessions in this way: splits, baselines, training.
/// Throws DataError without timestamps or for some whose median is after 2100 (they are no seconds), ArgumentError for
/// a negative gap.
DEEPREC_LAZY Interactions split_sessions(const Interactions& events, std::int64_t gap) {
    if (gap < 0) throw ArgumentError(message("split_sessions: expected a gap of at least 0 seconds, received ", gap));
    detail::check_timed("split_sessions", events);
    Interactions sessions;
    sessions.items = events.items;
    std::int32_t user = 0, number = 0, session = 0;
    std::int64_t last = 0;
    for (const std::size_t i : detail::by_user_and_time(events)) {
        const std::int64_t time = events.timestamp[i];
        const bool other = events.user[i] != user, later = !other && detail::seconds_between(last, time) > gap;
        number = other ? 1 : later ? number + 1 : number;
        if (other || later)
            session = sessions.users.add(events.users.key(events.user[i]) + "/" + std::to_string(number));
        user = events.user[i];
        last = time;
        sessions.user.push_back(session);
        sessions.item.push_back(events.item[i]);
        sessions.timestamp.push_back(time);
        if (!events.rating.empty()) sessions.rating.push_back(events.rating[i]);
    }
    return sessions;
}

/// The id that an embedding of time gaps looks up: 0 is padding, 1 a first event, else 2 + floor(log2(1 + seconds)),
/// which is below `time_gap_ids` for all times (one minute is 7, an hour 13, a day 18, a year 26).
inline constexpr std::int32_t time_gap_ids = 66;
/// Throws ArgumentError for a negative gap.
inline std::int32_t time_gap_id(std::int64_t seconds) {
    if (seconds < 0) throw ArgumentError(message("time_gap_id: expected at least 0 seconds, received ", seconds));
    return 65 - std::countl_zero(static_cast<std::uint64_t>(seconds) + 1);  // 1 + its width in bits
}

/// `time_gap_id` of each event since the one before, in the places of `Sequences{events}`: for a user with `history`
/// events the gaps are `gaps[user].first(history.size())`. Throws DataError as `split_sessions`.
DEEPREC_LAZY Sequences time_gaps(const Interactions& events) {
    detail::check_timed("time_gaps", events);
    Interactions gaps;
    gaps.users = events.users;
    for (std::int32_t id = 1; id < time_gap_ids; ++id) gaps.items.add(std::to_string(id));
    std::int32_t user = 0;
    std::int64_t last = 0;
    for (const std::size_t i : detail::by_user_and_time(events)) {
        gaps.user.push_back(events.user[i]);
        gaps.item.push_back(events.user[i] == user ? time_gap_id(detail::seconds_between(last, events.timestamp[i]))
                                                   : 1);
        user = events.user[i];
        last = events.timestamp[i];
    }
    return Sequences(gaps);
}

DEEPREC_END
