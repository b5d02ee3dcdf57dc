#include <deeprec/optimizers/radam.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("RAdam does as its formula, before and after its variance is certain", "[optimizers]") {
    rules::check<RAdam>(
        {.learning_rate = 0.01, .beta_2 = 0.99, .epsilon = 1e-3}, {}, [](double& w, double g, auto& s, double t) {
            s[0] = 0.9 * s[0] + 0.1 * g;
            s[1] = 0.99 * s[1] + 0.01 * g * g;
            const double c = 1 - std::pow(0.99, t), m = s[0] / (1 - std::pow(0.9, t)), infinite = 199;
            const double r = infinite - 2 * t * std::pow(0.99, t) / c;
            if (t < 6) CHECK(r <= 5);
            if (r <= 5) {
                w -= 0.01 * m;
            } else {
                const double rectify = std::sqrt((r - 4) * (r - 2) * infinite / ((infinite - 4) * (infinite - 2) * r));
                w -= 0.01 * m * rectify * std::sqrt(c) / (std::sqrt(s[1]) + 1e-3);
            }
        });
}

TEST_CASE("RAdam adds weight decay to the gradient, and names options without meaning", "[optimizers]") {
    CHECK(rules::decayed<RAdam>({.learning_rate = 0.5, .weight_decay = 0.5})[1] == Approx(-1.5));
    CHECK(message_of<ArgumentError>([] { RAdam{{.beta_2 = 1}}; }) == "RAdam: expected beta_2 in [0, 1), received 1");
    CHECK_THROWS_AS(RAdam{{.beta_1 = 1}}, ArgumentError);
    CHECK_THROWS_AS(RAdam{{.epsilon = -1}}, ArgumentError);
}
