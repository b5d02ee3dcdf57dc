#include <deeprec/layers/flatten.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("Flatten passes the battery", "[flatten][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{Flatten<double>{}, {random.between(1, 6), random.between(1, 6)}};
    });
}

TEST_CASE("Flatten is the same memory and ends a mask", "[flatten]") {
    Flatten layer;
    CHECK(layer.build({3, 2}, Seed{}) == Shape{6});
    Tensor<float, 3> x(2, 3, 2);
    x.setZero();
    Tensor<std::uint8_t, 2> mask(2, 3);
    mask.setConstant(1);
    Flatten<>::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(y.data() == x.data());
    CHECK(y.shape() == Shape{2, 6});
    CHECK_FALSE(y.mask);
}

TEST_CASE("Flatten says what is wrong", "[flatten]") {
    CHECK_THROWS_WITH(Flatten{}.build({5}, Seed{}), "Flatten: expected samples of shape [time, features], received [5]");
}
