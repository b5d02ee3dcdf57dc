#include <deeprec/layers/global_pool1d.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("GlobalMaxPool1D passes the battery", "[global_pool1d][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{GlobalMaxPool1D<double>{}, {random.between(1, 7), random.between(1, 19)}};
    });
    battery::check<3>(
        [](battery::Random& random) {
            return battery::Subject{GlobalMaxPool1D<double, true>{}, {random.between(1, 7), random.between(1, 19)}};
        },
        10);
}

TEST_CASE("GlobalAveragePool1D passes the battery", "[global_pool1d][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{GlobalAveragePool1D<double>{}, {random.between(1, 7), random.between(1, 19)}};
    });
    battery::check<3>(
        [](battery::Random& random) {
            return battery::Subject{GlobalAveragePool1D<double, true>{}, {random.between(1, 7), random.between(1, 19)}};
        },
        10);
}

TEST_CASE("Global pooling keeps the time axis on request", "[global_pool1d]") {
    CHECK(GlobalMaxPool1D{}.build({7, 3}, Seed{}) == Shape{3});
    CHECK(GlobalMaxPool1D{keepdims}.build({7, 3}, Seed{}) == Shape{1, 3});
    CHECK(GlobalAveragePool1D{}.build({7, 3}, Seed{}) == Shape{3});
    CHECK(GlobalAveragePool1D{keepdims}.build({7, 3}, Seed{}) == Shape{1, 3});
}

TEST_CASE("GlobalMaxPool1D: tied maxima share the gradient", "[global_pool1d]") {
    GlobalMaxPool1D layer;
    layer.build({4, 1}, Seed{});
    Tensor<float, 3> x(1, 4, 1);
    x.setValues({{{5}, {2}, {5}, {1}}});
    Tensor<float, 2> dy(1, 1);
    dy.setConstant(6);
    GlobalMaxPool1D<>::Cache cache;
    auto none = layer.zero_gradients();
    layer.forward(x, cache, Training{});
    const auto dx = layer.backward(dy, cache, none);
    CHECK(dx(0, 0, 0) == 3);
    CHECK(dx(0, 1, 0) == 0);
    CHECK(dx(0, 2, 0) == 3);
    CHECK(dx(0, 3, 0) == 0);
}

TEST_CASE("GlobalMaxPool1D: NaN is the maximum", "[global_pool1d]") {
    GlobalMaxPool1D layer;
    layer.build({3, 1}, Seed{});
    Tensor<float, 3> x(1, 3, 1);
    x.setValues({{{1}, {std::numeric_limits<float>::quiet_NaN()}, {2}}});
    GlobalMaxPool1D<>::Cache cache;
    CHECK(std::isnan(layer.forward(x, cache)(0, 0)));
}

TEST_CASE("GlobalAveragePool1D: a sequence without a kept step gives zero and gets no gradient", "[global_pool1d]") {
    GlobalAveragePool1D layer;
    layer.build({2, 1}, Seed{});
    Tensor<float, 3> x(2, 2, 1);
    x.setValues({{{1}, {3}}, {{5}, {7}}});
    Tensor<std::uint8_t, 2> mask(2, 2);
    mask.setValues({{0, 0}, {0, 1}});
    Tensor<float, 2> dy(2, 1);
    dy.setConstant(1);
    GlobalAveragePool1D<>::Cache cache;
    auto none = layer.zero_gradients();
    const auto y = layer.forward(masked(x, mask), cache, Training{});
    CHECK(y(0, 0) == 0);
    CHECK(y(1, 0) == 7);
    const auto dx = layer.backward(dy, cache, none);
    CHECK(dx(0, 0, 0) == 0);
    CHECK(dx(0, 1, 0) == 0);
    CHECK(dx(1, 0, 0) == 0);
    CHECK(dx(1, 1, 0) == 1);
}

TEST_CASE("Global pooling says what is wrong", "[global_pool1d]") {
    CHECK_THROWS_WITH(GlobalMaxPool1D{}.build({3}, Seed{}),
                      "GlobalMaxPool1D: expected samples of shape [time, features], received [3]");
    GlobalAveragePool1D layer;
    layer.build({2, 3}, Seed{});
    GlobalAveragePool1D<>::Cache cache;
    auto none = layer.zero_gradients();
    const Tensor<float, 3> empty(1, 0, 3);
    const Tensor<float, 2> dy(1, 3);
    CHECK_THROWS_WITH(layer.forward(empty, cache),
                      "GlobalAveragePool1D: expected at least one step, received [1, 0, 3]");
    CHECK_THROWS_WITH(layer.backward(dy, cache, none),
                      "GlobalAveragePool1D: backward needs a forward(x, cache, Training{...}) before it");
}
