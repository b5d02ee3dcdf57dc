#include <deeprec/explain/explain.hpp>

#include <cmath>
#include <cstdio>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/explain/counterfactual.hpp>
#include <deeprec/explain/occlusion.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>

#include "explain/planted.hpp"

using namespace deeprec;

namespace {

/// With masks, dropout and a head of any kind; weights large enough to bend everything.
template <class Head>
auto random_model(Head head) {
    TwoTower model{Sequential{Embedding<double>{20, 5, {.mask_zero = true}}, Dropout<double>{0.5}, LSTM<double>{6}},
                   Sequential{Embedding<double>{15, 5}, Conv1D<double, ReLU>{6, 2, relu}, MaxPool1D<double>{2},
                              Flatten<double>{}, Dense<double>{6}},
                   head};
    model.build({{6}, {5}}, Seed{1});
    std::uint64_t seed = 9;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 0.7, Seed{seed++}); });
    return model;
}
Tensor<std::int32_t, 2> ids(std::initializer_list<std::int32_t> values) {
    Tensor<std::int32_t, 2> x(1, static_cast<Index>(values.size()));
    std::copy(values.begin(), values.end(), x.data());
    return x;
}
const auto user = ids({0, 0, 7, 3, 19, 3}), item = ids({14, 0, 2, 2, 9});

template <class Model>
double score(const Model& model, const Tensor<std::int32_t, 2>& u, const Tensor<std::int32_t, 2>& v) {
    typename Model::Cache cache;
    return static_cast<double>(model.forward_logits(Pair{view(u), view(v)}, cache).data()[0]);
}
std::vector<Index> positions(std::vector<Contribution> list) {
    std::vector<Index> found;
    for (const Contribution& c : list) found.push_back(c.position);
    std::sort(found.begin(), found.end());
    return found;
}
bool descending(const std::vector<Contribution>& list) {
    return std::is_sorted(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
}

template <class Head>
void sums_hold(Head head) {
    const auto model = random_model(head);
    const Explanation why = explain(model, user, item);
    CHECK(why.score == Approx(score(model, user, item)).epsilon(1e-12));
    CHECK(std::abs(why.score - why.baseline) > 1e-3);
    CHECK(why.sum() == Approx(why.score - why.baseline).epsilon(1e-9));
    CHECK(std::abs(why.residual) <= 0.01 * std::abs(why.score - why.baseline));
    CHECK(positions(why.events) == std::vector<Index>{2, 3, 4, 5});
    CHECK(positions(why.tokens) == std::vector<Index>{0, 2, 3, 4});
    CHECK(descending(why.events));
    CHECK(descending(why.tokens));
    CHECK(explain(model, user, item).events == why.events);
}

}  // namespace

TEST_CASE("integrated gradients add up to the difference", "[explain]") {
    sums_hold(Sequential{Dense<double, ReLU>{8}, Dense<double, Sigmoid>{1}});
    sums_hold(BasicCosine<double>{.temperature = 0.1});
}

TEST_CASE("occlusion has the exact differences of the model", "[explain]") {
    const auto model = random_model(Sequential{Dense<double, ReLU>{8}, Dense<double, Sigmoid>{1}});
    const Explanation why = explain_by_occlusion(model, user, item);
    CHECK(why.score == score(model, user, item));
    CHECK(why.baseline == score(model, ids({0, 0, 0, 0, 0, 0}), ids({0, 0, 0, 0, 0})));
    CHECK(positions(why.events) == std::vector<Index>{2, 3, 4, 5});
    CHECK(positions(why.tokens) == std::vector<Index>{0, 2, 3, 4});
    CHECK(descending(why.events));
    for (const Contribution& c : why.events) {
        auto without = user;
        CHECK(without(0, c.position) == c.id);
        without(0, c.position) = 0;
        CHECK(c.value == why.score - score(model, without, item));
    }
    for (const Contribution& c : why.tokens) {
        auto without = item;
        without(0, c.position) = 0;
        CHECK(c.value == why.score - score(model, user, without));
    }
}

TEST_CASE("gradient x input is the derivative of the score along the line", "[explain]") {
    const auto model = random_model(Sequential{Dense<double, ReLU>{8}, Dense<double, Sigmoid>{1}});
    const Explanation why = explain(model, user, item, {.method = Attribution::gradient_input});
    detail::ScorePath path(model, view(user), view(item));
    const double h = 1e-6;
    CHECK(why.sum() == Approx((path.score(1 + h) - path.score(1 - h)) / (2 * h)).epsilon(1e-6));
}

TEST_CASE("the event that caused a like ranks first", "[explain]") {
    const auto& model = planted::trained_model();
    const planted::World world(400, 2);
    int liked = 0, understood = 0;
    int by_occlusion = 0, by_gradients = 0, token_by_occlusion = 0;
    for (Index r = 0; r < 400; ++r) {
        if (world.likes(r, 0) == 0.0f) continue;
        ++liked;
        const Explanation left_out = explain_by_occlusion(model, world.user(r), world.item(r));
        if (left_out.score <= 0) continue;
        ++understood;
        const auto cause = world.cause[static_cast<std::size_t>(r)];
        by_occlusion += left_out.events.front().position == cause;
        token_by_occlusion += left_out.tokens.front().position == world.token[static_cast<std::size_t>(r)];
        const Explanation integrated = explain(model, world.user(r), world.item(r));
        by_gradients += integrated.events.front().position == cause;
        const double difference = integrated.score - integrated.baseline;
        CHECK(integrated.sum() == Approx(difference).epsilon(1e-6));
        CHECK(std::abs(integrated.residual) <= 0.01 * std::abs(difference));
    }
    std::printf(
        "explain: %d likes, %d predicted; the cause first: occlusion %d, integrated gradients %d, the token %d\n",
        liked, understood, by_occlusion, by_gradients, token_by_occlusion);
    REQUIRE(liked > 150);
    CHECK(understood >= 0.95 * liked);
    CHECK(by_occlusion >= 0.95 * understood);
    CHECK(by_gradients >= 0.95 * understood);
    CHECK(token_by_occlusion >= 0.95 * understood);
}

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
}

TEST_CASE("what cannot be explained", "[explain]") {
    const auto model = random_model(BasicDot<double>{});
    const Tensor<std::int32_t, 2> two = Tensor<std::int32_t, 2>(2, 6).setZero();
    CHECK(support::message_of<ShapeError>([&] { explain(model, two, item); }) ==
          "explain: expected one sequence, received 2");
    CHECK_THROWS_AS(explain_by_occlusion(model, two, item), ShapeError);
    CHECK_THROWS_AS(explain(model, user, item, {.tolerance = 0}), ArgumentError);
    CHECK_THROWS_AS(explain(model, user, item, {.max_points = 0}), ArgumentError);
    const Explanation nothing = explain(model, ids({0, 0, 0, 0, 0, 0}), ids({0, 0, 0, 0, 0}));
    CHECK(nothing.events.empty());
    CHECK(nothing.score == nothing.baseline);
}
