#include <deeprec/data/sessions.hpp>

#include <limits>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
Ids ids(std::span<const std::int32_t> span) { return {span.begin(), span.end()}; }

Interactions visits() {
    Interactions x;
    for (const char* user : {"ann", "bob", "eve"}) x.users.add(user);
    for (int item = 1; item <= 5; ++item) x.items.add(std::to_string(item));
    x.add(3, 4, 1.0f, 1000);
    x.add(1, 2, 2.0f, 5000);
    x.add(1, 1, 3.0f, 100);
    x.add(1, 3, 4.0f, 700);
    x.add(3, 5, 5.0f, 1600);
    x.add(1, 5, 1.5f, 5000);
    return x;
}
}  // namespace

TEST_CASE("A pause longer than the gap ends a session", "[data]") {
    const Interactions sessions = split_sessions(visits(), 600);
    REQUIRE(sessions.users.size() == 3);  // bob has no event and so no session
    REQUIRE(sessions.users.key(1) == "ann/1");
    REQUIRE(sessions.users.key(2) == "ann/2");
    REQUIRE(sessions.users.key(3) == "eve/1");
    const Sequences s{sessions};
    REQUIRE(ids(s[1]) == Ids{1, 3});  // 600 seconds apart
    REQUIRE(ids(s[2]) == Ids{2, 5});
    REQUIRE(ids(s[3]) == Ids{4, 5});
    REQUIRE(s.items() == 5);
    REQUIRE(sessions.rating == std::vector<float>{3, 4, 2, 1.5f, 1, 5});
    REQUIRE(sessions.timestamp == std::vector<std::int64_t>{100, 700, 5000, 5000, 1000, 1600});

    const Interactions shorter = split_sessions(visits(), 599);
    REQUIRE(shorter.users.size() == 5);
    REQUIRE(shorter.users.key(3) == "ann/3");
    REQUIRE(split_sessions(visits(), 1'000'000).users.size() == 2);
    REQUIRE(message_of<ArgumentError>([] { split_sessions(visits(), -1); }) ==
            "split_sessions: expected a gap of at least 0 seconds, received -1");
    Interactions untimed = visits();
    untimed.timestamp.clear();
    REQUIRE(message_of<DataError>([&] { split_sessions(untimed, 1); }) ==
            "split_sessions: expected events with timestamps, received none of them");
    REQUIRE_THROWS_AS(time_gaps(untimed), DataError);
}

TEST_CASE("Times may be as far apart as numbers are", "[data]") {
    using Limits = std::numeric_limits<std::int64_t>;
    Interactions x;
    x.users.add("ann");
    x.items.add("1");
    x.add(1, 1, {}, Limits::max());
    x.add(1, 1, {}, Limits::min());
    REQUIRE(split_sessions(x, 1000).users.size() == 2);
    REQUIRE(ids(time_gaps(x)[1]) == Ids{1, time_gap_ids - 1});
}

TEST_CASE("Time gaps are ids in the places of the events", "[data]") {
    const Sequences gaps = time_gaps(visits()), items{visits()};
    REQUIRE(gaps.items() == time_gap_ids - 1);
    for (std::int32_t user = 1; user <= 3; ++user) REQUIRE(gaps[user].size() == items[user].size());
    REQUIRE(ids(gaps[1]) == Ids{1, 2 + 9, 2 + 12, 2});  // first, 600, 4300, 0 seconds
    REQUIRE(gaps[2].empty());
    REQUIRE(ids(gaps[3]) == Ids{1, 11});
    REQUIRE(time_gap_id(60) == 7);
    REQUIRE(time_gap_id(3600) == 13);
    REQUIRE(time_gap_id(86400) == 18);
    REQUIRE(time_gap_id(365 * 86400) == 26);
    REQUIRE(time_gap_id(std::numeric_limits<std::int64_t>::max()) == time_gap_ids - 1);
    REQUIRE(message_of<ArgumentError>([] { time_gap_id(-1); }) ==
            "time_gap_id: expected at least 0 seconds, received -1");
}

TEST_CASE("Sessions are not cut out of milliseconds", "[data]") {
    Interactions x = visits();
    for (std::int64_t& time : x.timestamp) time += 1'546'300'800'000;
    const std::string what = message_of<DataError>([&] { split_sessions(x, 1800); });
    CHECK(what.find(
              "split_sessions: expected times whose median is in the years 1990 to 2100, received a median in 50970 "
              "as seconds; they are milliseconds") == 0);
    CHECK_THROWS_AS(time_gaps(x), DataError);
}
