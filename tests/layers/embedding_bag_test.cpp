#include <deeprec/layers/embedding_bag.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {
battery::Subject<EmbeddingBag<double>> some_bag(battery::Random& random, const Shape& sample) {
    const Index rows = random.between(1, 9), unknown = random.between(0, 1) * 3;
    return {EmbeddingBag<double>{rows,
                                 random.between(1, 19),
                                 {.mode = static_cast<BagMode>(random.between(0, 2)),
                                  .mask_zero = random.coin(),
                                  .out_of_range = unknown ? OutOfRange::last_row : OutOfRange::error}},
            sample, rows + unknown};
}
void set_table(EmbeddingBag<>& layer, const std::vector<float>& numbers) {
    for_each_parameter(layer, [&](std::string_view, auto& table) {
        REQUIRE(table.size() == static_cast<Index>(numbers.size()));
        std::copy(numbers.begin(), numbers.end(), table.data());
    });
}
}  // namespace

TEST_CASE("EmbeddingBag passes the battery", "[embedding_bag][threads]") {
    battery::check<2>([](battery::Random& random) { return some_bag(random, {random.between(1, 5)}); });
    battery::check<3>([](battery::Random& random) {
        const Index steps = random.between(1, 4);
        return some_bag(random, {steps, random.between(1, 5)});
    });
}

TEST_CASE("EmbeddingBag makes a vector of each bag of a sequence", "[embedding_bag]") {
    EmbeddingBag layer{4, 2, {.mode = BagMode::sum, .mask_zero = true}};
    CHECK(layer.build({2, 3}, Seed{1}) == Shape{2, 2});
    set_table(layer, {9, 9, 1, 10, 2, 20, 4, 40});
    Tensor<std::int32_t, 3> ids(2, 2, 3);
    ids.setValues({{{1, 2, 0}, {3, 0, 0}}, {{0, 0, 0}, {1, 1, 3}}});
    Tensor<std::uint8_t, 2> mask(2, 2);
    mask.setConstant(1);
    Tensor<float, 3> weights(2, 2, 3), dy(2, 2, 2);
    weights.setConstant(1);
    weights(0, 0, 1) = 3;
    dy.setConstant(1);
    EmbeddingBag<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(masked(ids, mask), cache, Training{1});
    static_assert(rank_of<decltype(y)> == 3);
    CHECK(y.mask.keep == mask.data());
    CHECK(battery::detail::values(y) == std::vector<float>{3, 30, 4, 40, 0, 0, 6, 60});
    layer.backward(dy, cache, gradients);
    CHECK(gradients.embeddings.find(0) == nullptr);
    CHECK(gradients.embeddings.find(1)[0] == 3);
    CHECK(gradients.embeddings.find(3)[1] == 2);
    CHECK_THROWS_AS(layer.backward_weights(dy, cache), ArgumentError);

    CHECK(battery::detail::values(layer.forward(ids, weights, cache, Training{1})) ==
          std::vector<float>{7, 70, 4, 40, 0, 0, 6, 60});
    CHECK(battery::detail::values(layer.backward_weights(dy, cache)) ==
          std::vector<float>{11, 22, 0, 44, 0, 0, 0, 0, 0, 11, 11, 44});
    gradients.embeddings.setZero();
    layer.backward(dy, cache, gradients);
    CHECK(gradients.embeddings.find(2)[0] == 3);
}

TEST_CASE("EmbeddingBag leaves padding out", "[embedding_bag]") {
    Tensor<std::int32_t, 2> ids(2, 3);
    ids.setValues({{1, 0, 2}, {0, 0, 0}});
    const auto bag = [&](BagMode mode) {
        EmbeddingBag layer{3, 1, {.mode = mode, .mask_zero = true}};
        CHECK(layer.build({3}, Seed{1}) == Shape{1});
        battery::check_parameters(layer, {{"embeddings", {3, 1}}});
        set_table(layer, {9, -2, -4});
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
    set_table(layer, {1, 10, 100});
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
    CHECK_THROWS_WITH(layer.build({}, Seed{1}),
                      "EmbeddingBag: expected samples of shape [n] or [time, n], received []");
    CHECK_THROWS_WITH((EmbeddingBag{3, 2}.forward(ids, cache)), "EmbeddingBag: the layer has no table; build it first");
    CHECK_THROWS_WITH(layer.forward(ids, cache), "EmbeddingBag: id 3 at [0, 1] is outside the table of 3 rows");
    CHECK_THROWS_WITH(layer.forward(ids, weights, cache), "EmbeddingBag: weights need the mode sum");
    CHECK_THROWS_WITH((EmbeddingBag{3, 2, {.mode = BagMode::sum}}.forward(ids, wide, cache)),
                      "EmbeddingBag: expected weights of shape [1, 2], received [2, 2]");
    CHECK_THROWS_WITH(layer.backward(weights, cache, gradients),
                      "EmbeddingBag: backward needs a forward(x, cache, Training{...}) before it");
}
