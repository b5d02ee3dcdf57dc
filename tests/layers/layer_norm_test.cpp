#include <deeprec/layers/layer_norm.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("LayerNorm passes the battery", "[layer_norm][threads]") {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{LayerNorm<double>{{.epsilon = 1e-3, .center = random.coin(), .scale = random.coin()}},
                                {random.between(1, 19)}};
    });
    battery::check<3>(
        [](battery::Random& random) {
            return battery::Subject{LayerNorm<double>{}, {random.between(1, 4), random.between(2, 9)}};
        },
        16);
}

TEST_CASE("LayerNorm has Keras' parameters and passes a mask on", "[layer_norm]") {
    LayerNorm layer;
    static_assert(std::is_same_v<decltype(layer), LayerNorm<float>>);
    CHECK(layer.build({7, 3}, Seed{1}) == Shape{7, 3});
    battery::check_parameters(layer, {{"gamma", {3}}, {"beta", {3}}});
    LayerNorm bare{{.center = false, .scale = false}};
    bare.build({3}, Seed{1});
    battery::check_parameters(bare, {});

    Tensor<float, 3> x(2, 7, 3);
    fill_uniform(x, 1, Seed{3});
    Tensor<std::uint8_t, 2> mask(2, 7);
    mask.setConstant(1);
    LayerNorm<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(y.mask.keep == mask.data());
    for (Index r = 0; r < 14; ++r) {
        const float* row = y.data() + 3 * r;
        CHECK(std::abs(row[0] + row[1] + row[2]) < 1e-5f);
    }
}

TEST_CASE("LayerNorm keeps its digits far from zero and gives beta for constant rows", "[layer_norm]") {
    LayerNorm layer;
    layer.build({2}, Seed{1});
    Tensor<float, 2> x(3, 2);
    x.setValues({{4096.f, 4098.f}, {7.f, 7.f}, {std::numeric_limits<float>::quiet_NaN(), 1.f}});
    LayerNorm<>::Cache cache;
    const auto y = layer.forward(x, cache);
    CHECK(std::abs(y(0, 1) - 1 / std::sqrt(1.001f)) < 1e-6f);
    CHECK(y(1, 0) == 0);
    CHECK(std::isnan(y(2, 1)));
}

TEST_CASE("LayerNorm says what is wrong", "[layer_norm]") {
    CHECK_THROWS_WITH(LayerNorm({.epsilon = 0}), "LayerNorm: expected a positive epsilon, received 0");
    CHECK_THROWS_WITH(LayerNorm{}.build({}, Seed{1}),
                      "LayerNorm: expected samples of shape [..., features], received []");
    LayerNorm layer;
    layer.build({2}, Seed{1});
    LayerNorm<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 2> wide(1, 4), dy(1, 2);
    CHECK_THROWS_WITH(layer.forward(wide, cache), "LayerNorm: built for 2 input features, received 4");
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients),
                      "LayerNorm: backward needs a forward(x, cache, Training{...}) before it");
}
