#include <deeprec/explain/counterfactual.hpp>

#include <cstdio>
#include <limits>

#include "support/catch.hpp"

#include "explain/planted.hpp"

using namespace deeprec;

TEST_CASE("the events without which an item is not recommended", "[explain]") {
    const auto& model = planted::trained_model();
    // One item of each group, twelve times, with other tokens: three of four are for other people.
    const planted::World catalogue(48, 3), world(100, 4);
    const ItemIndex index{model, view(catalogue.items), {.first_item = 1, .threads = 1}};
    int explained = 0, by_the_cause = 0;
    for (Index r = 0; r < 100; ++r) {
        const std::int32_t best = index.recommend(world.user(r), 5).front().item;
        const Counterfactual why = counterfactual(index, world.user(r), best, 5);
        auto without = Tensor<std::int32_t, 2>(world.user(r));
        const auto recommended = [&] {
            for (const auto& hit : index.recommend(without, 5))
                if (hit.item == best) return true;
            return false;
        };
        if (!why.found) {  // one of the five that everybody gets who did nothing
            without.setZero();
            CHECK(recommended());
            continue;
        }
        ++explained;
        REQUIRE(!why.events.empty());
        for (const Contribution& c : why.events) {
            CHECK(without(0, c.position) == c.id);
            without(0, c.position) = 0;
        }
        CHECK(!recommended());
        for (const Contribution& c : why.events) {  // each is needed
            without(0, c.position) = c.id;
            CHECK(recommended());
            without(0, c.position) = 0;
        }
        by_the_cause += why.events.size() == 1 && why.events[0].position == world.cause[static_cast<std::size_t>(r)];
    }
    std::printf("counterfactual: %d of 100 explained, %d by the cause alone\n", explained, by_the_cause);
    REQUIRE(explained > 50);
    CHECK(by_the_cause >= 0.8 * explained);

    const std::int32_t worst = index.recommend(world.user(0), 48).back().item;
    CHECK(counterfactual(index, world.user(0), worst, 5).found);  // it is not among the best 5 as it is
    CHECK(counterfactual(index, world.user(0), worst, 5).events.empty());
    CHECK_FALSE(counterfactual(index, world.user(0), worst, 48).found);  // there is room for all
    const std::int32_t first = index.recommend(world.user(0), 1).front().item;
    CHECK(counterfactual(index, world.user(0), first, 1, {.exclude = std::span(&first, 1)}).events.empty());
    CHECK_THROWS_AS(counterfactual(index, world.user(0), 0, 5), DataError);
    CHECK_THROWS_AS(counterfactual(index, world.user(0), 49, 5), DataError);
    CHECK_THROWS_AS(counterfactual(index, world.user(0), 1, 0), ArgumentError);
    CHECK_THROWS_AS(counterfactual(index, world.users, 1, 5), ShapeError);

    auto broken = model;
    for_each_parameter(broken, [](std::string_view name, auto& p) {
        if (name.starts_with("item")) p.data()[p.size() - 1] = std::numeric_limits<float>::quiet_NaN();
    });
    const ItemIndex unusable{broken, view(catalogue.items), {.first_item = 1, .threads = 1}};
    CHECK_THROWS_AS(counterfactual(unusable, world.user(0), 1, 5), NumericError);
    const auto only_1 = [](std::int32_t i) { return i == 1; };
    CHECK(counterfactual(unusable, world.user(0), 1, 5, {.allow = only_1}).events.empty());  // there is room for it
}

namespace {
/// Item 9 by what the history has of 1 (3 points each) and 2 (2 points each); item 8 has 4 points always.
struct Points {
    std::int32_t items() const { return 9; }
    void operator()(const Query& query, std::span<float> scores) const {
        std::fill(scores.begin(), scores.end(), 0.0f);
        scores[8] = 4;
        for (const std::int32_t event : query.history) scores[9] += event == 1 ? 3.0f : event == 2 ? 2.0f : 0.0f;
    }
};
}  // namespace

TEST_CASE("Without the fewest events of its history a scorer no longer recommends an item", "[counterfactual]") {
    const std::vector<std::int32_t> history{2, 5, 1, 2};
    const Query query{0, history, 0};
    const Counterfactual why = counterfactual(Points{}, query, 9, 1);
    REQUIRE(why.found);  // 7 points against 4: without the 1 they are tied, and the lower item comes first
    CHECK(why.events == std::vector<Contribution>{{2, 1, 3}});
    CHECK(counterfactual(Points{}, query, 9, 2).events.size() == 3);  // second place is lost with the last point
    CHECK(!counterfactual(Points{}, query, 8, 2).found);
    CHECK(counterfactual(Points{}, query, 9, 1, {.exclude = std::vector<std::int32_t>{9}}).found);
    CHECK_THROWS_AS(counterfactual(Points{}, query, 9, 0), ArgumentError);
    CHECK_THROWS_AS(counterfactual(Points{}, query, 10, 1), DataError);
    CHECK_THROWS_AS(counterfactual(Points{}, query, 9, 1, {.diversity = Mmr{}}), ArgumentError);
}
