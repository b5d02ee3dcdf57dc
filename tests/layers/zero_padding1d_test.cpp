#include <deeprec/layers/zero_padding1d.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("ZeroPadding1D passes the battery", "[zero_padding1d][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{ZeroPadding1D<double>{random.between(0, 3), random.between(0, 3)},
                                {random.between(1, 5), random.between(1, 5)}};
    });
}

TEST_CASE("ZeroPadding1D leaves the new steps out of a mask", "[zero_padding1d]") {
    ZeroPadding1D layer{1};
    CHECK(layer.build({2, 1}, Seed{1}) == Shape{4, 1});
    Tensor<float, 3> x(1, 2, 1);
    x.setConstant(3);
    Tensor<std::uint8_t, 2> mask(1, 2);
    mask.setValues({{1, 0}});
    ZeroPadding1D<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(std::vector<float>(y.data(), y.data() + 4) == std::vector<float>{0, 3, 3, 0});
    CHECK(std::vector<int>(y.mask.keep, y.mask.keep + 4) == std::vector<int>{0, 1, 0, 0});
    CHECK_FALSE(layer.forward(x, cache).mask);
}

TEST_CASE("ZeroPadding1D says what is wrong", "[zero_padding1d]") {
    CHECK_THROWS_WITH(ZeroPadding1D(-1, 2), "ZeroPadding1D: expected no negative padding, received -1, 2");
    CHECK_THROWS_WITH(ZeroPadding1D(1, 2000000),
                      "ZeroPadding1D: expected right padding of at most 1048576, received 2000000");
    CHECK_THROWS_WITH(ZeroPadding1D{1}.build({4}, Seed{}),
                      "ZeroPadding1D: expected samples of shape [time, features], received [4]");
}
