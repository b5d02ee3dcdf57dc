#include <deeprec/data/splits.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include <deeprec/data/readers/read_dataset.hpp>

#include "data/mixed_events.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using namespace deeprec::test;
using support::message_of;

namespace {
/// "user: history -> target" of each query.
std::vector<std::string> texts(const std::vector<Query>& queries) {
    std::vector<std::string> texts;
    for (const Query& query : queries) {
        texts.push_back(std::to_string(query.user) + ":");
        for (const std::int32_t item : query.history) texts.back() += " " + std::to_string(item);
        texts.back() += " -> " + std::to_string(query.target);
    }
    return texts;
}
using Texts = std::vector<std::string>;
}  // namespace

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

TEST_CASE("The events that train keep their times and ratings", "[data]") {
    const Interactions events = mixed();
    const LeaveOneOut split{Sequences{events}};
    const Interactions train = split.train_events(events);
    train.check();
    REQUIRE(train.size() == split.train().size());
    REQUIRE(train.users.size() == events.users.size());
    const Sequences again(train);
    for (std::int32_t user = 1; user <= 4; ++user) REQUIRE(ids(again[user]) == ids(split.train()[user]));
    std::multiset<std::int64_t> times(train.timestamp.begin(), train.timestamp.end());
    std::multiset<std::int64_t> expected;
    for (std::size_t i = 0; i < events.user.size(); ++i) {
        const auto own = split.train()[events.user[i]];
        if (std::count(own.begin(), own.end(), events.item[i]) > 0) expected.insert(events.timestamp[i]);
    }
    REQUIRE(times == expected);  // no user has an item in two parts

    Interactions fewer;
    REQUIRE(message_of<DataError>([&] { split.train_events(fewer); }) ==
            message("Split::train_events: expected the ", events.size(),
                    " events of 4 users and 9 items that were split, received 0 of 0 and 0"));
    Interactions other = events;
    other.item[3] = other.item[3] % 9 + 1;
    REQUIRE(message_of<DataError>([&] { split.train_events(other); }) ==
            "Split::train_events: expected the events that were split, event 4 is another");
}

TEST_CASE("A copy of a split is its own", "[data]") {
    std::vector<Query> test;
    auto first = std::make_unique<LeaveOneOut>(Sequences{mixed()});
    const LeaveOneOut second = *first;
    first.reset();
    REQUIRE(ids(second.test_queries()[1].history) == Ids{1, 3});
}

TEST_CASE("A split by time knows no future", "[data]") {
    const Interactions events = mixed();
    const TimeSplit split{events, 15, 20};
    REQUIRE(ids(split.train()[1]) == Ids{2});
    REQUIRE(ids(split.train()[2]) == Ids{7, 7});
    REQUIRE(split.train()[3].empty());
    REQUIRE(ids(split.train()[4]) == Ids{1});
    REQUIRE(texts(split.validation_queries()) == Texts{"1: 2 -> 1"});
    REQUIRE(texts(split.test_queries()) == Texts{"1: 2 1 -> 5", "1: 2 1 5 -> 8", "4: 1 -> 3", "4: 1 3 -> 9"});
    REQUIRE(split.is_split(1));
    REQUIRE(!split.is_split(2));

    const TimeSplit late{events, 7, 7};  // users 1 and 4 come later than all training; nothing validates
    REQUIRE(late.validation_queries().empty());
    REQUIRE(late.train().size() == 2);
    REQUIRE(texts(late.test_queries()).front() == "1: -> 2");

    REQUIRE(time_quantile(events, 0) == 4);
    REQUIRE(time_quantile(events, 0.5) == 15);  // four of nine events are earlier
    REQUIRE(time_quantile(events, 1) == 30);
    REQUIRE(message_of<ArgumentError>([&] { time_quantile(events, 1.5); }) ==
            "time_quantile: expected a share from 0 to 1, received 1.5");
    REQUIRE(message_of<ArgumentError>([&] { TimeSplit(events, 20, 15); }) ==
            "TimeSplit: expected validation before test, received 20 and 15");
    Interactions untimed = events;
    untimed.timestamp.clear();
    REQUIRE_THROWS_AS(time_quantile(untimed, 0.5), DataError);
    REQUIRE(message_of<DataError>([&] { TimeSplit(untimed, 1, 2); }) ==
            "TimeSplit: expected events with timestamps, received none");
}

TEST_CASE("A split by ratio cuts each user's events", "[data]") {
    Interactions x;
    for (int item = 1; item <= 10; ++item) x.items.add(std::to_string(item));
    x.users.add("many");
    x.users.add("few");
    for (int item = 1; item <= 10; ++item) x.add(1, item);
    x.add(2, 4);
    const RatioSplit split{Sequences{x}, {.validation = 0.2, .test = 0.3}};
    REQUIRE(split.train()[1].size() == 5);
    REQUIRE(texts(split.validation_queries()) == Texts{"1: 1 2 3 4 5 -> 6", "1: 1 2 3 4 5 6 -> 7"});
    REQUIRE(texts(split.test_queries()).back() == "1: 1 2 3 4 5 6 7 8 9 -> 10");
    REQUIRE(split.test_queries().size() == 3);
    REQUIRE(ids(split.train()[2]) == Ids{4});
    REQUIRE(RatioSplit{Sequences{x}}.test_queries().size() == 1);  // 0.1 of ten
    for (const RatioSplitOptions bad :
         {RatioSplitOptions{-0.1, 0.1}, {0.1, -0.1}, {0.5, 0.5}, {std::numeric_limits<double>::quiet_NaN(), 0.1}})
        REQUIRE_THROWS_AS((RatioSplit{Sequences{x}, bad}), ArgumentError);
    REQUIRE(message_of<ArgumentError>([&] {
                Split(Sequences{x}, [](auto, auto) { return SplitCut{3, 11}; });
            }) == "Split: expected cuts of user 1 in order and up to 10, received 3 and 11");
}

TEST_CASE("Cold users and cold items are set apart", "[data]") {
    Interactions x;
    for (int item = 1; item <= 4; ++item) x.items.add(std::to_string(item));
    x.users.add("old");
    x.users.add("new");
    x.add(1, 1, {}, 1);
    x.add(1, 2, {}, 2);
    x.add(1, 1, {}, 10);
    x.add(1, 3, {}, 11);  // no training event has 3
    x.add(2, 2, {}, 12);  // no training event is user 2's
    x.add(2, 4, {}, 13);
    const TimeSplit split{x, 10, 10};
    const auto test = split.test_queries();
    const QueriesByWarmth rows = by_warmth(test, split.train());
    REQUIRE(texts(rows.warm) == Texts{"1: 1 2 -> 1"});
    REQUIRE(texts(rows.cold_items) == Texts{"1: 1 2 1 -> 3"});
    REQUIRE(texts(rows.cold_users) == Texts{"2: -> 2", "2: 2 -> 4"});
    const std::vector<Query> unknown{{1, {}, 5}};
    REQUIRE(message_of<DataError>([&] { by_warmth(unknown, split.train()); }) ==
            "by_warmth: expected targets from 1 to 4, received 5");
}

TEST_CASE("A scrambled split has other held-out events and the same training part", "[data]") {
    const LeaveOneOut split{Sequences{mixed()}};
    const Split other = split.scrambled(Seed{1});
    const auto a = split.test_queries(), b = other.test_queries();
    const auto c = split.validation_queries(), d = other.validation_queries();
    for (std::int32_t user = 1; user <= 4; ++user) REQUIRE(ids(other.train()[user]) == ids(split.train()[user]));
    for (std::int32_t user = 1; user <= 4; ++user) REQUIRE(other.all()[user].size() == split.all()[user].size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        REQUIRE(a[i].target != b[i].target);
        REQUIRE(c[i].target != d[i].target);
        REQUIRE(b[i].history.back() == d[i].target);
        REQUIRE((b[i].target >= 1 && b[i].target <= 9));
    }
    Interactions one;
    one.users.add("u");
    one.items.add("i");
    for (int i = 0; i < 3; ++i) one.add(1, 1);
    REQUIRE(message_of<DataError>([&] { LeaveOneOut{Sequences{one}}.scrambled(Seed{}); }) ==
            "Split: expected two items to scramble, received 1");
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
