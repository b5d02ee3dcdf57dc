#include <deeprec/optimizers/adagrad.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Adagrad does as its formula", "[optimizers]") {
    rules::check<Adagrad>({.learning_rate = 0.1}, {0.1}, [](double& w, double g, auto& a, double) {
        a[0] += g * g;
        w -= 0.1 * g / std::sqrt(a[0] + 1e-7);
    });
    rules::check<Adagrad>({.learning_rate = 0.1,
                           .initial_accumulator_value = 0,
                           .epsilon = 1e-3,
                           .learning_rate_decay = 0.5,
                           .rule = UpdateRule::torch},
                          {}, [](double& w, double g, auto& a, double t) {
                              a[0] += g * g;
                              w -= 0.1 / (1 + (t - 1) * 0.5) * g / (std::sqrt(a[0]) + 1e-3);
                          });
}

TEST_CASE("Adagrad names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Adagrad{{.initial_accumulator_value = -1}}; }) ==
          "Adagrad: expected initial_accumulator_value >= 0, received -1");
    CHECK_THROWS_AS(Adagrad{{.epsilon = -1}}, ArgumentError);
    CHECK_THROWS_AS(Adagrad{{.learning_rate_decay = std::nan("")}}, ArgumentError);
}
