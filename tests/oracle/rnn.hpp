/// What the tests of recurrent layers against the reference vectors share.
#pragma once

#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/simple_rnn.hpp>

#include "support/oracle.hpp"

namespace oracle {

/// Calls f with x under the mask of the case, if it has one.
template <class T, class F>
void with_input(const Case<T>& c, F&& f) {
    const Tensor<T, 3> x = c.template tensor<3>("in/x");
    if (!c.has("in/mask")) return f(deeprec::view(x));
    const Tensor<std::uint8_t, 2> mask = c.template tensor<2, std::uint8_t>("in/mask");
    f(deeprec::masked(x, mask));
}

/// Calls f with the Return policy of a configuration.
template <class F>
void with_return(const Config& config, F&& f) {
    if (config.value("return_sequences", false))
        f(deeprec::return_sequences);
    else
        f(deeprec::return_last);
}

// Layers of the configuration's activations: those that models have with their own types, all others chosen at run
// time, as each pair takes seconds to compile.

struct TanhSigmoid {
    using Activation = deeprec::Tanh;
    using Gate = deeprec::Sigmoid;
};
struct AnyActivations {
    using Activation = Chosen<0>;
    using Gate = Chosen<1>;
};
/// Calls f with the pair of activations of an LSTM or GRU.
template <class F>
void with_activations(const Config& config, F&& f) {
    if (config.value("activation", "tanh") == "tanh" && config.value("recurrent_activation", "sigmoid") == "sigmoid")
        return f(TanhSigmoid{});
    AnyActivations::Activation::function = elementwise(config, "activation", "tanh");
    AnyActivations::Gate::function = elementwise(config, "recurrent_activation", "sigmoid");
    f(AnyActivations{});
}

inline deeprec::LSTMOptions lstm_options(const Config& config) {
    return {.go_backwards = config.value("go_backwards", false), .use_bias = config.value("use_bias", true)};
}
inline deeprec::GRUOptions gru_options(const Config& config) {
    return {.go_backwards = config.value("go_backwards", false),
            .use_bias = config.value("use_bias", true),
            .reset_after = config.value("reset_after", true)};
}
inline deeprec::SimpleRNNOptions simple_rnn_options(const Config& config) {
    return {.go_backwards = config.value("go_backwards", false), .use_bias = config.value("use_bias", true)};
}

/// Calls f with make(units, Return), which gives layers of a kind ("lstm", "gru", "simple_rnn") and configuration.
template <class T, class F>
void with_cell(const std::string& kind, const Config& config, F&& f) {
    using namespace deeprec;
    if (kind == "lstm")
        return with_activations(config, [&]<class Pair>(Pair) {
            f([&]<class Return>(Index units, Return) {
                return LSTM<T, Return, typename Pair::Activation, typename Pair::Gate>{units, {}, lstm_options(config)};
            });
        });
    if (kind == "gru")
        return with_activations(config, [&]<class Pair>(Pair) {
            f([&]<class Return>(Index units, Return) {
                return GRU<T, Return, typename Pair::Activation, typename Pair::Gate>{units, {}, gru_options(config)};
            });
        });
    if (kind != "simple_rnn") throw NotApplicable{"recurrent layer " + kind};
    Chosen<0>::function = elementwise(config, "activation", "tanh");
    f([&]<class Return>(Index units, Return) {
        return SimpleRNN<T, Return, Chosen<0>>{units, {}, simple_rnn_options(config)};
    });
}

/// check_layer for a recurrent layer with states: their values and gradients too.
template <class T, class L, class X>
void check_states(Case<T>& c, L& layer, const X& x) {
    const auto each_part = [](auto& state, const auto& f) {
        f("h", state.h);
        if constexpr (requires { state.c; }) f("c", state.c);
    };
    layer.build({x.extent(1), x.extent(2)}, deeprec::Seed{1});
    c.load(layer);
    typename L::State initial, up;
    each_part(initial, [&](const std::string& part, auto& values) {
        if (c.has("in/" + part + "0")) values = c.template tensor<2>("in/" + part + "0");
    });
    each_part(up, [&](const std::string& part, auto& values) {
        if (c.has("up/" + part)) values = c.template tensor<2>("up/" + part);
    });
    typename L::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(x, initial, cache, deeprec::Training{});
    c.close("out/y", y);
    each_part(layer.final_state(cache),
              [&](const std::string& part, const auto& values) { c.close_if("out/" + part, values); });
    if (!c.has("up/y")) return;
    const auto dy = c.template tensor<deeprec::rank_of<decltype(y)>>("up/y");
    c.close_if("grad/x", layer.backward(dy, up, cache, gradients));
    c.close_gradients(deeprec::parameter_list(layer, gradients));
    each_part(layer.initial_state_gradient(cache), [&](const std::string& part, const auto& values) {
        if (c.has("in/" + part + "0")) c.close_if("grad/" + part + "0", values);
    });
}

/// Checks a recurrent layer by the case's input, with states where the case has them.
template <class T, class L>
void check_recurrent(Case<T>& c, L& layer) {
    c.config.only({"units", "activation", "recurrent_activation", "negative_slope", "alpha", "return_sequences",
                   "return_state", "go_backwards", "use_bias", "reset_after", "has_mask", "has_initial_state"});
    with_input(c, [&](const auto& x) {
        if (c.has("in/h0") || c.has("in/c0") || c.has("out/h") || c.has("out/c"))
            check_states(c, layer, x);
        else
            check_layer(c, layer, x);
    });
}

}  // namespace oracle
