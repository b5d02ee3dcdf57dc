#include <deeprec/layers/merge.hpp>

#include <cmath>
#include <limits>

#include "support/allocations.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {
/// Worst relative error of the gradients of three inputs [batch, width]; nothing allocates.
template <class Merge>
double gradient_error(Index batch, Index width, battery::Random& random) {
    std::array<Tensor<double, 2>, 3> x;
    for (auto& one : x) {
        one.resize(batch, width);
        random.fill(one.data(), one.size());
    }
    const Merge layer;
    typename Merge::Cache cache;
    NoParameters none;
    const auto forward = [&] { return layer.forward(std::tie(x[0], x[1], x[2]), cache, Training{}); };
    const auto y = forward();
    Tensor<double, 2> up(y.extents());
    random.fill(up.data(), up.size());
    const auto loss = [&] {
        const auto out = forward();
        return std::inner_product(out.data(), out.data() + out.size(), up.data(), 0.0);
    };
    const auto dx = layer.backward(up, cache, none);
    double worst = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        std::vector<double> slopes;
        for (Index j = 0; j < x[i].size(); ++j) {
            const double at = x[i].data()[j], h = 1e-5;
            x[i].data()[j] = at + h;
            const double above = loss();
            x[i].data()[j] = at - h;
            slopes.push_back((above - loss()) / (2 * h));
            x[i].data()[j] = at;
        }
        worst = std::max(worst, battery::detail::difference(battery::detail::values(dx[i]), slopes));
    }
    CHECK(support::allocations_in([&] {
              forward();
              layer.backward(up, cache, none);
          }) == 0);
    return worst;
}
}  // namespace

TEMPLATE_TEST_CASE("merge layers of three inputs: gradients are central differences", "[merge]", (BasicAdd<double, 3>),
                   (BasicMultiply<double, 3>), (BasicAverage<double, 3>), (BasicMaximum<double, 3>),
                   (BasicConcatenate<double, 3>)) {
    double worst = 0;
    for (std::uint64_t i = 0; i < 50; ++i) {
        battery::Random random(i);
        const Index batch = random.between(1, 5), width = random.between(1, 9);
        worst = std::max(worst, gradient_error<TestType>(batch, width, random));
    }
    CHECK(worst < 1e-6);
    battery::report(TestType::name(), 50, worst);
}

TEST_CASE("Maximum keeps NaN, and ties share the gradient", "[merge]") {
    Tensor<float, 2> a(1, 3), b(1, 3), up(1, 3);
    a.setValues({{1, 2, std::numeric_limits<float>::quiet_NaN()}});
    b.setValues({{1, 3, 5}});
    up.setConstant(1);
    const Maximum layer;
    Maximum::Cache cache;
    NoParameters none;
    const auto y = layer.forward(std::tie(a, b), cache, Training{});
    CHECK(y(0, 1) == 3);
    CHECK(std::isnan(y(0, 2)));
    const auto d = layer.backward(up, cache, none);
    CHECK(std::vector<float>(d[0].data(), d[0].data() + 3) == std::vector<float>{0.5f, 0, 1});
    CHECK(std::vector<float>(d[1].data(), d[1].data() + 3) == std::vector<float>{0.5f, 1, 0});
}

TEST_CASE("Merge layers keep the steps that all masks keep", "[merge]") {
    Tensor<float, 3> a(1, 3, 2), b(1, 3, 2);
    a.setConstant(1);
    b.setConstant(1);
    Tensor<std::uint8_t, 2> first(1, 3), second(1, 3);
    first.setValues({{1, 1, 0}});
    second.setValues({{0, 1, 1}});
    const Add layer;
    Add::Cache cache;
    const auto y = layer.forward(std::tuple{masked(a, first), masked(b, second)}, cache);
    CHECK(std::vector<int>(y.mask.keep, y.mask.keep + 3) == std::vector<int>{0, 1, 0});
    CHECK(layer.forward(std::tuple{view(a), masked(b, second)}, cache).mask.keep == second.data());
    CHECK_FALSE(layer.forward(std::tie(a, b), cache).mask);
}

TEST_CASE("Merge layers say what is wrong", "[merge]") {
    const Tensor<float, 2> a(2, 3), b(2, 4), c(1, 3);
    Add::Cache cache;
    Concatenate::Cache concatenated;
    NoParameters none;
    CHECK_THROWS_WITH(Add{}.forward(std::tie(a, b), cache),
                      "Add: inputs of shape [2, 3] and [2, 4] do not fit together");
    CHECK_THROWS_WITH(Concatenate{}.forward(std::tie(a, c), concatenated),
                      "Concatenate: inputs of shape [2, 3] and [1, 3] do not fit together");
    CHECK_THROWS_WITH(Add{}.backward(a, cache, none),
                      "Add: backward needs a forward(x, cache, Training{...}) before it");
    Add{}.forward(std::tie(a, a), cache, Training{1});
    CHECK_THROWS_WITH(Add{}.backward(c, cache, none), "Add: expected a gradient of [2, 3], received [1, 3]");
    Concatenate{}.forward(std::tie(a, b), concatenated, Training{1});
    CHECK_THROWS_WITH(Concatenate{}.backward(a, concatenated, none),
                      "Concatenate: expected a gradient of [2, 7], received [2, 3]");
}
