#include <deeprec/layers/simple_rnn.hpp>

#include "oracle/rnn.hpp"

using namespace deeprec;

TEST_CASE("SimpleRNN agrees with Keras", "[oracle][simple_rnn]") {
    oracle::run("rnn", "simple_rnn", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c, [&]<class Return>(Return) {
            const SimpleRNNOptions options{.go_backwards = c.config["go_backwards"], .use_bias = c.config["use_bias"]};
            const auto check = [&]<class Activation>(Activation) {
                SimpleRNN<T, Return, Activation> layer{c.config["units"], {}, options};
                oracle::check_recurrent(c, layer);
            };
            if (c.config["activation"] == "tanh") return check(deeprec::tanh);
            if (c.config["activation"] == "relu") return check(relu);
            throw std::runtime_error("no SimpleRNN in this test has activation " + c.config["activation"].dump());
        });
    });
}
