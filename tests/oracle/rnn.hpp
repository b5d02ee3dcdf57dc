/// What the tests of recurrent layers against the reference vectors share.
#pragma once

#include <deeprec/layers/recurrent.hpp>

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

/// Calls f with the Return policy that the case asks for.
template <class T, class F>
void with_return(const Case<T>& c, F&& f) {
    if (c.config["return_sequences"])
        f(deeprec::return_sequences);
    else
        f(deeprec::return_last);
}

/// check_layer for a layer or model over sequences, whose parameters the case has under other names; `gradient_of_x` is
/// empty for ids.
template <class T, class Model, class X, class Rename>
void check_model(Case<T>& c, Model& model, const deeprec::Shape& sample, const X& x, const std::string& gradient_of_x,
                 const Rename& rename) {
    model.build(sample, deeprec::Seed{1});
    c.load(model, rename);
    typename Model::Cache cache;
    auto gradients = model.zero_gradients();
    const auto y = model.forward(x, cache, deeprec::Training{});
    c.close("out/y", y);
    const auto dx = model.backward(c.template tensor<deeprec::rank_of<decltype(y)>>("up/y"), cache, gradients);
    if constexpr (!std::is_same_v<std::remove_const_t<decltype(dx)>, deeprec::NoGradient>) c.close(gradient_of_x, dx);
    for_each_parameter(std::as_const(model), gradients, [&](std::string_view name, const auto&, const auto& gradient) {
        c.close("grad/" + rename(std::string(name)), gradient);
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
    each_part(layer.final_state(cache), [&](const std::string& part, const auto& values) {
        if (c.has("out/" + part)) c.close("out/" + part, values);
    });
    const auto dy = c.template tensor<deeprec::rank_of<decltype(y)>>("up/y");
    c.close("grad/x", layer.backward(dy, up, cache, gradients));
    for_each_parameter(std::as_const(layer), gradients, [&](std::string_view name, const auto&, const auto& gradient) {
        c.close("grad/" + std::string(name), gradient);
    });
    each_part(layer.initial_state_gradient(cache), [&](const std::string& part, const auto& values) {
        if (c.has("in/" + part + "0")) c.close("grad/" + part + "0", values);
    });
}

/// Checks a recurrent layer by the case's input, with states where the case has them.
template <class T, class L>
void check_recurrent(Case<T>& c, L& layer) {
    with_input(c, [&](const auto& x) {
        if (c.config["return_state"] || c.config["has_initial_state"])
            check_states(c, layer, x);
        else
            check_layer(c, layer, x);
    });
}

}  // namespace oracle
