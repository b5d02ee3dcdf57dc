#include <deeprec/layers/gru.hpp>

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

TEST_CASE("GRU agrees with Keras", "[oracle][gru]") {
    oracle::run("rnn", "gru", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c.config, [&]<class Return>(Return) {
            const auto check = [&]<class Pair>(Pair) {
                GRU<T, Return, typename Pair::Activation, typename Pair::Gate> layer{
                    c.config["units"], {}, oracle::gru_options(c.config)};
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
