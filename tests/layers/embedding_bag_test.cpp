#include <deeprec/layers/embedding_bag.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("EmbeddingBag passes the battery", "[embedding_bag][threads]") {
    battery::check<2>([](battery::Random& random) {
        const Index rows = random.between(1, 9), unknown = random.between(0, 1) * 3;
        return battery::Subject{
            EmbeddingBag<double>{rows,
                                 random.between(1, 19),
                                 {.mode = static_cast<BagMode>(random.between(0, 2)),
                                  .mask_zero = random.coin(),
                                  .out_of_range = unknown ? OutOfRange::last_row : OutOfRange::error}},
            {random.between(1, 5)},
            rows + unknown};
    });
}

TEST_CASE("EmbeddingBag leaves padding out", "[embedding_bag]") {
    Tensor<std::int32_t, 2> ids(2, 3);
    ids.setValues({{1, 0, 2}, {0, 0, 0}});
    const auto bag = [&](BagMode mode) {
        EmbeddingBag layer{3, 1, {.mode = mode, .mask_zero = true}};
        CHECK(layer.build({3}, Seed{1}) == Shape{1});
        battery::check_parameters(layer, {{"embeddings", {3, 1}}});
        for_each_parameter(layer, [](std::string_view, auto& table) { table.setValues({{9}, {-2}, {-4}}); });
        EmbeddingBag<>::Cache cache;
        const auto y = layer.forward(ids, cache);
        return std::pair{y(0, 0), y(1, 0)};
    };
    CHECK(bag(BagMode::sum) == std::pair{-6.f, 0.f});
    CHECK(bag(BagMode::mean) == std::pair{-3.f, 0.f});
    CHECK(bag(BagMode::max) == std::pair{-2.f, 0.f});
}

TEST_CASE("EmbeddingBag gives ids outside of the table the last row on request", "[embedding_bag]") {
    EmbeddingBag layer{3, 1, {.mode = BagMode::sum, .out_of_range = OutOfRange::last_row}};
    layer.build({3}, Seed{1});
    for_each_parameter(layer, [](std::string_view, auto& table) { table.setValues({{1}, {10}, {100}}); });
    Tensor<std::int32_t, 2> ids(1, 3);
    ids.setValues({{1, 3, -7}});
    EmbeddingBag<>::Cache cache;
    CHECK(layer.forward(ids, cache, Training{})(0, 0) == 210);
}

TEST_CASE("EmbeddingBag says what is wrong", "[embedding_bag]") {
    EmbeddingBag layer{3, 2};
    layer.build({2}, Seed{1});
    EmbeddingBag<>::Cache cache;
    auto gradients = layer.zero_gradients();
    Tensor<std::int32_t, 2> ids(1, 2);
    ids.setValues({{1, 3}});
    const Tensor<float, 2> weights(1, 2), wide(2, 2);
    CHECK_THROWS_WITH(EmbeddingBag(0, 2), "EmbeddingBag: expected a positive input_dim, received 0");
    CHECK_THROWS_WITH((EmbeddingBag{3, 2}.forward(ids, cache)), "EmbeddingBag: the layer has no table; build it first");
    CHECK_THROWS_WITH(layer.forward(ids, cache), "EmbeddingBag: id 3 at [0, 1] is outside the table of 3 rows");
    CHECK_THROWS_WITH(layer.forward(ids, weights, cache), "EmbeddingBag: weights need the mode sum");
    CHECK_THROWS_WITH((EmbeddingBag{3, 2, {.mode = BagMode::sum}}.forward(ids, wide, cache)),
                      "EmbeddingBag: expected weights of shape [1, 2], received [2, 2]");
    CHECK_THROWS_WITH(layer.backward(weights, cache, gradients),
                      "EmbeddingBag: backward needs a forward(x, cache, Training{...}) before it");
}
