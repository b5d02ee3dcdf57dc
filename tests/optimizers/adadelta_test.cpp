#include <deeprec/optimizers/adadelta.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Adadelta does as its formula", "[optimizers]") {
    rules::check<Adadelta>({.learning_rate = 0.5, .rho = 0.8, .epsilon = 1e-3}, {},
                           [](double& w, double g, auto& s, double) {
                               s[0] = 0.8 * s[0] + 0.2 * g * g;
                               const double d = std::sqrt(s[1] + 1e-3) / std::sqrt(s[0] + 1e-3) * g;
                               s[1] = 0.8 * s[1] + 0.2 * d * d;
                               w -= 0.5 * d;
                           });
}

TEST_CASE("Adadelta's rule says where weight decay goes", "[optimizers]") {
    CHECK(rules::decayed<Adadelta>({.learning_rate = 0.5, .weight_decay = 0.5})[1] == -1.5);
    const AdadeltaOptions torch{.learning_rate = 0.5, .weight_decay = 0.5, .rule = UpdateRule::torch};
    CHECK(std::abs(rules::decayed<Adadelta>(torch)[1] + 2) < 0.01);  // a gradient of -1: a step of sqrt(epsilon)
}

TEST_CASE("Adadelta names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Adadelta{{.rho = 1}}; }) == "Adadelta: expected rho in [0, 1), received 1");
    CHECK_THROWS_AS(Adadelta{{.epsilon = -1}}, ArgumentError);
}
