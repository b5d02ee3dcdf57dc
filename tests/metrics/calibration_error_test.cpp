#include <deeprec/metrics/calibration_error.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("Calibration error by hand", "[metrics]") {
    Tensor<double, 1> p(5), y(5);
    p.setValues({0.1, 0.3, 0.75, 0.85, 1});
    y.setValues({0, 1, 1, 1, 0});
    CalibrationError metric{{.bins = 2}}, other = metric;
    CHECK(std::isnan(metric.result()));
    metric.update(p, y);
    CHECK(metric.result() == Approx((0.6 + 0.6) / 5));  // |1 - 0.4| and |2 - 2.6|
    other.add(0.5, 0, 1);                               // in the upper bin
    metric.merge(other);
    CHECK(metric.result() == Approx((0.6 + 1.1) / 6));
    metric.add(std::nan(""), 0, 1);
    CHECK(std::isnan(metric.result()));
    metric.reset();
    CHECK(std::isnan(metric.result()));
    CHECK(support::message_of<ArgumentError>([&] { metric.add(-0.5, 0, 1); }) ==
          "CalibrationError: expected probabilities, received -0.5");
    CHECK(support::message_of<ArgumentError>([&] { metric.merge(CalibrationError{}); }) ==
          "CalibrationError: expected another of 2 bins, received 10");
    CHECK_THROWS_AS((CalibrationError{{.bins = 0}}), ArgumentError);
}
