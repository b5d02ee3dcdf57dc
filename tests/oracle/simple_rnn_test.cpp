#include <deeprec/layers/simple_rnn.hpp>

#include "oracle/rnn.hpp"

using namespace deeprec;

TEST_CASE("SimpleRNN agrees with Keras", "[oracle][simple_rnn]") {
    oracle::run("rnn", "simple_rnn", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c.config, [&]<class Return>(Return) {
            const auto check = [&]<class Activation>(Activation) {
                SimpleRNN<T, Return, Activation> layer{c.config["units"], {}, oracle::simple_rnn_options(c.config)};
                oracle::check_recurrent(c, layer);
            };
            const std::string activation = c.config.value("activation", "tanh");
            if (activation == "tanh") return check(Tanh{});
            if (activation == "relu") return check(relu);
            oracle::Chosen<0>::function = oracle::elementwise(c.config, "activation", "tanh");
            check(oracle::Chosen<0>{});
        });
    });
}
