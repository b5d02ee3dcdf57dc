#include <deeprec/layers/lstm.hpp>

#include "oracle/rnn.hpp"

using namespace deeprec;

namespace {
struct ReluSigmoid {
    using Activation = ReLU;
    using Gate = Sigmoid;
};
struct TanhHardSigmoid {
    using Activation = Tanh;
    using Gate = HardSigmoid;
};
}  // namespace

TEST_CASE("LSTM agrees with Keras", "[oracle][lstm]") {
    oracle::run("rnn", "lstm", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c.config, [&]<class Return>(Return) {
            const auto check = [&]<class Pair>(Pair) {
                LSTM<T, Return, typename Pair::Activation, typename Pair::Gate> layer{
                    c.config["units"], {}, oracle::lstm_options(c.config)};
                oracle::check_recurrent(c, layer);
            };
            const std::string activation = c.config.value("activation", "tanh"),
                              gate = c.config.value("recurrent_activation", "sigmoid");
            if (activation == "relu" && gate == "sigmoid") return check(ReluSigmoid{});
            if (activation == "tanh" && gate == "hard_sigmoid") return check(TanhHardSigmoid{});
            oracle::with_activations(c.config, check);
        });
    });
}
