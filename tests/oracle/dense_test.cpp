#include <deeprec/layers/dense.hpp>

#include "support/oracle.hpp"

TEST_CASE("Dense agrees with Keras", "[oracle][dense]") {
    oracle::run("dense", "dense", []<class T>(oracle::Case<T>& c) {
        c.config.only({"units", "activation", "negative_slope", "alpha", "use_bias"});
        oracle::with_activation(c.config, "activation", [&]<class Activation>(Activation activation) {
            deeprec::Dense<T, Activation> layer{
                c.config["units"], activation, {.use_bias = c.config.value("use_bias", true)}};
            c.with_tensor("in/x", [&](const auto& x) { oracle::check_layer(c, layer, x); });
        });
    });
}
