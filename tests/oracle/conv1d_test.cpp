#include <deeprec/layers/conv1d.hpp>

#include "support/oracle.hpp"

namespace {

/// Calls f with the activation of the case: those that the vectors have, as each takes seconds to compile.
template <class T, class F>
void with_activation(const oracle::Case<T>& c, F&& f) {
    const std::string name = c.config["activation"];
    if (name == "linear") return f(deeprec::linear);
    if (name == "relu") return f(deeprec::relu);
    if (name == "tanh") return f(deeprec::tanh);
    throw std::runtime_error("no Conv1D in this test has activation " + name);
}

}  // namespace

TEST_CASE("Conv1D agrees with Keras", "[oracle][conv1d]") {
    oracle::run("conv1d", "conv1d", []<class T>(oracle::Case<T>& c) {
        with_activation(c, [&]<class Activation>(Activation activation) {
            deeprec::Conv1D<T, Activation> layer{c.config["filters"], c.config["kernel_size"], activation,
                                                 {.strides = c.config["strides"],
                                                  .padding = oracle::padding(c.config["padding"]),
                                                  .dilation_rate = c.config["dilation_rate"],
                                                  .use_bias = c.config["use_bias"]}};
            oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
        });
    });
}
