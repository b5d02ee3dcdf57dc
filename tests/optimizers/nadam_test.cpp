#include <deeprec/optimizers/nadam.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Nadam does as its formula", "[optimizers]") {
    for (const double decay : {1.0, 4e-3}) {
        const auto u = [=](double t) { return 0.9 * (1 - 0.5 * std::pow(0.96, t * decay)); };
        rules::check<Nadam>({.learning_rate = 0.01, .epsilon = 1e-3, .momentum_decay = decay}, {},
                            [=](double& w, double g, auto& s, double t) {
                                double p = 1;
                                for (int i = 1; i <= t; ++i) p *= u(i);
                                s[0] = 0.9 * s[0] + 0.1 * g;
                                s[1] = 0.999 * s[1] + 0.001 * g * g;
                                const double m = u(t + 1) * s[0] / (1 - p * u(t + 1)) + (1 - u(t)) * g / (1 - p);
                                w -= 0.01 * m / (std::sqrt(s[1] / (1 - std::pow(0.999, t))) + 1e-3);
                            });
    }
}

TEST_CASE("Nadam names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Nadam{{.momentum_decay = -1}}; }) ==
          "Nadam: expected momentum_decay >= 0, received -1");
    CHECK_THROWS_AS(Nadam{{.beta_1 = 1}}, ArgumentError);
    CHECK_THROWS_AS(Nadam{{.beta_2 = 1}}, ArgumentError);
    CHECK_THROWS_AS(Nadam{{.epsilon = -1}}, ArgumentError);
}
