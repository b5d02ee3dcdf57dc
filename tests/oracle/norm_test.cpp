#include <deeprec/kernels/dropout.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/layer_norm.hpp>

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
        deeprec::BasicDot<T> dot{.normalize = c.config["normalize"]};
        typename deeprec::BasicDot<T>::Cache cache;
        auto none = dot.zero_gradients();
        c.close("out/y", dot.forward(a, b, 1, cache, deeprec::Training{}));
        const auto up = c.template tensor<2>("up/y");
        const auto d = dot.backward(up, cache, none);
        c.close("grad/a", d.user);
        c.close("grad/b", d.item);
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
        deeprec::LayerNorm<T> layer{
            {.epsilon = c.config["epsilon"], .center = c.config["center"], .scale = c.config["scale"]}};
        c.with_tensor("in/x", [&](const auto& x) { oracle::check_layer(c, layer, x); });
    });
}
