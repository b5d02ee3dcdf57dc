#include <deeprec/layers/dropout.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("Dropout passes the battery", "[dropout][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{Dropout<double>{random.uniform(0, 1)}, {random.between(1, 5), random.between(1, 7)}};
    });
    battery::check<2>(
        [](battery::Random& random) {
            return battery::Subject{Dropout<double>{0.5}, {random.between(1, 19)}};
        },
        10);
}

TEST_CASE("Dropout is the identity in inference, and passes a mask on", "[dropout]") {
    Dropout layer{0.5};
    static_assert(std::is_same_v<decltype(layer), Dropout<float>>);
    CHECK(layer.build({4, 3}, Seed{}) == Shape{4, 3});
    Tensor<float, 3> x(2, 4, 3);
    x.setConstant(2);
    Tensor<std::uint8_t, 2> mask(2, 4);
    mask.setConstant(1);
    Dropout<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(y.data() == x.data());
    CHECK(y.mask.keep == mask.data());
    CHECK(layer.forward(masked(x, mask), cache, Training{}).mask.keep == mask.data());
}

TEST_CASE("Dropout keeps its share of elements, each on its own, and scales them", "[dropout]") {
    constexpr Index rows = 500, width = 201;
    const double rate = GENERATE(0.1, 0.5, 0.9);
    Dropout<double> layer{rate};
    Tensor<double, 2> x(rows, width);
    x.setConstant(1);
    Dropout<double>::Cache cache;
    const auto y = layer.forward(x, cache, Training{Seed{3}});
    Index kept = 0, pairs = 0;
    for (Index r = 0; r < rows; ++r)
        for (Index j = 0; j < width; ++j) {
            CHECK((y(r, j) == 0 || std::abs(y(r, j) - 1 / (1 - rate)) < 1e-12));
            kept += y(r, j) != 0;
            pairs += j > 0 && y(r, j) != 0 && y(r, j - 1) != 0;
        }
    const double n = rows * width, keep = 1 - rate;
    CHECK(std::abs(static_cast<double>(kept) / n - keep) < 4 * std::sqrt(keep * rate / n));
    CHECK(std::abs(static_cast<double>(pairs) / (rows * (width - 1)) - keep * keep) < 8 * std::sqrt(keep * keep / n));
}

TEST_CASE("Dropout draws anew at each step, the same for the same seed", "[dropout]") {
    Dropout layer{0.5};
    Tensor<float, 2> x(3, 40);
    x.setConstant(1);
    Dropout<>::Cache a, b, c;
    const auto first = layer.forward(x, a, Training{Seed{1}});
    const auto same = layer.forward(x, b, Training{Seed{1}});
    const auto other = layer.forward(x, c, Training{Seed{2}});
    CHECK(battery::detail::same_bits(first, same));
    CHECK_FALSE(battery::detail::same_bits(first, other));
    bool rows_differ = false;
    for (Index j = 0; j < 40; ++j) rows_differ = rows_differ || first(0, j) != first(1, j);
    CHECK(rows_differ);
}

TEST_CASE("Dropout at its limits", "[dropout]") {
    Tensor<float, 2> x(2, 5);
    x.setConstant(3);
    Dropout<>::Cache cache;
    const auto all = Dropout{0}.forward(x, cache, Training{});
    for (Index i = 0; i < 10; ++i) CHECK(all.data()[i] == 3);
    Dropout<>::Cache other;
    const auto none = Dropout{1}.forward(x, other, Training{});
    for (Index i = 0; i < 10; ++i) CHECK(none.data()[i] == 0);
}

TEST_CASE("Dropout says what is wrong", "[dropout]") {
    CHECK_THROWS_WITH(Dropout{-0.5}, "Dropout: expected a rate from 0 to 1, received -0.5");
    CHECK_THROWS_WITH(Dropout{1.5}, "Dropout: expected a rate from 0 to 1, received 1.5");
    CHECK_THROWS_AS(Dropout{std::numeric_limits<double>::quiet_NaN()}, ArgumentError);
    Dropout layer{0.5};
    Dropout<>::Cache cache;
    auto none = layer.zero_gradients();
    Tensor<float, 2> x(1, 2);
    x.setZero();
    layer.forward(x, cache);
    CHECK_THROWS_WITH(layer.backward(x, cache, none),
                      "Dropout: backward needs a forward(x, cache, Training{...}) before it");
}

TEST_CASE("Dropout passes everything in a differentiable inference, both ways", "[dropout]") {
    const Dropout<double> layer{0.5};
    Tensor<double, 2> x(3, 7);
    fill_uniform(x, 1, Seed{3});
    Dropout<double>::Cache cache;
    NoParameters none;
    const auto y = layer.forward(x, cache, DifferentiableInference{});
    CHECK(std::equal(y.data(), y.data() + y.size(), x.data()));
    const auto dx = layer.backward(x, cache, none);
    CHECK(std::equal(dx.data(), dx.data() + dx.size(), x.data()));
}
