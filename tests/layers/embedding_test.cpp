#include <deeprec/layers/embedding.hpp>

#include <numeric>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {
battery::Subject<Embedding<double>> some_embedding(battery::Random& random, const Shape& sample) {
    const Index rows = random.between(1, 9), unknown = random.between(0, 1) * 3;
    return {Embedding<double>{
                rows,
                random.between(1, 19),
                {.mask_zero = random.coin(), .out_of_range = unknown ? OutOfRange::last_row : OutOfRange::error}},
            sample, rows + unknown};
}
}  // namespace

TEST_CASE("Embedding passes the battery", "[embedding][threads]") {
    battery::check<2>([](battery::Random& random) { return some_embedding(random, {random.between(1, 7)}); });
    battery::check<3>(
        [](battery::Random& random) {
            const Index steps = random.between(1, 4);
            return some_embedding(random, {steps, random.between(1, 3)});
        },
        16);
}

TEST_CASE("Embedding looks up several ids a step, without a mask", "[embedding]") {
    Embedding layer{4, 1, {.mask_zero = true}};
    CHECK(layer.build({2, 3}, Seed{1}) == Shape{2, 3, 1});
    for_each_parameter(layer, [](std::string_view, auto& table) { std::iota(table.data(), table.data() + 4, 0.f); });
    Tensor<std::int32_t, 3> ids(1, 2, 3);
    ids.setValues({{{0, 2, 1}, {3, 3, 0}}});
    Embedding<float>::Cache cache;
    const auto y = layer.forward(ids, cache);
    static_assert(rank_of<decltype(y)> == 4);
    CHECK(battery::detail::values(y) == std::vector<float>{0, 2, 1, 3, 3, 0});
    CHECK_FALSE(y.mask);
}

TEST_CASE("Embedding has Keras' parameters and start", "[embedding]") {
    Embedding layer{100, 8, {.mask_zero = true}};
    static_assert(std::is_same_v<decltype(layer), Embedding<float>>);
    CHECK(layer.build({50}, Seed{1}) == Shape{50, 8});
    battery::check_parameters(layer, {{"embeddings", {100, 8}}});
    float low = 1, high = -1;
    for (Index i = 0; i < 800; ++i) {
        low = std::min(low, layer.parameters().embeddings.data()[i]);
        high = std::max(high, layer.parameters().embeddings.data()[i]);
    }
    CHECK(low >= -0.05f);
    CHECK(low < -0.049f);
    CHECK(high < 0.05f);
    CHECK(high > 0.049f);
}

TEST_CASE("Embedding masks id 0 on request", "[embedding]") {
    Tensor<std::int32_t, 2> ids(2, 3);
    ids.setValues({{0, 2, 1}, {1, 0, 0}});
    Embedding<float>::Cache cache;
    Embedding plain{3, 2}, padded{3, 2, {.mask_zero = true}};
    plain.build({3}, Seed{1});
    padded.build({3}, Seed{1});
    CHECK_FALSE(plain.forward(ids, cache).mask);
    const auto y = padded.forward(ids, cache);
    REQUIRE(y.mask);
    CHECK(std::vector<int>(y.mask.keep, y.mask.keep + 6) == std::vector<int>{0, 1, 1, 1, 0, 0});
    CHECK(y(0, 0, 1) == padded.parameters().embeddings(0, 1));
}

TEST_CASE("Embedding: the gradient touches the used rows only, repeated ids add up", "[embedding]") {
    Tensor<std::int32_t, 2> ids(1, 3);
    ids.setValues({{4, 1, 4}});
    Embedding layer{6, 2};
    layer.build({3}, Seed{1});
    Embedding<float>::Cache cache;
    auto gradients = layer.zero_gradients();
    layer.forward(ids, cache, Training{});
    Tensor<float, 3> dy(1, 3, 2);
    dy.setValues({{{1, 2}, {3, 4}, {10, 20}}});
    layer.backward(dy, cache, gradients);
    CHECK(gradients.embeddings.ids() == std::vector<std::int32_t>{4, 1});
    const auto dense = gradients.embeddings.dense();
    CHECK(dense(4, 0) == 11);
    CHECK(dense(4, 1) == 22);
    CHECK(dense(1, 0) == 3);
    CHECK(dense(0, 0) == 0);
    gradients.embeddings.setZero();
    CHECK(gradients.embeddings.ids().empty());
}

TEST_CASE("Embedding gives ids outside of the table the last row on request", "[embedding]") {
    Embedding layer{4, 1, {.mask_zero = true, .out_of_range = OutOfRange::last_row}};
    layer.build({5}, Seed{1});
    for_each_parameter(layer, [](std::string_view, auto& table) { std::iota(table.data(), table.data() + 4, 0.f); });
    Tensor<std::int32_t, 2> ids(1, 5);
    ids.setValues({{2, 4, -1, std::numeric_limits<std::int32_t>::max(), 0}});
    Embedding<float>::Cache cache;
    const auto y = layer.forward(ids, cache, Training{});
    CHECK(battery::detail::values(y) == std::vector<float>{2, 3, 3, 3, 0});
    CHECK(std::vector<int>(y.mask.keep, y.mask.keep + 5) == std::vector<int>{1, 1, 1, 1, 0});
    auto gradients = layer.zero_gradients();
    layer.backward(y, cache, gradients);
    CHECK(gradients.embeddings.ids() == std::vector<std::int32_t>{2, 3, 0});
    CHECK(gradients.embeddings.dense()(3, 0) == 9);
}

TEST_CASE("Embedding says what is wrong", "[embedding]") {
    CHECK_THROWS_WITH((Embedding{0, 4}), "Embedding: expected a positive input_dim, received 0");
    CHECK_THROWS_WITH((Embedding{4, 0}), "Embedding: expected a positive output_dim, received 0");
    CHECK_THROWS_WITH((Embedding{4, 4}.build({3, 2, 5}, Seed{1})),
                      "Embedding: expected samples of at most 2 axes, received [3, 2, 5]");
    CHECK_THROWS_WITH(Embedding<float>{}.build({3}, Seed{1}), "Embedding: expected a positive input_dim, received 0");
    Embedding layer{10, 4};
    layer.build({5}, Seed{1});
    Embedding<float>::Cache cache;
    for (const Index time : {5, 700}) {
        Tensor<std::int32_t, 2> ids(2, time);
        ids.setConstant(9);
        CHECK_NOTHROW(layer.forward(ids, cache));
        ids(1, 3) = 10;
        CHECK_THROWS_AS(layer.forward(ids, cache), DataError);
        CHECK_THROWS_WITH(layer.forward(ids, cache), "Embedding: id 10 at [1, 3] is outside the table of 10 rows");
        ids(0, time - 1) = -1;
        CHECK_THROWS_WITH(layer.forward(ids, cache),
                          message("Embedding: id -1 at [0, ", time - 1, "] is outside the table of 10 rows"));
    }
    Embedding<float>::Cache fresh;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 3> dy(2, 5, 4);
    CHECK_THROWS_WITH(layer.backward(dy, fresh, gradients),
                      "Embedding: backward needs a forward(x, cache, Training{...}) before it");
}

TEST_CASE("Embedding wants to be built first", "[embedding]") {
    for (const OutOfRange outside : {OutOfRange::error, OutOfRange::last_row}) {
        const Embedding layer{10, 4, {.out_of_range = outside}};
        Embedding<float>::Cache cache;
        Tensor<std::int32_t, 2> ids(2, 3);
        ids.setConstant(9);
        CHECK_THROWS_AS(layer.forward(ids, cache), ArgumentError);
        CHECK_THROWS_WITH(layer.forward(ids, cache), "Embedding: the layer has no table; build it first");
    }
}

TEST_CASE("Embedding starts as its initialiser says", "[embedding]") {
    Embedding layer{3, 2, {.embeddings_initializer = Constant{0.5}}};
    layer.build({4}, Seed{1});
    for (Index i = 0; i < 6; ++i) CHECK(layer.parameters().embeddings.data()[i] == 0.5f);
}
