#include <deeprec/losses/triplet_margin.hpp>

#include "support/loss_battery.hpp"

using namespace deeprec;

TEST_CASE("Gradients of TripletMargin are its slopes", "[losses]") {
    Tensor<double, 2> anchor(6, 4), positive(6, 4), negative(6, 4);
    battery::fill(anchor, {-1, 1}, 1);
    battery::fill(positive, {-1, 1}, 2);
    battery::fill(negative, {-1, 1}, 3);
    for (const double margin : {0.2, 1.0})
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
            const TripletMargin loss{{.margin = margin, .reduction = reduction}};
            const auto gradient = loss.gradient(anchor, positive, negative);
            const auto value = [&] { return loss.forward(anchor, positive, negative); };
            CHECK(battery::slope_error(anchor, gradient[0], value) < 1e-6);
            CHECK(battery::slope_error(positive, gradient[1], value) < 1e-6);
            CHECK(battery::slope_error(negative, gradient[2], value) < 1e-6);
        }
}

TEST_CASE("TripletMargin by hand; a distance of 0 has no slope", "[losses]") {
    Tensor<double, 2> anchor(1, 2), same(1, 2), far(1, 2);
    anchor.setValues({{1, 1}});
    same = anchor;
    far.setValues({{4, 5}});
    const TripletMargin loss{{.margin = 6, .epsilon = 0}};
    CHECK(loss.forward(anchor, same, far) == 1);  // 6 + 0 - 5
    const auto gradient = loss.gradient(anchor, same, far);
    CHECK(gradient[0](0, 0) == Approx(0.6));
    CHECK(gradient[1](0, 0) == 0);
    CHECK(gradient[2](0, 1) == Approx(-0.8));
}
