/// The models of the groups `models` and `fit`, by their configuration.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/models/two_tower.hpp>

#include "oracle/any_layer.hpp"
#include "oracle/rnn.hpp"

namespace oracle {

/// A slot that changes nothing.
template <class Slot>
Slot empty_slot() {
    return Slot{deeprec::Activation<typename Slot::Scalar>{}};
}

/// Calls f with one of the activations that models have.
template <class F>
void with_model_activation(const Config& o, F&& f) {
    const std::string name = o.value("activation", "linear");
    if (name == "linear") return f(deeprec::linear);
    if (name == "relu") return f(deeprec::relu);
    if (name == "sigmoid") return f(deeprec::sigmoid);
    if (name == "tanh") return f(deeprec::Tanh{});
    if (name == "gelu") return f(deeprec::gelu);
    if (name == "swish" || name == "silu") return f(deeprec::swish);
    throw NotApplicable{"activation " + name + " in a model"};
}
template <class Slot>
Slot dense_slot(const Config& o) {
    using T = typename Slot::Scalar;
    o.only({"type", "name", "units", "activation", "use_bias"});
    Slot slot;
    with_model_activation(o, [&]<class A>(A activation) {
        slot = Slot{deeprec::Dense<T, A>{o["units"], activation, {.use_bias = o.value("use_bias", true)}}};
    });
    return slot;
}
/// A layer over numbers.
template <class Slot>
Slot layer_slot(const Config& o) {
    using namespace deeprec;
    using T = typename Slot::Scalar;
    const std::string type = o["type"];
    const auto global = [&]<template <class, bool> class Pool>() {
        o.only({"type", "name", "keepdims"});
        return o.value("keepdims", false) ? Slot{Pool<T, true>{}} : Slot{Pool<T, false>{}};
    };
    const auto windows = [&]<class Pool>(Pool*) {
        o.only({"type", "name", "pool_size", "strides", "padding"});
        return Slot{Pool{o["pool_size"], {.strides = o.value("strides", Index(0)), .padding = padding(o)}}};
    };
    Slot slot;
    if (type == "dense") return dense_slot<Slot>(o);
    if (type == "conv1d") {
        o.only({"type", "name", "filters", "kernel_size", "strides", "padding", "dilation_rate", "activation",
                "use_bias"});
        with_model_activation(o, [&]<class A>(A activation) {
            slot = Slot{Conv1D<T, A>{o["filters"],
                                     o["kernel_size"],
                                     activation,
                                     {.strides = o.value("strides", Index(1)),
                                      .padding = padding(o),
                                      .dilation_rate = o.value("dilation_rate", Index(1)),
                                      .use_bias = o.value("use_bias", true)}}};
        });
        return slot;
    }
    if (type == "max_pool1d") return windows(static_cast<MaxPool1D<T>*>(nullptr));
    if (type == "average_pool1d") return windows(static_cast<AveragePool1D<T>*>(nullptr));
    if (type == "global_max_pool1d") return global.template operator()<GlobalMaxPool1D>();
    if (type == "global_average_pool1d") return global.template operator()<GlobalAveragePool1D>();
    if (type == "flatten") return Slot{Flatten<T>{}};
    if (type == "layer_norm") {
        o.only({"type", "name", "epsilon"});
        return Slot{LayerNorm<T>{{.epsilon = o.value("epsilon", 1e-3)}}};
    }
    if (type == "lstm" || type == "gru" || type == "simple_rnn") {
        o.only({"type", "name", "units", "activation", "recurrent_activation", "return_sequences", "go_backwards",
                "use_bias", "reset_after"});
        with_return(o, [&](auto returned) {
            with_cell<T>(type, o, [&](const auto& make) { slot = Slot{make(o["units"], returned)}; });
        });
        return slot;
    }
    throw NotApplicable{"layer " + type + " in a model"};
}
/// Activations of recurrent layers that are chosen at run time are chosen once for all of a model.
inline void check_one_choice(const Json& towers) {
    std::set<std::string> choices;
    for (const Json& tower : towers)
        for (const Json& layer : tower) {
            const Config o(layer);
            const std::string type = o["type"];
            if (type != "lstm" && type != "gru" && type != "simple_rnn") continue;
            const std::string both = o.value("activation", "tanh") + " " + o.value("recurrent_activation", "sigmoid");
            if (type == "simple_rnn" || both != "tanh sigmoid") choices.insert(both);
        }
    if (choices.size() > 1) throw NotApplicable{"several activations of recurrent layers in a model"};
}

/// Layers [begin, end), each made by `make(its configuration)`, as one: a pair of the first and one of the others, and
/// so on, so that models of any depth have the same type. The number of a layer is the sum of the numbers in its name:
/// "0.kernel", "1.0.kernel", "1.1.0.kernel", "1.1.1.kernel".
template <class Slot, class Make>
Slot chain(const Json& layers, std::size_t begin, std::size_t end, const Make& make) {
    if (begin == end) return empty_slot<Slot>();
    if (begin + 1 == end) return make(Config(layers.at(begin)));
    return Slot{deeprec::Sequential{make(Config(layers.at(begin))), chain<Slot>(layers, begin + 1, end, make)}};
}

/// The first layer, all others as one, and a last one that changes nothing.
template <class T, class Element>
auto tower(const Json& layers) {
    using namespace deeprec;
    using First = AnyLayer<T, Element, any_rank>;
    using Slot = AnyLayer<T, T, any_rank>;
    if (layers.empty()) throw NotApplicable{"a tower without layers"};
    const auto first = [&] {
        if constexpr (std::is_same_v<Element, T>) {
            return layer_slot<First>(layers.at(0));
        } else {
            const Config o(layers.at(0));
            o.only({"type", "name", "input_dim", "output_dim", "mask_zero"});
            if (o["type"] != "embedding") throw NotApplicable{"a tower on ids and one on numbers"};
            return First{Embedding<T>{o["input_dim"], o["output_dim"], {.mask_zero = o.value("mask_zero", false)}}};
        }
    };
    return Sequential{first(), chain<Slot>(layers, 1, layers.size(), layer_slot<Slot>),
                      empty_slot<AnyLayer<T, T, 2>>()};
}

/// first..., the Dense layers of a head from number `begin` on as one, and the last, which has a sigmoid that a loss
/// can see.
template <class T, class... First>
auto head(const Json& layers, std::size_t begin, const First&... first) {
    using Slot = AnyLayer<T, T, 2>;
    const std::size_t last = layers.size() - 1;
    if (last < begin) throw NotApplicable{"a head of " + std::to_string(layers.size()) + " layers"};
    const Config o(layers.at(last));
    o.only({"type", "name", "units", "activation", "use_bias"});
    for (std::size_t i = begin; i <= last; ++i)
        if (Config(layers.at(i))["type"] != "dense") throw NotApplicable{"a head of other layers than dense"};
    if (o["activation"] != "sigmoid") throw NotApplicable{"a model that ends in " + o["activation"].dump()};
    return deeprec::Sequential{
        first..., chain<Slot>(layers, begin, last, dense_slot<Slot>),
        deeprec::Dense<T, deeprec::Sigmoid>{o["units"], {}, {.use_bias = o.value("use_bias", true)}}};
}

/// Where "1.0.kernel" of a tower or head is.
struct Place {
    std::size_t slot = 0, number = 0;  ///< the first number, the sum of all
    std::string rest;                  ///< ".kernel"
};
inline Place place(const std::string& path) {
    Place found;
    std::size_t at = 0;
    for (bool first = true; at < path.size() && path[at] >= '0' && path[at] <= '9'; first = false) {
        const auto dot = path.find('.', at);
        const std::size_t number = std::stoul(path.substr(at, dot - at));
        if (first) found.slot = number;
        found.number += number;
        at = dot + 1;
    }
    found.rest = path.substr(at - 1);
    return found;
}
/// The configuration's name of a parameter of a head, whose first `unnamed` slots have none and whose last is `last`.
inline std::string head_name(const Json& layers, const std::string& path, std::size_t last, std::size_t unnamed) {
    const Place p = place(path);
    const std::size_t i = p.slot == last ? layers.size() - 1 : p.number - unnamed;
    return "head." + Config(layers.at(i)).value("name", "") + p.rest;
}
inline std::string tower_name(const Json& towers, std::size_t which, const std::string& path) {
    const Place p = place(path);
    return "tower" + std::to_string(which) + "." + Config(towers.at(which).at(p.number)).value("name", "") + p.rest;
}

/// f(model, the configuration's name of each of its parameters, its inputs by their prefix), built.
template <class T, class Element, class F>
void with_single(const Case<T>& c, F&& f) {
    const Json &towers = c.config["towers"], &layers = c.config["head"];
    constexpr int rank = std::is_same_v<Element, T> ? 3 : 2;
    const auto inputs = [&](const std::string& prefix) {
        return c.template tensor<rank, Element>("in/" + prefix + "x0");
    };
    deeprec::Sequential model{tower<T, Element>(towers.at(0)), head<T>(layers, 0)};
    model.build(sample_shape(inputs("")), deeprec::Seed{1});
    f(
        model,
        [&](const std::string& path) {  // "0.1.0.kernel": the tower's layers, "1.0.kernel": the head's
            return path[0] == '0' ? tower_name(towers, 0, path.substr(2)) : head_name(layers, path.substr(2), 1, 0);
        },
        inputs);
}
template <class T, class Element, class Head, class F>
void with_pair(const Case<T>& c, const Head& head, std::size_t unnamed, F&& f) {
    const Json &towers = c.config["towers"], &layers = c.config["head"];
    constexpr int rank = std::is_same_v<Element, T> ? 3 : 2;
    const auto inputs = [&](const std::string& prefix) {
        return deeprec::Pair{c.template tensor<rank, Element>("in/" + prefix + "x0"),
                             c.template tensor<rank, Element>("in/" + prefix + "x1")};
    };
    deeprec::TwoTower model{tower<T, Element>(towers.at(0)), tower<T, Element>(towers.at(1)), head};
    const auto x = inputs("");
    model.build({sample_shape(x.user), sample_shape(x.item)}, deeprec::Seed{1});
    f(
        model,
        [&](const std::string& path) {  // "user.2.kernel"
            const std::string part = path.substr(0, 4), rest = path.substr(5);
            return part == "head" ? head_name(layers, rest, Head::size() - 1, unnamed)
                                  : tower_name(towers, part == "item", rest);
        },
        inputs);
}
template <class T, class Element, class F>
void with_towers(const Case<T>& c, F&& f) {
    using namespace deeprec;
    const Json &towers = c.config["towers"], &layers = c.config["head"];
    const std::string merge = c.config.value("merge", "");
    if (towers.size() == 1) return with_single<T, Element>(c, f);
    if (towers.size() != 2) throw NotApplicable{std::to_string(towers.size()) + " towers"};
    if (merge == "dot") return with_pair<T, Element>(c, head<T>(layers, 0, BasicDot<T>{.normalize = true}), 1, f);
    if (merge != "concat") throw NotApplicable{"merge " + merge};
    const Config first(layers.at(0));
    first.only({"type", "name", "units", "activation", "use_bias"});
    const bool use_bias = first.value("use_bias", true);
    if (layers.size() == 1) {
        if (first.value("activation", "linear") != "sigmoid") throw NotApplicable{"a model that ends in no sigmoid"};
        return with_pair<T, Element>(c, Sequential{Dense<T, Sigmoid>{first["units"], {}, {.use_bias = use_bias}}}, 0,
                                     f);
    }
    if (first.value("activation", "linear") == "relu")
        return with_pair<T, Element>(c, head<T>(layers, 1, Dense<T, ReLU>{first["units"], {}, {.use_bias = use_bias}}),
                                     0, f);
    Chosen<2>::function = elementwise(first, "activation", "linear");
    with_pair<T, Element>(c, head<T>(layers, 1, Dense<T, Chosen<2>>{first["units"], {}, {.use_bias = use_bias}}), 0, f);
}
/// The model of a case on features or ids, one tower or two.
template <class T, class F>
void with_model(const Case<T>& c, F&& f) {
    const Json& towers = c.config["towers"];
    check_one_choice(towers);
    if (Config(towers.at(0).at(0))["type"] == "embedding")
        with_towers<T, std::int32_t>(c, f);
    else
        with_towers<T, T>(c, f);
}

}  // namespace oracle
