#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/sequential.hpp>

#include "oracle/rnn.hpp"

using namespace deeprec;

namespace {

/// Calls f with the two activations of the case: the pairs that the vectors have, as each takes seconds to compile.
template <class T, class F>
void with_activations(const oracle::Case<T>& c, F&& f) {
    const std::string activation = c.config["activation"], gate = c.config["recurrent_activation"];
    if (activation == "tanh" && gate == "sigmoid") return f(deeprec::tanh, sigmoid);
    if (activation == "relu" && gate == "sigmoid") return f(relu, sigmoid);
    if (activation == "tanh" && gate == "hard_sigmoid") return f(deeprec::tanh, hard_sigmoid);
    throw std::runtime_error("no LSTM in this test has activations " + activation + " and " + gate);
}

}  // namespace

TEST_CASE("LSTM agrees with Keras", "[oracle][lstm]") {
    oracle::run("rnn", "lstm", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c, [&]<class Return>(Return) {
            with_activations(c, [&]<class Activation, class Gate>(Activation, Gate) {
                const LSTMOptions options{.go_backwards = c.config["go_backwards"], .use_bias = c.config["use_bias"]};
                LSTM<T, Return, Activation, Gate> layer{c.config["units"], {}, options};
                oracle::check_recurrent(c, layer);
            });
        });
    });
}
