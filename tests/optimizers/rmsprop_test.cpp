#include <deeprec/optimizers/rmsprop.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("RMSprop does as its formula, with and without momentum and centering", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch})
        for (const double momentum : {0.0, 0.5})
            for (const bool centered : {false, true})
                rules::check<RMSprop>({.learning_rate = 0.01,
                                       .rho = 0.8,
                                       .momentum = momentum,
                                       .epsilon = 1e-3,
                                       .centered = centered,
                                       .rule = rule},
                                      {}, [=](double& w, double g, auto& s, double) {
                                          s[0] = 0.8 * s[0] + 0.2 * g * g;
                                          s[1] = 0.8 * s[1] + 0.2 * g;
                                          const double v = centered ? s[0] - s[1] * s[1] : s[0];
                                          const bool keras = rule == UpdateRule::keras;
                                          s[2] =
                                              momentum * s[2] + g / (keras ? std::sqrt(v + 1e-3) : std::sqrt(v) + 1e-3);
                                          w -= 0.01 * s[2];
                                      });
}

TEST_CASE("RMSprop names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { RMSprop{{.rho = 1}}; }) == "RMSprop: expected rho in [0, 1), received 1");
    CHECK_THROWS_AS(RMSprop{{.momentum = -0.1}}, ArgumentError);
    CHECK_THROWS_AS(RMSprop{{.epsilon = -1}}, ArgumentError);
}
