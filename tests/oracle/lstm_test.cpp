#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

/// Calls f with x under the mask of the case, if it has one.
template <class T, class F>
void with_input(const oracle::Case<T>& c, F&& f) {
    const Tensor<T, 3> x = c.template tensor<3>("in/x");
    if (!c.has("in/mask")) return f(view(x));
    const Tensor<std::uint8_t, 2> mask = c.template tensor<2, std::uint8_t>("in/mask");
    f(masked(x, mask));
}

/// Calls f with the Return policy that the case asks for.
template <class T, class F>
void with_return(const oracle::Case<T>& c, F&& f) {
    if (c.config["return_sequences"])
        f(return_sequences);
    else
        f(return_last);
}

/// Calls f with the two activations of the case: the pairs that the vectors have, as each takes seconds to compile.
template <class T, class F>
void with_activations(const oracle::Case<T>& c, F&& f) {
    const std::string activation = c.config["activation"], gate = c.config["recurrent_activation"];
    if (activation == "tanh" && gate == "sigmoid") return f(deeprec::tanh, sigmoid);
    if (activation == "relu" && gate == "sigmoid") return f(relu, sigmoid);
    if (activation == "tanh" && gate == "hard_sigmoid") return f(deeprec::tanh, hard_sigmoid);
    throw std::runtime_error("no LSTM in this test has activations " + activation + " and " + gate);
}

/// check_layer for an LSTM with states: their values and gradients too.
template <class T, class L, class X>
void check_states(oracle::Case<T>& c, L& layer, const X& x) {
    layer.build({x.extent(1), x.extent(2)}, Seed{1});
    c.load(layer);
    typename L::State initial, up;
    if (c.has("in/h0")) initial = {c.template tensor<2>("in/h0"), c.template tensor<2>("in/c0")};
    if (c.has("up/h")) up = {c.template tensor<2>("up/h"), c.template tensor<2>("up/c")};
    typename L::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(x, initial, cache, Training{});
    c.close("out/y", y);
    if (c.has("out/h")) {
        c.close("out/h", layer.final_state(cache).h);
        c.close("out/c", layer.final_state(cache).c);
    }
    const auto dy = c.template tensor<rank_of<decltype(y)>>("up/y");
    c.close("grad/x", layer.backward(dy, up, cache, gradients));
    for_each_parameter(std::as_const(layer), gradients, [&](std::string_view name, const auto&, const auto& gradient) {
        c.close("grad/" + std::string(name), gradient);
    });
    if (c.has("in/h0")) {
        c.close("grad/h0", layer.initial_state_gradient(cache).h);
        c.close("grad/c0", layer.initial_state_gradient(cache).c);
    }
}

}  // namespace

TEST_CASE("LSTM agrees with Keras", "[oracle][lstm]") {
    oracle::run("rnn", "lstm", []<class T>(oracle::Case<T>& c) {
        with_return(c, [&]<class Return>(Return) {
            with_activations(c, [&]<class Activation, class Gate>(Activation, Gate) {
                const LSTMOptions options{.go_backwards = c.config["go_backwards"], .use_bias = c.config["use_bias"]};
                LSTM<T, Return, Activation, Gate> layer{c.config["units"], {}, options};
                with_input(c, [&](const auto& x) {
                    if (c.config["return_state"] || c.config["has_initial_state"])
                        check_states(c, layer, x);
                    else
                        oracle::check_layer(c, layer, x);
                });
            });
        });
    });
}

TEST_CASE("stacked LSTM agree with Keras", "[oracle][lstm]") {
    oracle::run("rnn", "stacked_rnn", []<class T>(oracle::Case<T>& c) {
        if (c.config["cell"] != "lstm") throw oracle::NotApplicable{"cell " + std::string(c.config["cell"])};
        with_return(c, [&]<class Return>(Return) {
            Sequential model{LSTM<T, ReturnSequences>{c.config["units"][0]}, LSTM<T, Return>{c.config["units"][1]}};
            with_input(c, [&](const auto& x) {
                model.build({x.extent(1), x.extent(2)}, Seed{1});
                c.load(model, [](const std::string& name) { return "layer" + name; });
                typename decltype(model)::Cache cache;
                auto gradients = model.zero_gradients();
                const auto y = model.forward(x, cache, Training{});
                c.close("out/y", y);
                c.close("grad/x", model.backward(c.template tensor<rank_of<decltype(y)>>("up/y"), cache, gradients));
                for_each_parameter(std::as_const(model), gradients,
                                   [&](std::string_view name, const auto&, const auto& gradient) {
                                       c.close("grad/layer" + std::string(name), gradient);
                                   });
            });
        });
    });
}
