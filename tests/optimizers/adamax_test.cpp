#include <deeprec/optimizers/adamax.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Adamax does as its formula", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch})
        rules::check<Adamax>({.learning_rate = 0.01, .epsilon = 1e-2, .rule = rule}, {},
                             [=](double& w, double g, auto& s, double t) {
                                 const double in_max = rule == UpdateRule::torch ? 1e-2 : 0;
                                 s[0] = 0.9 * s[0] + 0.1 * g;
                                 s[1] = std::max(0.999 * s[1], std::abs(g) + in_max);
                                 w -= 0.01 / (1 - std::pow(0.9, t)) * s[0] / (s[1] + 1e-2 - in_max);
                             });
}

TEST_CASE("Adamax names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Adamax{{.beta_1 = 1}}; }) == "Adamax: expected beta_1 in [0, 1), received 1");
    CHECK_THROWS_AS(Adamax{{.beta_2 = -1}}, ArgumentError);
    CHECK_THROWS_AS(Adamax{{.epsilon = -1}}, ArgumentError);
}
