#include <deeprec/metrics/log_loss.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("LogLoss is a weighted mean over all updates", "[metrics]") {
    Tensor<double, 2> p(2, 1), y(2, 1);
    p.setValues({{0.5}, {0.25}});
    y.setValues({{1}, {0}});
    LogLoss metric;
    CHECK(std::isnan(metric.result()));
    const double weights[]{3, 1};
    metric.update(p, y, weights);
    CHECK(metric.result() == Approx((3 * std::log(2) - std::log(0.75)) / 4));
    metric.update(p, y);
    CHECK(metric.result() == Approx((4 * std::log(2) - 2 * std::log(0.75)) / 6));
    metric.reset();
    CHECK(std::isnan(metric.result()));
    CHECK(support::message_of<ShapeError>([&] { metric.update(p, Tensor<double, 2>(3, 1)); }) ==
          "LogLoss: expected as many targets as predictions of [2, 1], received [3, 1]");
}

TEST_CASE("LogLoss of a certain mistake is large and finite, of NaN NaN", "[metrics]") {
    Tensor<float, 2> p(1, 1), y(1, 1);
    p.setConstant(1);
    y.setZero();
    LogLoss metric;
    metric.update(p, y);
    CHECK(metric.result() == Approx(-std::log(1e-7)));
    p.setConstant(std::nanf(""));
    metric.update(p, y);
    CHECK(std::isnan(metric.result()));
}
