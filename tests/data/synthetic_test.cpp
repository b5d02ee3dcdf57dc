#include <deeprec/data/synthetic.hpp>

#include <map>
#include <numeric>

#include <deeprec/data/splits.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
constexpr SyntheticOptions small{.users = 40, .items = 60, .mean_events = 14, .min_events = 5, .types = 5, .tastes = 3};
}

TEST_CASE("A synthetic world is a pure function of its seed", "[data]") {
    const auto made = [](std::uint64_t seed) { return SyntheticWorld{small, Seed{seed}}.dataset(); };
    const Dataset a = made(1), b = made(1), c = made(2);
    REQUIRE(a.interactions.item == b.interactions.item);
    REQUIRE(a.interactions.rating == b.interactions.rating);
    REQUIRE(a.interactions.item != c.interactions.item);
}

TEST_CASE("A synthetic data set looks like a reader's", "[data]") {
    const SyntheticWorld world{small, Seed{3}};
    const Dataset data = world.dataset();
    REQUIRE_NOTHROW(data.interactions.check());
    REQUIRE(data.interactions.users.size() == 40);
    REQUIRE(data.items.size() == 60);
    REQUIRE(data.interactions.rating.size() == data.interactions.user.size());
    const Sequences sequences{data.interactions};
    const Sequences sets = sequences.distinct();
    for (std::int32_t user = 1; user <= 40; ++user) {
        REQUIRE(sequences[user].size() >= 5);
        REQUIRE(sequences[user].size() <= 30);
        REQUIRE(sets[user].size() == sequences[user].size());  // nobody takes an item twice
    }
    std::map<std::vector<std::string>, std::int32_t> type_of;  // two genres tell the type
    for (std::int32_t item = 1; item <= 60; ++item) {
        const Item& about = data.items[item];
        REQUIRE(about.genres.size() == 2);
        REQUIRE(about.genres[0] != about.genres[1]);
        REQUIRE(about.year >= 1950);
        REQUIRE(!about.title.empty());
        REQUIRE(type_of.emplace(about.genres, world.type(item)).first->second == world.type(item));
    }
    REQUIRE(type_of.size() == 5);
}

TEST_CASE("All 66 types have genres of their own", "[data]") {
    const SyntheticWorld world{{.users = 1, .items = 66, .mean_events = 5, .min_events = 5, .types = 66}};
    std::map<std::vector<std::string>, int> pairs;
    const Dataset data = world.dataset();
    for (std::int32_t item = 1; item <= 66; ++item) ++pairs[data.items[item].genres];
    REQUIRE(pairs.size() == 66);
}

TEST_CASE("The successor is one cycle through all types", "[data]") {
    const SyntheticWorld world{small};
    std::int32_t type = 0, steps = 0;
    do {
        type = world.successor(type);
        ++steps;
    } while (type != 0 && steps < 100);
    REQUIRE(steps == 5);
}

TEST_CASE("Next-item probabilities follow from the model's formula", "[data]") {
    const SyntheticWorld world{small, Seed{5}};
    const Dataset data = world.dataset();
    const Sequences sequences{data.interactions};
    const auto history = sequences[1].first(4);
    const auto p = world.next_item_probabilities(history);
    REQUIRE(p.size() == 61);
    REQUIRE(p[0] == 0);
    for (const std::int32_t item : history) REQUIRE(p[static_cast<std::size_t>(item)] == 0);
    REQUIRE(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1));

    // the type after the last one has rho and its share of taste; inside a type items go by weight
    std::vector<double> of_type(5, 0.0);
    for (std::int32_t item = 1; item <= 60; ++item)
        of_type[static_cast<std::size_t>(world.type(item))] += p[static_cast<std::size_t>(item)];
    REQUIRE(of_type[static_cast<std::size_t>(world.successor(world.type(history.back())))] >= small.follow);

    const auto none = world.next_item_probabilities({});
    REQUIRE(std::accumulate(none.begin(), none.end(), 0.0) == Approx(1));
}

TEST_CASE("What happens agrees with the probabilities", "[data]") {
    // Over all steps of many users, the ranking by probability must hit as often as it expects to.
    const SyntheticOptions options{
        .users = 3000, .items = 60, .mean_events = 8, .min_events = 4, .types = 5, .tastes = 3};
    const SyntheticWorld world{options, Seed{11}};
    const Sequences sequences{world.dataset().interactions};
    const auto queries = sequences.next_item_queries();
    const BestReachable best = world.best_reachable(queries, 3);
    double hits = 0, ndcg = 0, auc = 0, excess = 0, excess_squared = 0;
    for (const Query& query : queries) {
        const auto p = world.next_item_probabilities(query.history);
        const double target = p[static_cast<std::size_t>(query.target)];
        REQUIRE(target > 0);
        const auto better = std::count_if(p.begin(), p.end(), [&](double x) { return x > target; });
        const auto others = static_cast<double>(60 - query.history.size() - 1);
        if (better < 3) ++hits;
        if (better < 3) ndcg += 1 / std::log2(static_cast<double>(better) + 2);
        auc += 1 - static_cast<double>(better) / others;
        double entropy = 0;
        for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
        excess += -std::log(target) - entropy;  // 0 in expectation only if p is right
        excess_squared += std::pow(-std::log(target) - entropy, 2);
    }
    const auto n = static_cast<double>(queries.size());
    const double three_errors = 3 * std::sqrt(0.25 / n);  // bounds the spread of a mean of values in [0, 1]
    CHECK(hits / n == Approx(best.hit_rate).margin(three_errors));
    CHECK(ndcg / n == Approx(best.ndcg).margin(three_errors));
    CHECK(auc / n == Approx(best.auc).margin(three_errors));
    CHECK(std::abs(excess / n) < 3 * std::sqrt(excess_squared) / n);
}

TEST_CASE("Knowing the model beats popularity", "[data]") {
    const SyntheticOptions options{.users = 500, .items = 300, .mean_events = 20, .min_events = 5};
    const SyntheticWorld world{options, Seed{2}};
    const LeaveOneOut split{Sequences{world.dataset().interactions}};
    const auto counts = split.train().item_counts();
    const auto queries = split.test_queries();
    double hits = 0;
    for (const Query& query : queries) {
        int rank = 0;
        for (std::int32_t item = 1; item <= 300; ++item)
            if (std::find(query.history.begin(), query.history.end(), item) == query.history.end())
                rank += counts[static_cast<std::size_t>(item)] > counts[static_cast<std::size_t>(query.target)];
        hits += rank < 10;
    }
    REQUIRE(world.best_reachable(queries).hit_rate > 2 * hits / static_cast<double>(queries.size()));
}

TEST_CASE("Edges of the synthetic world", "[data]") {
    // rho = 1: always the successor, by taste once it is used up
    const SyntheticWorld strict{{.users = 5, .items = 6, .mean_events = 3, .min_events = 3, .types = 3, .follow = 1}};
    const Dataset data = strict.dataset();
    const Sequences sequences{data.interactions};
    for (std::int32_t user = 1; user <= 5; ++user)
        for (std::size_t t = 1; t < sequences[user].size(); ++t)
            REQUIRE(strict.type(sequences[user][t]) == strict.successor(strict.type(sequences[user][t - 1])));
    const std::vector<std::int32_t> odd{1, 1, 2, 3, 4, 5};  // repeats, and steps that rho = 1 forbids
    const auto p = strict.next_item_probabilities(odd);
    REQUIRE(p[6] == Approx(1));

    std::vector<std::int32_t> all{1, 2, 3, 4, 5, 6};
    REQUIRE(support::message_of<DataError>([&] { strict.next_item_probabilities(all); }) ==
            "SyntheticWorld: expected a history that leaves an item, received all items");
    REQUIRE(support::message_of<DataError>([&] { strict.next_item_probabilities(std::vector<std::int32_t>{7}); }) ==
            "SyntheticWorld: expected a item from 1 to 6, received 7");
    for (const std::int32_t type : {1000, -1})
        REQUIRE(support::message_of<DataError>([&] { SyntheticWorld{}.successor(type); }) ==
                message("SyntheticWorld: expected a type from 0 to 23, received ", type));
    REQUIRE_THROWS_AS(strict.best_reachable({}), DataError);
    REQUIRE_THROWS_AS(strict.best_reachable(sequences.next_item_queries(), 0), ArgumentError);
    REQUIRE_THROWS_AS(SyntheticWorld({.users = 0}), ArgumentError);
    REQUIRE_THROWS_AS(SyntheticWorld({.items = 5}), ArgumentError);
    REQUIRE_THROWS_AS(SyntheticWorld({.types = 67}), ArgumentError);
    REQUIRE_THROWS_AS(SyntheticWorld({.follow = 1.5}), ArgumentError);
    REQUIRE_THROWS_AS(SyntheticWorld({.mean_events = std::nan("")}), ArgumentError);
}
