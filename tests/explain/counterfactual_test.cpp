#include <deeprec/explain/counterfactual.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <vector>

#include <deeprec/layers/cumulative_average1d.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/ranking/sequence_index.hpp>

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

TEST_CASE("The events that caused an item are the smallest set of a sequence model", "[counterfactual]") {
    // The tower averages. Items 1 to 5 point to item 20 alone, 6 to 19 a little to item 21: item 20 leads by any of the
    // causes, and is behind without all of them.
    SequenceRecommender model{21, Sequential{CumulativeAverage1D{}}, {.width = 2, .use_bias = false}};
    model.build(12, Seed{1});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name != "items") return;
        std::fill_n(p.data(), p.size(), 0.0f);
        for (Index i = 1; i <= 19; ++i) p.data()[2 * i + (i > 5)] = i > 5 ? 0.05f : 1.0f;
        p.data()[2 * 20] = 2;
        p.data()[2 * 21 + 1] = 2;
    });
    model.parameters_changed();
    const SequenceIndex index{model, 12};
    const RandomStream random(Seed{2});
    std::uint64_t next = 0;
    const auto below = [&](std::size_t n) { return random.below(next++, n); };
    for (int trial = 0; trial < 120; ++trial) {
        std::vector<std::int32_t> history;
        while (history.size() < 10) history.push_back(static_cast<std::int32_t>(6 + below(14)));
        std::vector<Index> causes;
        while (std::ssize(causes) < 1 + trial % 3) {
            const auto place = static_cast<Index>(below(10));
            if (std::find(causes.begin(), causes.end(), place) != causes.end()) continue;
            causes.push_back(place);
            history[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(1 + below(5));
        }
        const Counterfactual why = counterfactual(index, {0, history, 0}, 20, 1, {.exclude = history});
        REQUIRE(why.found);
        std::vector<Index> found;
        for (const Contribution& c : why.events) found.push_back(c.position);
        std::sort(found.begin(), found.end());
        std::sort(causes.begin(), causes.end());
        CHECK(found == causes);
    }
}

TEST_CASE("No smaller set exists than one of one or two events", "[counterfactual]") {
    int sizes[8] = {};
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SequenceRecommender model{20, Sequential{GRU{5, return_sequences}}, {.width = 5}};
        model.build(8, Seed{seed});
        std::uint64_t use = 100 * seed;
        for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 1.2, Seed{++use}); });
        model.parameters_changed();
        const SequenceIndex index{model, 8};
        std::vector<std::int32_t> history;
        for (std::int32_t t = 0; t < 7; ++t)
            history.push_back(1 + (static_cast<std::int32_t>(seed) * 7 + t * t * 5) % 20);
        const std::int32_t item = recommend(index, {0, history, 0}, 1)[0].item;
        const auto listed = [&](unsigned without) {
            std::vector<std::int32_t> kept;
            for (std::size_t t = 0; t < history.size(); ++t)
                if (!(without >> t & 1)) kept.push_back(history[t]);
            const auto hits = recommend(index, {0, kept, 0}, 3);
            return std::any_of(hits.begin(), hits.end(), [&](const auto& hit) { return hit.item == item; });
        };
        int smallest = 0;  // of one or two events
        for (unsigned without = 1; without < 128; ++without)
            if (const int size = std::popcount(without); size <= 2 && (smallest == 0 || size < smallest))
                if (!listed(without)) smallest = size;
        const Counterfactual why = counterfactual(index, {0, history, 0}, item, 3);
        const int found = why.found ? static_cast<int>(why.events.size()) : 0;
        ++sizes[found];
        if (smallest > 0)
            CHECK(found == smallest);
        else
            CHECK((found == 0 || found > 2));
        unsigned without = 0;
        for (const Contribution& c : why.events) without |= 1u << c.position;
        if (why.found) CHECK(!listed(without));
    }
    std::printf("counterfactual: sets of 1, 2 and more events: %d, %d, %d; none: %d\n", sizes[1], sizes[2],
                sizes[3] + sizes[4] + sizes[5] + sizes[6] + sizes[7], sizes[0]);
    CHECK(sizes[1] > 0);
    CHECK(sizes[2] > 0);
    CHECK(sizes[3] + sizes[4] + sizes[5] + sizes[6] + sizes[7] > 0);
}
