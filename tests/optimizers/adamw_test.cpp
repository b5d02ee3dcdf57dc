#include <deeprec/optimizers/adamw.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("AdamW is Adam after a decay of the weights, under both rules", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch})
        rules::check<AdamW>({.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.5, .rule = rule}, {},
                            [=](double& w, double g, auto& s, double t) {
                                s[0] = 0.9 * s[0] + 0.1 * g;
                                s[1] = 0.999 * s[1] + 0.001 * g * g;
                                const double c_1 = 1 - std::pow(0.9, t), c_2 = std::sqrt(1 - std::pow(0.999, t));
                                w *= 1 - 0.01 * 0.5;
                                w -= rule == UpdateRule::keras ? 0.01 * c_2 / c_1 * s[0] / (std::sqrt(s[1]) + 1e-3)
                                                               : 0.01 / c_1 * s[0] / (std::sqrt(s[1]) / c_2 + 1e-3);
                            });
}

TEST_CASE("AdamW has Keras' weight decay, and names options without meaning", "[optimizers]") {
    CHECK(AdamW{}.options().weight_decay == 0.004);
    CHECK(message_of<ArgumentError>([] { AdamW{{.weight_decay = -1}}; }) ==
          "AdamW: expected weight_decay >= 0, received -1");
    CHECK(message_of<ArgumentError>([] { AdamW{{.beta_2 = 1}}; }) == "AdamW: expected beta_2 in [0, 1), received 1");
}
