/// The models of the groups `models` and `fit`, by their configuration.
#pragma once

#include <string>
#include <utility>

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/models/two_tower.hpp>

#include "support/oracle.hpp"

namespace oracle {

template <class T>
auto cnn_tower(const Json& layers) {
    using namespace deeprec;
    return Sequential{Conv1D<T, ReLU>{layers[0]["filters"], layers[0]["kernel_size"]},
                      MaxPool1D<T>{layers[1]["pool_size"]},
                      Conv1D<T, ReLU>{layers[2]["filters"], layers[2]["kernel_size"]},
                      MaxPool1D<T>{layers[3]["pool_size"]}, Flatten<T>{}};
}
template <class T>
auto rnn_tower(const Json& layers) {
    using namespace deeprec;
    return Sequential{LSTM<T, ReturnSequences>{layers[0]["units"]}, LSTM<T>{layers[1]["units"]}};
}
template <class T>
auto gru_tower(const Json& layers) {
    using namespace deeprec;
    return Sequential{GRU<T, ReturnSequences>{layers[0]["units"]}, GRU<T>{layers[1]["units"]}};
}
template <class T>
auto dense_head(const Json& layers) {
    using namespace deeprec;
    return Sequential{Dense<T, ReLU>{layers[0]["units"]}, Dense<T, Sigmoid>{layers[1]["units"]}};
}
/// One tower and its head as the Sequential of all their layers.
template <class... Tower, class... Head>
auto chain(const deeprec::Sequential<Tower...>& tower, const deeprec::Sequential<Head...>& head) {
    return [&]<std::size_t... I, std::size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>) {
        return deeprec::Sequential{tower.template layer<I>()..., head.template layer<J>()...};
    }(std::index_sequence_for<Tower...>{}, std::index_sequence_for<Head...>{});
}

// layers without parameters have no name in the configuration
inline std::string layer_name(const Json& layers, std::size_t number) { return layers.at(number)["name"]; }

/// Calls f(model, the config's name of each of its parameters) with the built TwoTower of these parts. The head has
/// `unnamed` layers before those of the configuration.
template <class T, class Tower, class Head, class F>
void with_pair(const Case<T>& c, const Tower& user, const Tower& item, const Head& head, const deeprec::Shape& sample,
               F&& f, std::size_t unnamed = 0) {
    deeprec::TwoTower model{user, item, head};
    model.build({sample, sample}, deeprec::Seed{1});
    f(model, [&](const std::string& path) {  // "user.2.kernel"
        const auto dot = path.find('.'), next = path.find('.', dot + 1);
        const std::string part = path.substr(0, dot);
        const std::size_t number = std::stoul(path.substr(dot + 1, next - dot - 1));
        const Json& towers = c.config["towers"];
        return (part == "head"   ? "head." + layer_name(c.config["head"], number - unnamed)
                : part == "user" ? "tower0." + layer_name(towers[0], number)
                                 : "tower1." + layer_name(towers[1], number)) +
               path.substr(next);
    });
}
/// As with_pair, with the one tower and its head in a Sequential.
template <class T, class Tower, class Head, class F>
void with_single(const Case<T>& c, const Tower& tower, const Head& head, const deeprec::Shape& sample, F&& f) {
    auto model = chain(tower, head);
    model.build(sample, deeprec::Seed{1});
    f(model, [&](const std::string& path) {  // "5.kernel": the tower's layers, then the head's
        const auto dot = path.find('.');
        const std::size_t number = std::stoul(path.substr(0, dot)), own = Tower::size();
        return (number < own ? "tower0." + layer_name(c.config["towers"][0], number)
                             : "head." + layer_name(c.config["head"], number - own)) +
               path.substr(dot);
    });
}
/// The model of a case on features: convolutions, LSTMs or GRUs, one tower or two.
template <class T, class F>
void with_model(const Case<T>& c, F&& f) {
    const Json& towers = c.config["towers"];
    const std::string first = towers[0][0]["type"];
    const deeprec::Shape sample{c.config["time"], c.config["features"]};
    const auto head = dense_head<T>(c.config["head"]);
    const auto pair = [&](auto make) { with_pair(c, make(towers[0]), make(towers[1]), head, sample, f); };
    const auto with = [&](auto make) {
        if (towers.size() == 1)
            with_single(c, make(towers[0]), head, sample, f);
        else
            pair(make);
    };
    if (first == "conv1d") return with([](const Json& layers) { return cnn_tower<T>(layers); });
    if (first == "lstm") return with([](const Json& layers) { return rnn_tower<T>(layers); });
    if (first == "gru" && towers.size() == 2) return pair([](const Json& layers) { return gru_tower<T>(layers); });
    throw NotApplicable{"models of " + first};
}
/// "in/<prefix>x0", or a Pair of both towers' inputs.
template <class T, class Model>
auto inputs(const Case<T>& c, const Model&, const std::string& prefix = "") {
    if constexpr (requires(Model m) { m.user; })
        return deeprec::Pair{c.template tensor<3>("in/" + prefix + "x0"), c.template tensor<3>("in/" + prefix + "x1")};
    else
        return c.template tensor<3>("in/" + prefix + "x0");
}

}  // namespace oracle
