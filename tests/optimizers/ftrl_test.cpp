#include <deeprec/optimizers/ftrl.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Ftrl does as its formula", "[optimizers]") {
    rules::check<Ftrl>({.learning_rate = 0.1,
                        .l1_regularization_strength = 0.25,
                        .l2_regularization_strength = 0.5,
                        .l2_shrinkage_regularization_strength = 0.125,
                        .beta = 0.5},
                       {0.1}, [](double& w, double g, auto& s, double) {
                           const double a = s[0] + g * g, l2 = 0.5 + 0.5 / (2 * 0.1);
                           s[1] += g + 2 * 0.125 * w - (std::sqrt(a) - std::sqrt(s[0])) / 0.1 * w;
                           s[0] = a;
                           w = (std::min(std::max(s[1], -0.25), 0.25) - s[1]) / (std::sqrt(a) / 0.1 + 2 * l2);
                       });
}

TEST_CASE("Ftrl's L1 gives exact zeros, and a rate of 0 changes nothing", "[optimizers]") {
    rules::Model<float> model(3, 1, 1);
    auto gradients = model.zero_gradients();
    gradients.bias.setValues({0.5f, -0.5f, 4});
    Ftrl optimizer{{.learning_rate = 0.1, .l1_regularization_strength = 3}};
    optimizer.set_learning_rate(0);
    const float before = model.bias(2);
    optimizer.step(model, gradients);
    CHECK(model.bias(2) == before);
    optimizer.set_learning_rate(0.1);
    model.bias.setZero();
    optimizer.step(model, gradients);
    CHECK(model.bias(0) == 0);
    CHECK(model.bias(1) == 0);
    CHECK(model.bias(2) < 0);
}

TEST_CASE("Ftrl names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Ftrl{{.initial_accumulator_value = -1}}; }) ==
          "Ftrl: expected initial_accumulator_value >= 0, received -1");
    CHECK_THROWS_AS(Ftrl{{.l1_regularization_strength = -1}}, ArgumentError);
    CHECK_THROWS_AS(Ftrl{{.l2_regularization_strength = -1}}, ArgumentError);
    CHECK_THROWS_AS(Ftrl{{.l2_shrinkage_regularization_strength = -1}}, ArgumentError);
    CHECK_THROWS_AS(Ftrl{{.beta = -1}}, ArgumentError);
}
