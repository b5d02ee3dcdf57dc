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
