#include <deeprec/recommender/read_scorer.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
Sequences train() {
    Interactions events;
    for (int i = 1; i <= 12; ++i) events.items.add("i" + std::to_string(i));
    for (int u = 1; u <= 9; ++u) {
        const auto user = events.users.add("u" + std::to_string(u));
        for (int t = 0; t < 5; ++t) events.add(user, 1 + (u * 5 + t * t * 3) % 11);
    }
    return Sequences(events);
}
const std::vector<std::int32_t> history{3, 7, 4};
const Query query{2, history, 0};
}  // namespace

TEST_CASE("Any scorer scores, explains and knows as the scorer in it", "[any scorer]") {
    const ItemKnn knn{train()};
    AnyScorer any{knn};
    CHECK(recommend(any, query, 12) == recommend(knn, query, 12));
    CHECK(similar_items(any, 4, 5) == similar_items(knn, 4, 5));
    CHECK(explain(any, query, 5).events == explain(knn, query, 5).events);
    CHECK(any.knows(5) == knn.knows(5));
    CHECK(!any.knows(12));
    REQUIRE(any.as<ItemKnn>() != nullptr);
    CHECK(any.as<ItemKnn>()->similarity(3, 7) == knn.similarity(3, 7));
    CHECK(any.as<Popularity>() == nullptr);
    CHECK(AnyScorer{}.as<ItemKnn>() == nullptr);
    const AnyScorer copy = any;
    any.add_items(3);
    CHECK(any.items() == 15);
    CHECK(copy.items() == 12);
    const AnyScorer factors{BprMf{train(), {.width = 2, .epochs = 1}}};
    CHECK(!factors.answers({10, history, 0}));
    CHECK(factors.goes_by_user());
    CHECK(!any.goes_by_user());
    CHECK(message_of<ArgumentError>([&] { AnyScorer{Popularity{train()}}.similarity(1, 2); }) ==
          "recommend: this scorer knows no similarity of items; give one in Mmr::similarity");
    CHECK(!AnyScorer{});
    CHECK(AnyScorer{}.items() == 0);
    CHECK(message_of<ArgumentError>([&] { recommend(AnyScorer{}, query, 1); }) ==
          "AnyScorer: there is no scorer in it");
}

TEST_CASE("A hybrid of run time is that of compile time", "[any scorer]") {
    WeightedHybrid typed{ItemKnn{train()}, Markov{train()}, BprMf{train(), {.width = 2, .epochs = 1}}};
    typed.set_weights(std::vector{0.5, 1.5, -0.25});
    const AnyHybrid any{{typed.member<0>(), typed.member<1>(), typed.member<2>()}, typed.weights()};
    for (const Query& asked : {query, Query{50, history, 0}}) {  // BprMf has no answer to the second
        std::vector<float> a(13), b(13);
        typed(asked, a);
        any(asked, b);
        CHECK(a == b);
        const Explanation one = explain(typed, asked, 5), other = explain(any, asked, 5);
        CHECK(one.events == other.events);
        CHECK(one.members.size() == other.members.size());
    }
    CHECK(any.similarity(3, 4) == typed.similarity(3, 4));
    CHECK(!any.explains_exactly());
    CHECK(message_of<DataError>([&] {
              WeightedHybrid alone{BprMf{train(), {.width = 2, .epochs = 1}}};
              recommend(alone, {50, history, 0}, 1);
          }) == "WeightedHybrid: no member has an answer to a query of user 50");
    CHECK_THROWS_AS(AnyHybrid({}, {}), ArgumentError);
    CHECK_THROWS_AS(AnyHybrid({AnyScorer{ItemKnn{train()}}}, {1, 2}), ArgumentError);
    AnyScorer more{ItemKnn{train()}};
    more.add_items(1);
    CHECK_THROWS_AS(AnyHybrid({more, AnyScorer{ItemKnn{train()}}}, {1, 2}), ArgumentError);
}

TEST_CASE("Hybrids within hybrids have an end", "[recommender]") {
    const std::vector<double> weights{1};
    SafetensorsWriter writer;
    std::string prefix;
    for (int depth = 0; depth < 100; ++depth, prefix += "0.") {
        writer.metadata[prefix + "deeprec.kind"] = "WeightedHybrid";
        writer.add(prefix + "weights", {1}, weights.data());
    }
    const support::TemporaryDirectory directory;
    writer.write(directory.path() / "deep");
    SafetensorsReader file(directory.path() / "deep");
    StoredFields fields(file);
    CHECK(message_of<FormatError>([&] {
              read_scorer<>(fields);
          }).ends_with("expected hybrids within hybrids at most 64 deep"));
}

TEST_CASE("A hybrid is no deeper and no larger than what a file may have", "[recommender]") {
    const auto within = [](AnyScorer scorer, std::size_t count = 1) {
        return AnyHybrid(std::vector<AnyScorer>(count, std::move(scorer)), std::vector<double>(count, 1));
    };
    AnyScorer scorer{Popularity{std::vector<std::int64_t>{0, 3, 1, 2}}};
    const AnyScorer most{within(scorer, AnyHybrid::most_scorers)};
    CHECK(message_of<ArgumentError>([&] { within(scorer, AnyHybrid::most_scorers + 1); }) ==
          "AnyHybrid: expected at most 1000 scorers, and hybrids within hybrids at most 64 deep, received 1001 and 1");
    CHECK_THROWS_AS(within(most, 2), ArgumentError);
    for (int depth = 0; depth < AnyHybrid::deepest; ++depth) scorer = within(scorer);
    CHECK_THROWS_AS(within(scorer), ArgumentError);
    const support::TemporaryDirectory directory;
    for (AnyScorer saved : {scorer, most}) {
        SafetensorsWriter writer;
        StoredFields fields(writer);
        saved.fields(fields);
        writer.write(directory.path() / "hybrid");
        SafetensorsReader file(directory.path() / "hybrid");
        StoredFields stored(file);
        const AnyScorer same = read_scorer<>(stored);
        CHECK(recommend(same, {}, 1)[0].item == 1);
    }
}
