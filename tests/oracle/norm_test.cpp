#include <deeprec/kernels/simd/dropout.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/merge.hpp>
#include <deeprec/layers/zero_padding1d.hpp>
#include <deeprec/optimizers/sgd.hpp>

#include <algorithm>

#include "support/oracle.hpp"

TEST_CASE("Flatten agrees with Keras", "[oracle][flatten]") {
    oracle::run("norm", "flatten", []<class T>(oracle::Case<T>& c) {
        deeprec::Flatten<T> layer;
        oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
    });
}

TEST_CASE("Dot agrees with Keras", "[oracle][dot]") {
    oracle::run("norm", "dot", []<class T>(oracle::Case<T>& c) {
        const auto a = c.template tensor<2>("in/a"), b = c.template tensor<2>("in/b");
        c.config.only({"axes", "normalize"});
        c.config.require("axes", -1);
        deeprec::BasicDot<T> dot{.normalize = c.config.value("normalize", false)};
        typename deeprec::BasicDot<T>::Cache cache;
        auto none = dot.zero_gradients();
        c.close("out/y", dot.forward(a, b, 1, cache, deeprec::Training{}));
        if (!c.has("up/y")) return;
        const auto d = dot.backward(c.template tensor<2>("up/y"), cache, none);
        c.close_if("grad/a", d.user);
        c.close_if("grad/b", d.item);
    });
}

TEST_CASE("Dropout under a given mask agrees with PyTorch", "[oracle][dropout]") {
    oracle::run("norm", "dropout_with_mask", []<class T>(oracle::Case<T>& c) {
        const double rate = c.config["rate"];
        auto multipliers = c.values("in/keep");
        for (T& m : multipliers) m *= static_cast<T>(1 / (1 - rate));
        const auto x = c.values("in/x"), up = c.values("up/y");
        std::vector<T> y(x.size()), dx(x.size());
        const auto n = static_cast<deeprec::Index>(x.size());
        deeprec::kernels::multiply<T>(x.data(), multipliers.data(), y.data(), n);
        deeprec::kernels::multiply<T>(up.data(), multipliers.data(), dx.data(), n);
        c.close_values("out/y", y.data(), n);
        c.close_values("grad/x", dx.data(), n);
    });
}

TEST_CASE("LayerNorm agrees with Keras", "[oracle][layer_norm]") {
    oracle::run("norm", "layer_norm", []<class T>(oracle::Case<T>& c) {
        c.config.only({"axis", "epsilon", "center", "scale"});
        c.config.require("axis", -1);
        deeprec::LayerNorm<T> layer{{.epsilon = c.config.value("epsilon", 1e-3),
                                     .center = c.config.value("center", true),
                                     .scale = c.config.value("scale", true)}};
        c.with_tensor("in/x", [&](const auto& x) { oracle::check_layer(c, layer, x); });
    });
}

TEST_CASE("BatchNorm agrees with Keras and PyTorch", "[oracle][batch_norm]") {
    oracle::run("norm", "batch_norm", []<class T>(oracle::Case<T>& c) {
        c.config.only({"axis", "momentum", "epsilon", "center", "scale", "training"});
        c.config.require("axis", -1);
        const bool torch = c.semantics == "torch";
        deeprec::BatchNorm<T> layer{{.momentum = c.config["momentum"],
                                     .epsilon = c.config["epsilon"],
                                     .center = c.config.value("center", true),
                                     .scale = c.config.value("scale", true),
                                     .rule = torch ? deeprec::BatchNormRule::torch : deeprec::BatchNormRule::keras}};
        c.with_tensor("in/x", [&](const auto& x) {
            layer.build({x.dimension(x.NumDimensions - 1)}, deeprec::Seed{1});
            c.load(layer);
            for_each_state(layer, [&](std::string_view name, auto& state) {
                const auto before = c.template tensor<1>("state/" + std::string(name));
                std::copy_n(before.data(), before.size(), state.data());
            });
            typename deeprec::BatchNorm<T>::Cache cache;
            auto gradients = layer.zero_gradients();
            const auto check = [&](const auto& y) {
                c.close("out/y", y);
                deeprec::Tensor<T, deeprec::rank_of<decltype(y)>> up(y.extents());  // moves the states, even if it is 0
                if (c.has("up/y")) up = c.template tensor<deeprec::rank_of<decltype(y)>>("up/y");
                c.close_if("grad/x", layer.backward(up, cache, gradients));
            };
            if (c.config.value("training", true))
                check(layer.forward(x, cache, deeprec::Training{}));
            else
                check(layer.forward(x, cache, deeprec::DifferentiableInference{}));
            c.close_gradients(deeprec::parameter_list(layer, gradients));
            deeprec::SGD{}.step(layer, gradients);
            for_each_state(layer, [&](std::string_view name, const auto& state) {
                c.close_if("new_state/" + std::string(name), state);
            });
        });
    });
}

TEST_CASE("ZeroPadding1D agrees with Keras", "[oracle][zero_padding1d]") {
    oracle::run("norm", "zero_padding1d", []<class T>(oracle::Case<T>& c) {
        const oracle::Json padding = c.config["padding"];
        const bool both = padding.is_array();
        deeprec::ZeroPadding1D<T> layer{both ? padding.at(0) : padding, both ? padding.at(1) : padding};
        oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
    });
}

namespace {
template <template <class, int> class Merge>
void check_merge(const std::string& op) {
    oracle::run("norm", op, []<class T>(oracle::Case<T>& c) {
        c.config.only({"axis"});
        c.config.require("axis", -1);
        if (c.names("in").size() != 2) throw oracle::NotApplicable{"other than two inputs"};
        c.with_tensor("in/a", [&](const auto& a) {
            constexpr int rank = deeprec::rank_of<decltype(a)>;
            const auto b = c.template tensor<rank>("in/b");
            const Merge<T, 2> layer;
            typename Merge<T, 2>::Cache cache;
            deeprec::NoParameters none;
            c.close("out/y", layer.forward(std::tie(a, b), cache, deeprec::Training{}));
            if (!c.has("up/y")) return;
            const auto up = c.template tensor<rank>("up/y");
            const auto d = layer.backward(up, cache, none);
            c.close_if("grad/a", d[0]);
            c.close_if("grad/b", d[1]);
        });
    });
}
}  // namespace

TEST_CASE("Merge layers agree with Keras", "[oracle][merge]") {
    check_merge<deeprec::BasicAdd>("add");
    check_merge<deeprec::BasicMultiply>("multiply");
    check_merge<deeprec::BasicAverage>("average");
    check_merge<deeprec::BasicMaximum>("maximum");
    check_merge<deeprec::BasicConcatenate>("concatenate");
}
