#include <deeprec/layers/max_pool1d.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("MaxPool1D passes the battery", "[max_pool1d][threads]") {
    battery::check<3>([](battery::Random& random) {
        const Index pool_size = random.between(1, 5);
        const bool same = random.coin();
        return battery::Subject{MaxPool1D<double>{pool_size, {.strides = random.between(0, 4),
                                                              .padding = same ? Padding::same : Padding::valid}},
                                {random.between(same ? 1 : pool_size, 9), random.between(1, 19)}};
    });
}

TEST_CASE("MaxPool1D strides by its size unless told otherwise", "[max_pool1d]") {
    CHECK(MaxPool1D{2}.build({7, 3}, Seed{}) == Shape{3, 3});
    CHECK(MaxPool1D{3, {.strides = 2, .padding = Padding::same}}.build({7, 3}, Seed{}) == Shape{4, 3});
    CHECK(MaxPool1D{3, {.padding = Padding::same}}.build({7, 3}, Seed{}) == Shape{3, 3});
}

TEST_CASE("MaxPool1D: of tied maxima the first gets the gradient", "[max_pool1d]") {
    MaxPool1D layer{3};
    layer.build({3, 1}, Seed{});
    Tensor<float, 3> x(1, 3, 1), dy(1, 1, 1);
    x.setValues({{{2}, {5}, {5}}});
    dy.setConstant(7);
    MaxPool1D<>::Cache cache;
    auto none = layer.zero_gradients();
    CHECK(layer.forward(x, cache, Training{})(0, 0, 0) == 5);
    const auto dx = layer.backward(dy, cache, none);
    CHECK(dx(0, 0, 0) == 0);
    CHECK(dx(0, 1, 0) == 7);
    CHECK(dx(0, 2, 0) == 0);
}

TEST_CASE("MaxPool1D: NaN is the maximum of its window", "[max_pool1d]") {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    for (Index place = 0; place < 3; ++place) {
        MaxPool1D layer{3};
        layer.build({6, 17}, Seed{});
        Tensor<float, 3> x(1, 6, 17), dy(1, 2, 17);
        x.setConstant(1);
        for (Index f = 0; f < 17; ++f) x(0, place, f) = nan;
        dy.setConstant(2);
        MaxPool1D<>::Cache cache;
        auto none = layer.zero_gradients();
        const auto y = layer.forward(x, cache, Training{});
        const auto dx = layer.backward(dy, cache, none);
        for (Index f = 0; f < 17; ++f) {
            CHECK(std::isnan(y(0, 0, f)));
            CHECK(y(0, 1, f) == 1);
            for (Index t = 0; t < 3; ++t) CHECK(dx(0, t, f) == (t == place ? 2.0f : 0.0f));
        }
    }
}

TEST_CASE("MaxPool1D never takes the padding for a maximum", "[max_pool1d]") {
    MaxPool1D layer{3, {.strides = 1, .padding = Padding::same}};
    layer.build({2, 1}, Seed{});
    Tensor<float, 3> x(1, 2, 1);
    x.setValues({{{-5}, {-3}}});
    MaxPool1D<>::Cache cache;
    const auto y = layer.forward(x, cache);
    CHECK(y(0, 0, 0) == -3);
    CHECK(y(0, 1, 0) == -3);
}

TEST_CASE("MaxPool1D ends a mask", "[max_pool1d]") {
    MaxPool1D layer{2};
    layer.build({2, 1}, Seed{});
    Tensor<float, 3> x(1, 2, 1);
    x.setValues({{{1}, {3}}});
    Tensor<std::uint8_t, 2> mask(1, 2);
    mask.setValues({{1, 0}});
    MaxPool1D<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK_FALSE(y.mask);
    CHECK(y(0, 0, 0) == 3);
}

TEST_CASE("MaxPool1D says what is wrong", "[max_pool1d]") {
    CHECK_THROWS_WITH(MaxPool1D{0}, "MaxPool1D: expected a positive pool_size, received 0");
    CHECK_THROWS_WITH((MaxPool1D{2, {.strides = -1}}), "MaxPool1D: expected a positive strides, received -1");
    CHECK_THROWS_WITH((MaxPool1D{2, {.padding = Padding::causal}}), "MaxPool1D: expected padding valid or same, received causal");
    CHECK_THROWS_WITH((MaxPool1D{2000000, {.strides = 1}}),
                      "MaxPool1D: expected pool_size of at most 1048576, received 2000000");
    CHECK_THROWS_WITH((MaxPool1D{2, {.strides = 2000000}}),
                      "MaxPool1D: expected strides of at most 1048576, received 2000000");
    CHECK_THROWS_WITH(MaxPool1D<>{}.build({3, 2}, Seed{}), "MaxPool1D: expected a positive pool_size, received 0");
    CHECK_THROWS_WITH(MaxPool1D{4}.build({3, 2}, Seed{}), "MaxPool1D: a window of 4 steps needs at least as many, received 3");
    CHECK_THROWS_WITH(MaxPool1D{2}.build({3}, Seed{}), "MaxPool1D: expected samples of shape [time, features], received [3]");
    MaxPool1D layer{2};
    layer.build({4, 3}, Seed{});
    MaxPool1D<>::Cache cache;
    auto none = layer.zero_gradients();
    const Tensor<float, 3> brief(1, 1, 3), dy(1, 2, 3);
    CHECK_THROWS_WITH(layer.forward(brief, cache), "MaxPool1D: a window of 2 steps needs at least as many, received 1");
    CHECK_THROWS_WITH(layer.backward(dy, cache, none), "MaxPool1D: backward needs a forward(x, cache, Training{...}) before it");
}
