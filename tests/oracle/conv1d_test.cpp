#include <deeprec/layers/conv1d.hpp>

#include "support/oracle.hpp"

TEST_CASE("Conv1D agrees with Keras", "[oracle][conv1d]") {
    oracle::run("conv1d", "conv1d", []<class T>(oracle::Case<T>& c) {
        oracle::with_activation(c, "activation", [&]<class Activation>(Activation activation) {
            deeprec::Conv1D<T, Activation> layer{c.config["filters"], c.config["kernel_size"], activation,
                                                 {.strides = c.config["strides"],
                                                  .padding = oracle::padding(c.config["padding"]),
                                                  .dilation_rate = c.config["dilation_rate"],
                                                  .use_bias = c.config["use_bias"]}};
            oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
        });
    });
}
