#include <deeprec/layers/average_pool1d.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("AveragePool1D passes the battery", "[average_pool1d][threads]") {
    battery::check<3>([](battery::Random& random) {
        const Index pool_size = random.between(1, 5);
        const bool same = random.coin();
        return battery::Subject{AveragePool1D<double>{pool_size, {.strides = random.between(0, 4),
                                                                  .padding = same ? Padding::same : Padding::valid}},
                                {random.between(same ? 1 : pool_size, 9), random.between(1, 19)}};
    });
}

TEST_CASE("AveragePool1D divides by the steps that exist", "[average_pool1d]") {
    AveragePool1D layer{2, {.padding = Padding::same}};
    CHECK(layer.build({3, 1}, Seed{}) == Shape{2, 1});
    Tensor<float, 3> x(1, 3, 1);
    x.setValues({{{1}, {3}, {5}}});
    AveragePool1D<>::Cache cache;
    const auto y = layer.forward(x, cache);
    CHECK(y(0, 0, 0) == 2);
    CHECK(y(0, 1, 0) == 5);
}

TEST_CASE("AveragePool1D says what is wrong", "[average_pool1d]") {
    CHECK_THROWS_WITH(AveragePool1D{0}, "AveragePool1D: expected a positive pool_size, received 0");
    CHECK_THROWS_WITH(AveragePool1D{4}.build({3, 2}, Seed{}), "AveragePool1D: a window of 4 steps needs at least as many, received 3");
}
