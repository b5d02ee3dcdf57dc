#include <deeprec/optimizers/sgd.hpp>

#include <cmath>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("SGD does as its formula", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch}) {
        rules::check<SGD>({.learning_rate = 0.1, .rule = rule}, {},
                          [](double& w, double g, auto&, double) { w -= 0.1 * g; });
        for (const bool nesterov : {false, true})
            rules::check<SGD>({.learning_rate = 0.1, .momentum = 0.9, .nesterov = nesterov, .rule = rule}, {},
                              [=](double& w, double g, auto& b, double) {
                                  b[0] = 0.9 * b[0] + g;
                                  w -= 0.1 * (nesterov ? g + 0.9 * b[0] : b[0]);
                              });
    }
    rules::check<SGD>({.learning_rate = 0.1, .momentum = 0.5, .dampening = 0.25, .rule = UpdateRule::torch}, {},
                      [](double& w, double g, auto& b, double t) {
                          b[0] = 0.5 * b[0] + (t == 1 ? 1 : 0.75) * g;
                          w -= 0.1 * b[0];
                      });
}

TEST_CASE("A smaller rate slows Keras' momentum down later than PyTorch's", "[optimizers]") {
    const auto moved = [](UpdateRule rule) {
        rules::Model<double> model(1, 1, 1);
        auto gradients = model.zero_gradients();
        gradients.bias(0) = 1;
        SGD optimizer{{.learning_rate = 1, .momentum = 0.5, .rule = rule}};
        optimizer.step(model, gradients);
        const double before = model.bias(0);
        optimizer.set_learning_rate(0.5);
        optimizer.step(model, gradients);
        return before - model.bias(0);
    };
    CHECK(moved(UpdateRule::keras) == Approx(0.5 * 1 + 0.5));
    CHECK(moved(UpdateRule::torch) == Approx(0.5 * (0.5 + 1)));
}

TEST_CASE("SGD decays weights by Keras' or PyTorch's rule", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch})  // the same without momentum
        CHECK(rules::decayed<SGD>({.learning_rate = 0.5, .weight_decay = 0.5, .rule = rule})[1] == -1.5);
    const SgdOptions options{.learning_rate = 0.5, .momentum = 0.5, .weight_decay = 0.5, .rule = UpdateRule::torch};
    CHECK(rules::decayed<SGD>(options, 2)[0] == Approx(0.75 - 0.5 * (0.5 * 0.5 + 0.5 * 0.75)));
}

TEST_CASE("SGD names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { SGD{{.momentum = 1}}; }) == "SGD: expected momentum in [0, 1), received 1");
    CHECK(message_of<ArgumentError>([] { SGD{{.dampening = 0.5}}; }) ==
          "SGD: dampening is for PyTorch's rule without nesterov");
}
