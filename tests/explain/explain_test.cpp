#include <deeprec/explain/explain.hpp>

#include <cmath>
#include <cstdio>
#include <limits>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/explain/occlusion.hpp>

#include "explain/planted.hpp"
#include "explain/random_model.hpp"

using namespace deeprec;
using namespace deeprec::test;

namespace {

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

TEST_CASE("a model whose scores are not finite is not explained", "[explain]") {
    auto model = random_model(BasicDot<double>{});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "user.2.bias") p.data()[0] = std::nan("");
    });
    CHECK(support::message_of<NumericError>([&] { explain(model, user, item); }) == "explain: the score is nan");
    CHECK(support::message_of<NumericError>([&] {
              explain(model, user, item, {.method = Attribution::gradient_input});
          }) == "explain: the score is nan");
    CHECK(support::message_of<NumericError>([&] { explain_by_occlusion(model, user, item); }) ==
          "explain_by_occlusion: the score is nan");
    auto padded = random_model(BasicDot<double>{});
    for_each_parameter(padded, [](std::string_view name, auto& p) {  // the row of padding alone
        if (name == "item.0.embeddings") p.data()[0] = std::numeric_limits<double>::infinity();
    });
    const auto unpadded = ids({14, 3, 2, 2, 9});
    CHECK(support::message_of<NumericError>([&] {
              explain_by_occlusion(padded, user, unpadded);
          }).find("explain_by_occlusion: the score of padding alone is ") == 0);
    CHECK_THROWS_AS(explain(padded, user, unpadded), NumericError);
}
