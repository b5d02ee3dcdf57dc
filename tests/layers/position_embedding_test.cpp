#include <deeprec/layers/position_embedding.hpp>

#include <numeric>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("PositionEmbedding passes the battery", "[position_embedding][threads]") {
    battery::check<3>([](battery::Random& random) {
        const Index steps = random.between(1, 6);
        return battery::Subject{PositionEmbedding<double>{steps + random.between(0, 1)}, {steps, random.between(1, 9)}};
    });
}

TEST_CASE("PositionEmbedding adds the row of each step and takes shorter sequences", "[position_embedding]") {
    PositionEmbedding layer{3};
    CHECK(layer.build({3, 2}, Seed{1}) == Shape{3, 2});
    battery::check_parameters(layer, {{"embeddings", {3, 2}}});
    for (Index i = 0; i < 6; ++i) CHECK(std::abs(layer.parameters().embeddings.data()[i]) <= 0.05f);
    for_each_parameter(layer, [](std::string_view, auto& p) { std::iota(p.data(), p.data() + p.size(), 1.0f); });
    Tensor<float, 3> x(2, 2, 2);
    x.setConstant(10);
    Tensor<std::uint8_t, 2> mask(2, 2);
    mask.setConstant(1);
    PositionEmbedding<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache, Training{1});
    CHECK(y.mask.keep == mask.data());
    CHECK(battery::detail::values(y) == std::vector<float>{11, 12, 13, 14, 11, 12, 13, 14});
    auto gradients = layer.zero_gradients();
    layer.backward(x, cache, gradients);
    CHECK(gradients.embeddings(1, 1) == 20);
    CHECK(gradients.embeddings(2, 0) == 0);
}

TEST_CASE("PositionEmbedding says what is wrong", "[position_embedding]") {
    PositionEmbedding layer{3};
    CHECK_THROWS_WITH(layer.build({2}, Seed{}),
                      "PositionEmbedding: expected samples of shape [time, features], received [2]");
    CHECK_THROWS_WITH(layer.build({4, 2}, Seed{}), "PositionEmbedding: expected at most 3 steps, received 4");
    CHECK_THROWS_WITH(PositionEmbedding(0), "PositionEmbedding: expected a positive sequence_length, received 0");
    layer.build({3, 2}, Seed{1});
    PositionEmbedding<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 3> late(1, 4, 2), wide(1, 3, 5);
    CHECK_THROWS_WITH(layer.forward(late, cache), "PositionEmbedding: expected at most 3 steps, received 4");
    CHECK_THROWS_WITH(layer.forward(wide, cache), "PositionEmbedding: built for 2 input features, received 5");
    CHECK_THROWS_WITH(layer.backward(late, cache, gradients),
                      "PositionEmbedding: backward needs a forward(x, cache, Training{...}) before it");
}
