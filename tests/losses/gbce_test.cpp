#include <deeprec/losses/gbce.hpp>

#include <cmath>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;

namespace {
const auto candidates = [](Index r, Index j) { return j == r % 3 ? 1.0 : j == 3 ? -1.0 : 0.0; };
}

TEST_CASE("gBCE passes the battery", "[losses]") {
    battery::check_loss(Gbce{{.items = 100}}, 5, {-3, 3}, candidates);
    battery::check_loss(Gbce{{100, 1, Reduction::sum}}, 5, {-3, 3}, candidates);
    battery::check_large_logits(Gbce{{.items = 100}}, 5, candidates);
}

TEST_CASE("gBCE raises the positive probability to beta", "[losses]") {
    const Gbce loss{{.items = 11, .calibration = 0.75}};
    const double rate = 2.0 / 10, beta = rate * (0.75 * (1 - 1 / rate) + 1 / rate);
    CHECK(loss.beta(2) == Approx(beta));
    CHECK(Gbce{{11, 0}}.beta(2) == 1);    // plain binary cross-entropy
    CHECK(Gbce{{11, 1}}.beta(2) == 0.2);  // the sampling rate
    Tensor<double, 2> z(1, 3), y(1, 3);
    z.setValues({{1, -2, 0.5}});
    y.setValues({{1, 0, 0}});
    const auto log_sigmoid = [](double x) { return -std::log1p(std::exp(-x)); };
    CHECK(loss.forward(z, y) == Approx(-(beta * log_sigmoid(1) + log_sigmoid(2) + log_sigmoid(-0.5)) / 3));
}

TEST_CASE("gBCE needs a catalogue", "[losses]") {
    CHECK(support::message_of<ArgumentError>([] { Gbce{{}}; }) == "Gbce: expected items > 1, received 0");
}
