#include <deeprec/layers/conv1d.hpp>

#include "support/oracle.hpp"

TEST_CASE("Conv1D agrees with Keras", "[oracle][conv1d]") {
    oracle::run("conv1d", "conv1d", []<class T>(oracle::Case<T>& c) {
        c.config.only({"filters", "kernel_size", "strides", "padding", "dilation_rate", "activation", "negative_slope",
                       "alpha", "use_bias"});
        oracle::with_activation(c.config, "activation", [&]<class Activation>(Activation activation) {
            deeprec::Conv1D<T, Activation> layer{c.config["filters"],
                                                 c.config["kernel_size"],
                                                 activation,
                                                 {.strides = c.config.value("strides", deeprec::Index(1)),
                                                  .padding = oracle::padding(c.config),
                                                  .dilation_rate = c.config.value("dilation_rate", deeprec::Index(1)),
                                                  .use_bias = c.config.value("use_bias", true)}};
            oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
        });
    });
}
