#include <deeprec/layers/cumulative_average1d.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("CumulativeAverage1D passes the battery", "[pooling][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{CumulativeAverage1D<double>{}, {random.between(1, 7), random.between(1, 19)}};
    });
}

TEST_CASE("CumulativeAverage1D is the mean so far, of the kept steps under a mask", "[pooling]") {
    CumulativeAverage1D<> layer;
    CHECK(layer.build({4, 2}, Seed{}) == Shape{4, 2});
    Tensor<float, 3> x(1, 4, 2);
    x.setValues({{{2, -1}, {4, 1}, {0, 3}, {-2, 5}}});
    CumulativeAverage1D<>::Cache cache;
    const auto all = layer.forward(x, cache);
    const float mean[4][2] = {{2, -1}, {3, 0}, {2, 1}, {1, 2}};
    for (Index t = 0; t < 4; ++t)
        for (Index f = 0; f < 2; ++f) CHECK(all(0, t, f) == mean[t][f]);

    Tensor<std::uint8_t, 2> mask(1, 4);
    mask.setValues({{0, 1, 0, 1}});
    const auto some = layer.forward(masked(x, mask), cache);
    const float kept[4][2] = {{0, 0}, {4, 1}, {4, 1}, {1, 3}};
    for (Index t = 0; t < 4; ++t)
        for (Index f = 0; f < 2; ++f) CHECK(some(0, t, f) == kept[t][f]);
    CHECK(some.mask.keep == mask.data());
}

TEST_CASE("CumulativeAverage1D says what it was given", "[pooling]") {
    CumulativeAverage1D<> layer;
    CHECK_THROWS_WITH(layer.build({4}, Seed{}), ContainsSubstring("CumulativeAverage1D") && ContainsSubstring("[4]"));
    CumulativeAverage1D<>::Cache cache;
    NoParameters none;
    Tensor<float, 3> dy(1, 2, 3);
    CHECK_THROWS_WITH(layer.backward(dy, cache, none), ContainsSubstring("CumulativeAverage1D"));
}
