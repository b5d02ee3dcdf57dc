#include <deeprec/layers/conv1d.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEMPLATE_TEST_CASE("Conv1D passes the battery", "[conv1d][threads]", Linear, ReLU, Tanh) {
    battery::check<3>([](battery::Random& random) {
        const Index kernel_size = random.between(1, 4), dilation_rate = random.between(1, 3);
        const Padding padding = std::array{Padding::valid, Padding::same, Padding::causal}[static_cast<std::size_t>(random.between(0, 2))];
        const Index shortest = padding == Padding::valid ? (kernel_size - 1) * dilation_rate + 1 : 1;
        return battery::Subject{Conv1D<double, TestType>{random.between(1, 10), kernel_size, {},
                                                         {.strides = random.between(1, 3),
                                                          .padding = padding,
                                                          .dilation_rate = dilation_rate,
                                                          .use_bias = random.coin()}},
                                {shortest + random.between(0, 5), random.between(1, 10)}};
    });
}

TEMPLATE_TEST_CASE("A wide Conv1D, which makes two steps at once, passes the battery", "[conv1d][threads]", ReLU,
                   Tanh) {
    battery::check<3>(
        [](battery::Random& random) {
            const Padding padding = std::array{Padding::valid, Padding::same,
                                               Padding::causal}[static_cast<std::size_t>(random.between(0, 2))];
            const Index taps = std::array{3, 5, 6}[static_cast<std::size_t>(random.between(0, 2))];
            const Index dilation_rate = random.between(1, 3), filters = random.between(24, 34);
            const Index shortest = padding == Padding::valid ? (taps - 1) * dilation_rate + 1 : 1;
            return battery::Subject{
                Conv1D<double, TestType>{
                    filters, taps, {}, {.padding = padding, .dilation_rate = dilation_rate, .use_bias = random.coin()}},
                {shortest + random.between(0, 5), random.between(24, 34)}};
        },
        10);
}

TEST_CASE("Conv1D has Keras' parameters and ends a mask", "[conv1d]") {
    Conv1D layer{64, 3, relu};
    static_assert(std::is_same_v<decltype(layer), Conv1D<float, ReLU>>);
    static_assert(std::is_same_v<decltype(Conv1D{1, 1}), Conv1D<float, Linear>>);
    CHECK(layer.build({50, 8}, Seed{1}) == Shape{48, 64});
    battery::check_parameters(layer, {{"kernel", {3, 8, 64}}, {"bias", {64}}});
    CHECK(parameter_count(layer) == 3 * 8 * 64 + 64);
    const double limit = std::sqrt(6.0 / (3 * 8 + 3 * 64));
    double largest = 0;
    for (Index i = 0; i < layer.parameters().kernel.size(); ++i)
        largest = std::max(largest, static_cast<double>(std::abs(layer.parameters().kernel.data()[i])));
    CHECK(largest <= limit);
    CHECK(largest > 0.98 * limit);

    Tensor<float, 3> x(1, 50, 8);
    x.setZero();
    Tensor<std::uint8_t, 2> mask(1, 50);
    mask.setConstant(1);
    Conv1D<float, ReLU>::Cache cache;
    CHECK_FALSE(layer.forward(masked(x, mask), cache).mask);
}

TEST_CASE("A causal Conv1D does not look ahead", "[conv1d]") {
    Conv1D<double> layer{2, 3, {}, {.padding = Padding::causal, .dilation_rate = 2}};
    layer.build({9, 3}, Seed{1});
    battery::Random random(1);
    Tensor<double, 3> x(1, 9, 3);
    random.fill(x.data(), x.size());
    Conv1D<double>::Cache a, b;
    const auto before = layer.forward(x, a);
    x(0, 5, 1) += 1;
    const auto after = layer.forward(x, b);
    for (Index t = 0; t < 9; ++t) CHECK((before(0, t, 0) == after(0, t, 0)) == (t != 5 && t != 7));
}

TEST_CASE("Conv1D keeps NaN within the windows that see it", "[conv1d]") {
    Conv1D<float, ReLU> layer{3, 2};
    layer.build({4, 1}, Seed{1});
    Tensor<float, 3> x(1, 4, 1);
    x.setConstant(1);
    x(0, 3, 0) = std::numeric_limits<float>::quiet_NaN();
    Conv1D<float, ReLU>::Cache cache;
    const auto y = layer.forward(x, cache);
    for (Index u = 0; u < 3; ++u) {
        CHECK(std::isfinite(y(0, 1, u)));
        CHECK(std::isnan(y(0, 2, u)));
    }
}

TEST_CASE("Conv1D takes another length than it was built for", "[conv1d]") {
    Conv1D<double, ReLU> layer{4, 3};
    layer.build({10, 2}, Seed{1});
    battery::Random random(2);
    Tensor<double, 3> x(2, 6, 2);
    random.fill(x.data(), x.size());
    Conv1D<double, ReLU>::Cache cache;
    CHECK(layer.forward(x, cache).shape() == Shape{2, 4, 4});
}

TEST_CASE("Conv1D says what is wrong", "[conv1d]") {
    CHECK_THROWS_WITH((Conv1D{0, 3}), "Conv1D: expected a positive number of filters, received 0");
    CHECK_THROWS_WITH((Conv1D{3, -1}), "Conv1D: expected a positive kernel_size, received -1");
    CHECK_THROWS_WITH((Conv1D{3, 1, relu, {.strides = 0}}), "Conv1D: expected a positive strides, received 0");
    CHECK_THROWS_WITH((Conv1D{3, 1, relu, {.dilation_rate = 0}}), "Conv1D: expected a positive dilation_rate, received 0");
    CHECK_THROWS_WITH((Conv1D{3, 2, relu, {.strides = 2000000}}),
                      "Conv1D: expected strides of at most 1048576, received 2000000");
    CHECK_THROWS_WITH((Conv1D{3, 2, relu, {.dilation_rate = 2000000}}),
                      "Conv1D: expected a window of at most 1048576 steps, received 2 taps with dilation_rate 2000000");
    CHECK_THROWS_WITH((Conv1D{8, 3}.build({50}, Seed{1})), "Conv1D: expected samples of shape [time, features], received [50]");
    CHECK_THROWS_WITH((Conv1D{8, 3}.build({2, 4}, Seed{1})), "Conv1D: a window of 3 steps needs at least as many, received 2");
    Conv1D layer{8, 3};
    layer.build({5, 4}, Seed{1});
    Conv1D<>::Cache cache;
    auto gradients = layer.zero_gradients();
    Tensor<float, 3> x(1, 2, 4), wide(1, 5, 6), dy(1, 3, 8);
    CHECK_THROWS_WITH(layer.forward(x, cache), "Conv1D: a window of 3 steps needs at least as many, received 2");
    CHECK_THROWS_WITH(layer.forward(wide, cache), "Conv1D: built for 4 input features, received 6");
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients), "Conv1D: backward needs a forward(x, cache, Training{...}) before it");
    Tensor<float, 3> good(1, 5, 4), late(1, 2, 8);
    good.setZero();
    layer.forward(good, cache, Training{});
    CHECK_THROWS_WITH(layer.backward(late, cache, gradients),
                      "Conv1D: expected a gradient of [1, 3, 8], received [1, 2, 8]");
}

TEST_CASE("Conv1D starts as its initialisers say", "[conv1d]") {
    Conv1D layer{2, 3, relu, {.kernel_initializer = Constant{3}, .bias_initializer = Constant{-1}}};
    layer.build({5, 4}, Seed{1});
    for (Index i = 0; i < 24; ++i) CHECK(layer.parameters().kernel.data()[i] == 3);
    CHECK(layer.parameters().bias(1) == -1);
}
