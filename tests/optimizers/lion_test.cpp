#include <deeprec/optimizers/lion.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Lion does as its formula", "[optimizers]") {
    rules::check<Lion>({.learning_rate = 0.01}, {}, [](double& w, double g, auto& m, double) {
        const double direction = 0.9 * m[0] + 0.1 * g;
        w -= 0.01 * (direction > 0 ? 1 : direction < 0 ? -1 : 0);
        m[0] = 0.99 * m[0] + 0.01 * g;
    });
}

TEST_CASE("Lion stays where there is no gradient, and decays weights on their own", "[optimizers]") {
    CHECK(rules::decayed<Lion>({.learning_rate = 0.5})[1] == -2);
    CHECK(rules::decayed<Lion>({.learning_rate = 0.5, .weight_decay = 0.5})[1] == -1.5);
    CHECK(message_of<ArgumentError>([] { Lion{{.beta_1 = 1}}; }) == "Lion: expected beta_1 in [0, 1), received 1");
    CHECK_THROWS_AS(Lion{{.beta_2 = -1}}, ArgumentError);
}
