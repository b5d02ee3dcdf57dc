#include <deeprec/layers/spatial_dropout1d.hpp>

#include <algorithm>
#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("SpatialDropout1D passes the battery", "[dropout][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{SpatialDropout1D<double>{random.uniform(0, 1)},
                                {random.between(1, 5), random.between(1, 19)}};
    });
}

TEST_CASE("SpatialDropout1D is the identity in inference, and passes a mask on", "[dropout]") {
    SpatialDropout1D layer{0.5};
    static_assert(std::is_same_v<decltype(layer), SpatialDropout1D<float>>);
    CHECK(layer.build({4, 3}, Seed{}) == Shape{4, 3});
    Tensor<float, 3> x(2, 4, 3);
    x.setConstant(2);
    Tensor<std::uint8_t, 2> mask(2, 4);
    mask.setConstant(1);
    SpatialDropout1D<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(y.data() == x.data());
    CHECK(y.mask.keep == mask.data());
    CHECK(layer.forward(masked(x, mask), cache, Training{}).mask.keep == mask.data());
}

TEST_CASE("SpatialDropout1D drops a feature in all steps, forward and backward", "[dropout]") {
    constexpr Index batch = 400, steps = 3, width = 101;
    const double rate = GENERATE(0.1, 0.5, 0.9);
    SpatialDropout1D<double> layer{rate};
    Tensor<double, 3> x(batch, steps, width);
    x.setConstant(1);
    SpatialDropout1D<double>::Cache cache;
    NoParameters none;
    const auto y = layer.forward(x, cache, Training{Seed{3}});
    const auto dx = layer.backward(x, cache, none);
    CHECK(std::equal(y.data(), y.data() + y.size(), dx.data()));
    Index kept = 0, wrong = 0;
    for (Index b = 0; b < batch; ++b)
        for (Index j = 0; j < width; ++j) {
            kept += y(b, 0, j) != 0;
            for (Index t = 0; t < steps; ++t) wrong += y(b, t, j) != y(b, 0, j);
            wrong += y(b, 0, j) != 0 && std::abs(y(b, 0, j) - 1 / (1 - rate)) > 1e-12;
        }
    CHECK(wrong == 0);
    const double n = batch * width, keep = 1 - rate;
    CHECK(std::abs(static_cast<double>(kept) / n - keep) < 4 * std::sqrt(keep * rate / n));
}

TEST_CASE("SpatialDropout1D at its limits", "[dropout]") {
    Tensor<float, 3> x(2, 2, 5);
    x.setConstant(3);
    SpatialDropout1D<>::Cache cache, other;
    const auto all = SpatialDropout1D{0}.forward(x, cache, Training{});
    for (Index i = 0; i < 20; ++i) CHECK(all.data()[i] == 3);
    const auto none = SpatialDropout1D{1}.forward(x, other, Training{});
    for (Index i = 0; i < 20; ++i) CHECK(none.data()[i] == 0);
    const auto predicted = SpatialDropout1D{0.5}.forward(x, other, DifferentiableInference{});
    for (Index i = 0; i < 20; ++i) CHECK(predicted.data()[i] == 3);
}

TEST_CASE("SpatialDropout1D says what is wrong", "[dropout]") {
    CHECK_THROWS_WITH(SpatialDropout1D{-0.5}, "SpatialDropout1D: expected a rate from 0 to 1, received -0.5");
    CHECK_THROWS_AS(SpatialDropout1D{std::numeric_limits<double>::quiet_NaN()}, ArgumentError);
    SpatialDropout1D layer{0.5};
    CHECK_THROWS_WITH(layer.build({4}, Seed{}),
                      "SpatialDropout1D: expected samples of shape [time, features], received [4]");
    SpatialDropout1D<>::Cache cache;
    NoParameters none;
    Tensor<float, 3> x(1, 2, 2);
    x.setZero();
    layer.forward(x, cache);
    CHECK_THROWS_WITH(layer.backward(x, cache, none),
                      "SpatialDropout1D: backward needs a forward(x, cache, Training{...}) before it");
}
