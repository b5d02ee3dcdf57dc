#include <deeprec/data/sequences.hpp>

#include <cmath>
#include <memory>
#include <set>

#include <deeprec/data/readers/read_dataset.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
Ids ids(std::span<const std::int32_t> span) { return {span.begin(), span.end()}; }

/// Users 1 to 4 with 4, 2, 0 and 3 events, in mixed order.
Interactions mixed() {
    Interactions x;
    for (int user = 1; user <= 4; ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= 9; ++item) x.items.add(std::to_string(item));
    x.add(4, 9, {}, 30);
    x.add(1, 5, {}, 20);
    x.add(1, 2, {}, 10);
    x.add(2, 7, {}, 5);
    x.add(1, 8, {}, 20);  // as late as item 5, which came first
    x.add(4, 1, {}, 10);
    x.add(2, 7, {}, 4);
    x.add(4, 3, {}, 20);
    x.add(1, 1, {}, 15);
    return x;
}
}  // namespace

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

TEST_CASE("Leave one out holds back the last two events", "[data]") {
    const LeaveOneOut split{Sequences{mixed()}};
    REQUIRE(ids(split.train()[1]) == Ids{2, 1});
    REQUIRE(ids(split.train()[2]) == Ids{7, 7});  // too short to split: all of it trains
    REQUIRE(split.train()[3].empty());
    REQUIRE(ids(split.train()[4]) == Ids{1});
    REQUIRE(split.train().users() == 4);
    REQUIRE(split.train().items() == 9);
    REQUIRE(split.is_split(1));
    REQUIRE(!split.is_split(2));
    REQUIRE(!split.is_split(3));

    const auto validation = split.validation_queries(), test = split.test_queries();
    REQUIRE(validation.size() == 2);
    REQUIRE(test.size() == 2);
    REQUIRE(validation[0].user == 1);
    REQUIRE(ids(validation[0].history) == Ids{2, 1});
    REQUIRE(validation[0].target == 5);
    REQUIRE(ids(test[0].history) == Ids{2, 1, 5});
    REQUIRE(test[0].target == 8);
    REQUIRE(validation[1].user == 4);
    REQUIRE(validation[1].target == 3);
    REQUIRE(test[1].target == 9);
}

TEST_CASE("A copy of a split is its own", "[data]") {
    std::vector<Query> test;
    auto first = std::make_unique<LeaveOneOut>(Sequences{mixed()});
    const LeaveOneOut second = *first;
    first.reset();
    REQUIRE(ids(second.test_queries()[1].history) == Ids{1, 3});
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

    const LeaveOneOut split{Sequences{mixed()}};
    const auto batch = pad_last(split.test_queries(), 2);
    REQUIRE(batch.dimension(0) == 2);
    REQUIRE(batch.dimension(1) == 2);
    REQUIRE(Ids(batch.data(), batch.data() + 4) == Ids{1, 5, 1, 3});
    REQUIRE(message_of<ArgumentError>([&] { pad_last(split.test_queries(), 0); }) ==
            "pad_last: expected at least one step, received 0");
}

TEST_CASE("Real data: the split gives the published popularity figures", "[data][real]") {
    const auto path = support::shared_data("movielens-100k", "popularity on MovieLens-100K");
    if (!path) return;
    const LeaveOneOut split{Sequences{read_dataset(*path).interactions}};
    const auto counts = split.train().item_counts();
    double hits = 0, ndcg = 0;
    int unseen_targets = 0;
    const auto queries = split.test_queries();
    REQUIRE(queries.size() == 943);
    for (const Query& query : queries) {
        const std::set<std::int32_t> seen(query.history.begin(), query.history.end());
        const auto score = counts[static_cast<std::size_t>(query.target)];
        int rank = 0;
        for (std::int32_t item = 1; item <= 1682; ++item) {
            const auto other = counts[static_cast<std::size_t>(item)];
            if (seen.count(item) == 0 && (other > score || (other == score && item < query.target))) ++rank;
        }
        if (rank < 10) ++hits;
        if (rank < 10) ndcg += 1 / std::log2(rank + 2.0);
        if (score == 0) ++unseen_targets;
    }
    CHECK(unseen_targets == 3);
    CHECK(hits / 943 == Approx(0.0859).margin(0.00005));
    CHECK(ndcg / 943 == Approx(0.0450).margin(0.0002));  // how equal counts are ordered moves the last digit
}
