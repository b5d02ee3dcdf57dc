#include <deeprec/losses/regression.hpp>

#include <cmath>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;

namespace {
const auto numbers = [](Index r, Index j) {
    return 0.37 * static_cast<double>(r) + 0.11 * static_cast<double>(j) + 0.2;
};
}

TEST_CASE("Regression losses pass the battery", "[losses]") {
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::mean_with_sample_weight}) {
        battery::check_loss(MeanSquaredError{reduction}, 3, {-3, 3}, numbers);
        battery::check_loss(MeanAbsoluteError{reduction}, 3, {-3, 3}, numbers);
        battery::check_loss(Huber{{0.7, reduction}}, 3, {-3, 3}, numbers);
        battery::check_loss(SmoothL1{{0.7, reduction}}, 3, {-3, 3}, numbers);
        battery::check_loss(LogCosh{reduction}, 3, {-3, 3}, numbers);
        battery::check_loss(MeanSquaredLogarithmicError{reduction}, 3, {0.1, 3}, numbers);
        battery::check_loss(MeanAbsolutePercentageError{reduction}, 3, {-3, 3}, numbers);
        battery::check_loss(Poisson{reduction}, 3, {0.2, 3}, numbers);
    }
    battery::check_large_logits(LogCosh{}, 3, numbers);
    battery::check_large_logits(Huber{}, 3, numbers);
}

TEST_CASE("Corners of regression losses", "[losses]") {
    Tensor<double, 2> p(1, 1), y(1, 1);
    p(0, 0) = y(0, 0) = 2;
    CHECK(MeanAbsoluteError{}.gradient(p, y)(0, 0) == 0);
    CHECK(MeanAbsolutePercentageError{}.gradient(p, y)(0, 0) == 0);
    CHECK(LogCosh{}.forward(p, y) == Approx(0).margin(1e-15));
    p(0, 0) = -1;
    CHECK(MeanSquaredLogarithmicError{}.gradient(p, y)(0, 0) == 0);
    CHECK(support::message_of<ArgumentError>([] { Huber{{.delta = 0}}; }) ==
          "Huber: expected a positive delta, received 0");
}

TEST_CASE("SmoothL1 without a curve is the absolute error", "[losses]") {
    Tensor<double, 2> p(1, 2), y(1, 2);
    p.setValues({{0.25, -3}});
    y.setZero();
    CHECK(SmoothL1{{.beta = 0}}.forward(p, y) == MeanAbsoluteError{}.forward(p, y));
    CHECK(SmoothL1{{.beta = 0}}.gradient(p, y)(0, 1) == -0.5);
}
