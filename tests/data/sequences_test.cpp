#include <deeprec/data/sequences.hpp>

#include "data/mixed_events.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using namespace deeprec::test;
using support::message_of;

TEST_CASE("Sequences sort each user by time and keep ties in order", "[data]") {
    const Sequences s{mixed()};
    REQUIRE(s.users() == 4);
    REQUIRE(s.items() == 9);
    REQUIRE(s.size() == 9);
    REQUIRE(ids(s[1]) == Ids{2, 1, 5, 8});
    REQUIRE(ids(s[2]) == Ids{7, 7});
    REQUIRE(s[3].empty());
    REQUIRE(ids(s[4]) == Ids{1, 3, 9});
    REQUIRE(message_of<DataError>([&] { s[5]; }) == "Sequences: expected a user id from 1 to 4, received 5");
    REQUIRE_THROWS_AS(s[0], DataError);
    REQUIRE_THROWS_AS(Sequences{}[1], DataError);

    Interactions untimed = mixed();
    untimed.timestamp.clear();
    REQUIRE(ids(Sequences{untimed}[1]) == Ids{5, 2, 8, 1});

    untimed.item[0] = 10;
    REQUIRE_THROWS_AS(Sequences{untimed}, DataError);
}

TEST_CASE("Sequences count items, give sets and next-item queries", "[data]") {
    const Sequences s{mixed()};
    REQUIRE(s.item_counts() == std::vector<std::int64_t>{0, 2, 1, 1, 0, 1, 0, 2, 1, 1});
    const Sequences sets = s.distinct();
    REQUIRE(ids(sets[1]) == Ids{1, 2, 5, 8});
    REQUIRE(ids(sets[2]) == Ids{7});
    REQUIRE(sets[3].empty());
    REQUIRE(ids(sets[4]) == Ids{1, 3, 9});

    const auto queries = s.next_item_queries();
    REQUIRE(queries.size() == 3 + 1 + 0 + 2);
    REQUIRE(queries[0].user == 1);
    REQUIRE(ids(queries[0].history) == Ids{2});
    REQUIRE(queries[0].target == 1);
    REQUIRE(ids(queries[2].history) == Ids{2, 1, 5});
    REQUIRE(queries[2].target == 8);
    REQUIRE(queries[5].user == 4);
    REQUIRE(queries[5].target == 9);
}

TEST_CASE("Events since a day come with a replay of those before", "[data]") {
    Interactions early;
    for (const char* user : {"a", "b"}) early.users.add(user);
    for (const char* item : {"x", "y", "z"}) early.items.add(item);
    for (const std::int32_t item : {1, 2, 3}) early.add(1, item);
    early.add(2, 3);
    const Sequences before(early);
    Interactions late = early;
    late.users.add("c");
    late.items.add("new");
    late.add(1, 4);
    late.add(1, 2);
    late.add(3, 4);
    const Sequences now(late);
    const auto of = [](const Sequences& sequences, std::int32_t user) {
        const auto ids = sequences[user];
        return std::vector<std::int32_t>(ids.begin(), ids.end());
    };
    const Sequences since = now.events_since(before, 2);
    CHECK(since.users() == 3);
    CHECK(since.items() == 4);
    CHECK(of(since, 1) == std::vector<std::int32_t>{2, 3, 4, 2});
    CHECK(of(since, 2).empty());
    CHECK(of(since, 3) == std::vector<std::int32_t>{4});
    CHECK(of(now.events_since(before, 0), 1) == std::vector<std::int32_t>{4, 2});
    CHECK(of(now.events_since(before, 9), 1) == of(now, 1));
    CHECK(now.events_since(now, 9).size() == 0);
    CHECK(message_of<DataError>([&] { before.events_since(now, 1); }) ==
          "events_since: expected at most 2 users before, received 3");
    early.item[0] = 3;
    CHECK(message_of<DataError>([&] { now.events_since(Sequences(early), 1); }) ==
          "events_since: expected the events of user 1 to begin with the 3 before, received 5 that do not");
    CHECK_THROWS_AS(now.events_since(before, -1), ArgumentError);
}

TEST_CASE("pad_last keeps the newest steps at the end", "[data]") {
    const Ids history{1, 2, 3};
    const auto padded = [&](std::size_t steps, std::size_t events) {
        Ids row(steps, -1);
        pad_last(std::span(history).first(events), row);
        return row;
    };
    REQUIRE(padded(5, 3) == Ids{0, 0, 1, 2, 3});
    REQUIRE(padded(3, 3) == Ids{1, 2, 3});
    REQUIRE(padded(2, 3) == Ids{2, 3});
    REQUIRE(padded(2, 0) == Ids{0, 0});
    REQUIRE(padded(0, 3).empty());

    const Sequences sequences{mixed()};
    const auto batch = pad_last(std::vector<Query>{{1, sequences[1].first(3), 8}, {4, sequences[4].first(2), 9}}, 2);
    REQUIRE(batch.dimension(0) == 2);
    REQUIRE(batch.dimension(1) == 2);
    REQUIRE(Ids(batch.data(), batch.data() + 4) == Ids{1, 5, 1, 3});
    REQUIRE(message_of<ArgumentError>([&] { pad_last({}, 0); }) == "pad_last: expected at least one step, received 0");
}
