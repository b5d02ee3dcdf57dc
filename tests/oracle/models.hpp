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

/// Calls f(model, the config's name of each of its parameters) with the built model of a case: convolutions, LSTMs
/// or GRUs, one tower or two.
template <class T, class F>
void with_model(const Case<T>& c, F&& f) {
    const Json &towers = c.config["towers"], &head = c.config["head"];
    const std::string first = towers[0][0]["type"];
    if (first != "conv1d" && first != "lstm" && first != "gru") throw NotApplicable{"models of " + first};
    const deeprec::Shape sample{c.config["time"], c.config["features"]};
    // layers without parameters have no name in the configuration
    const auto name = [](const Json& layers, std::size_t number, const std::string& tower) {
        return tower + layers[number]["name"].get<std::string>();
    };
    const auto with = [&](auto make_tower) {
        const auto head_layers = dense_head<T>(head);
        if (towers.size() == 1) {
            auto model = chain(make_tower(towers[0]), head_layers);
            model.build(sample, deeprec::Seed{1});
            return f(model, [&](const std::string& path) {  // "5.kernel": the tower's layers, then the head's
                const auto dot = path.find('.');
                const std::size_t number = std::stoul(path.substr(0, dot)), own = towers[0].size();
                return (number < own ? name(towers[0], number, "tower0.") : name(head, number - own, "head.")) +
                       path.substr(dot);
            });
        }
        deeprec::TwoTower model{make_tower(towers[0]), make_tower(towers[1]), head_layers};
        model.build({sample, sample}, deeprec::Seed{1});
        f(model, [&](const std::string& path) {  // "user.2.kernel"
            const auto dot = path.find('.'), next = path.find('.', dot + 1);
            const std::string part = path.substr(0, dot);
            const std::size_t number = std::stoul(path.substr(dot + 1, next - dot - 1));
            return (part == "head"
                        ? name(head, number, "head.")
                        : name(towers[part == "user" ? 0 : 1], number, part == "user" ? "tower0." : "tower1.")) +
                   path.substr(next);
        });
    };
    if (first == "conv1d")
        with([](const Json& layers) { return cnn_tower<T>(layers); });
    else if (first == "lstm")
        with([](const Json& layers) { return rnn_tower<T>(layers); });
    else
        with([](const Json& layers) { return gru_tower<T>(layers); });
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
