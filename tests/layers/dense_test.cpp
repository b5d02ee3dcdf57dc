#include <deeprec/layers/dense.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEMPLATE_TEST_CASE("Dense passes the battery", "[dense][threads]", Linear, ReLU, Sigmoid, Tanh, Gelu,
                   Softmax) {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{Dense<double, TestType>{random.between(1, 19), {}, {.use_bias = random.coin()}},
                                {random.between(1, 19)}};
    });
}

TEST_CASE("Dense passes the battery on sequences and beyond", "[dense][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{Dense<double, Tanh>{random.between(1, 5)}, {random.between(1, 4), random.between(1, 9)}};
    });
    battery::check<4>(
        [](battery::Random& random) {
            return battery::Subject{Dense<double>{random.between(1, 3)},
                                    {random.between(1, 3), random.between(1, 3), random.between(1, 9)}};
        },
        10);
}

TEST_CASE("Dense has Keras' parameters and passes a mask on", "[dense]") {
    Dense layer{5, Tanh{}};
    static_assert(std::is_same_v<decltype(layer), Dense<float, Tanh>>);
    static_assert(std::is_same_v<decltype(Dense{1}), Dense<float, Linear>>);
    CHECK(layer.build({7, 3}, Seed{1}) == Shape{7, 5});
    battery::check_parameters(layer, {{"kernel", {3, 5}}, {"bias", {5}}});
    CHECK(parameter_count(layer) == 20);

    Dense without{5, relu, {.use_bias = false}};
    without.build({3}, Seed{1});
    battery::check_parameters(without, {{"kernel", {3, 5}}});

    Tensor<float, 3> x(2, 7, 3);
    x.setConstant(1);
    Tensor<std::uint8_t, 2> mask(2, 7);
    mask.setConstant(1);
    Dense<float, Tanh>::Cache cache;
    CHECK(layer.forward(masked(x, mask), cache).mask.keep == mask.data());
    CHECK_FALSE(layer.forward(x, cache).mask);
}

TEST_CASE("Dense leaves its activation to a loss that takes logits", "[dense]") {
    Dense layer{2, sigmoid};
    layer.build({3}, Seed{1});
    Tensor<float, 2> x(4, 3);
    battery::Random(1).fill(x.data(), x.size());
    Dense<float, Sigmoid>::Cache cache, logits;
    const auto y = layer.forward(x, cache), z = layer.forward(x, logits, Inference{}.on_logits());
    for (Index i = 0; i < y.size(); ++i) CHECK(y.data()[i] == Approx(1 / (1 + std::exp(-z.data()[i]))));
}

TEST_CASE("Dense starts from Keras' glorot uniform and zeros, by seed", "[dense]") {
    Dense<double> a{40}, b{40}, c{40};
    a.build({60}, Seed{1});
    b.build({60}, Seed{1});
    c.build({60}, Seed{2});
    const double limit = std::sqrt(6.0 / 100);
    const auto &kernel = a.parameters().kernel, &same = b.parameters().kernel, &other = c.parameters().kernel;
    double sum = 0, squares = 0, largest = 0;
    bool differs = false;
    for (Index i = 0; i < kernel.size(); ++i) {
        CHECK(kernel.data()[i] == same.data()[i]);
        differs = differs || kernel.data()[i] != other.data()[i];
        sum += kernel.data()[i];
        squares += kernel.data()[i] * kernel.data()[i];
        largest = std::max(largest, std::abs(kernel.data()[i]));
    }
    CHECK(differs);
    CHECK(largest <= limit);
    CHECK(largest > 0.99 * limit);
    CHECK(std::abs(sum / 2400) < 4 * limit / std::sqrt(3.0 * 2400));
    CHECK(std::abs(squares / 2400 - limit * limit / 3) < 0.05 * limit * limit);
    for (Index i = 0; i < 40; ++i) CHECK(a.parameters().bias(i) == 0);
}

TEST_CASE("Dense lets NaN through", "[dense]") {
    Dense<float, ReLU> layer{3};
    layer.build({2}, Seed{1});
    Tensor<float, 2> x(2, 2);
    x.setConstant(1);
    x(1, 0) = std::numeric_limits<float>::quiet_NaN();
    Dense<float, ReLU>::Cache cache;
    const auto y = layer.forward(x, cache);
    for (Index u = 0; u < 3; ++u) {
        CHECK(std::isfinite(y(0, u)));
        CHECK(std::isnan(y(1, u)));
    }
}

TEST_CASE("Dense takes empty batches", "[dense]") {
    Dense layer{3, relu};
    layer.build({2}, Seed{1});
    const Tensor<float, 2> x(0, 2), dy(0, 3);
    Dense<float, ReLU>::Cache cache;
    auto gradients = layer.zero_gradients();
    CHECK(layer.forward(x, cache).extent(0) == 0);
    layer.forward(x, cache, Training{});
    CHECK(layer.backward(dy, cache, gradients).extent(0) == 0);
}

TEST_CASE("Dense says what is wrong", "[dense]") {
    CHECK_THROWS_WITH(Dense{0}, "Dense: expected a positive units, received 0");
    CHECK_THROWS_WITH(Dense<>{}.build({3}, Seed{1}), "Dense: expected a positive units, received 0");
    CHECK_THROWS_WITH(Dense{3}.build({}, Seed{1}), "Dense: expected samples of shape [..., features], received []");
    CHECK_THROWS_WITH(Dense{3}.build({0}, Seed{1}), "Dense: expected a positive number of input features, received 0");
    Dense layer{3};
    layer.build({2}, Seed{1});
    Dense<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 2> wide(1, 4), dy(1, 3);
    CHECK_THROWS_WITH(layer.forward(wide, cache), "Dense: built for 2 input features, received 4");
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients), "Dense: backward needs a forward(x, cache, Training{...}) before it");
    Tensor<float, 2> x(1, 2);
    x.setZero();
    layer.forward(x, cache, Training{});
    CHECK_THROWS_WITH(layer.backward(wide, cache, gradients), "Dense: expected a gradient of [1, 3], received [1, 4]");
}

TEST_CASE("Dense starts as its initialisers say", "[dense]") {
    Dense layer{2, relu, {.kernel_initializer = Constant{3}, .bias_initializer = Constant{-1}}};
    layer.build({4}, Seed{1});
    for (Index i = 0; i < 8; ++i) CHECK(layer.parameters().kernel.data()[i] == 3);
    CHECK(layer.parameters().bias(1) == -1);
}
