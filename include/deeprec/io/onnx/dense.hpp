/// Layers of single steps as ONNX nodes: Dense, Activation, normalisation, what does nothing in inference, Flatten.
#pragma once

#include <cmath>

#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/spatial_dropout1d.hpp>

DEEPREC_BEGIN

namespace onnx {

Value dense(Graph& g, const LayerFields& f, const Value& x);
Value layer_norm(Graph& g, const LayerFields& f, const Value& x);
Value batch_norm(Graph& g, const LayerFields& f, const Value& x);

template <class T, class A>
Value to_onnx(Graph& g, const Dense<T, A>& layer, const Value& x) {
    return dense(g, {g, layer}, x);
}
template <class T, class A>
Value to_onnx(Graph& g, const Activation<T, A>& layer, const Value& x) {
    return {activate(g, {g, layer, {"activation"}}, "activation", x.name), x.rank, x.mask};
}
template <class T>
Value to_onnx(Graph& g, const LayerNorm<T>& layer, const Value& x) {
    return layer_norm(g, {g, layer, {"epsilon", "center", "scale"}}, x);
}
/// As in inference, with the moving statistics.
template <class T>
Value to_onnx(Graph& g, const BatchNorm<T>& layer, const Value& x) {
    return batch_norm(g, {g, layer, {"momentum", "epsilon", "center", "scale", "rule", "frozen_statistics"}}, x);
}
template <class T>
Value to_onnx(Graph&, const Dropout<T>&, const Value& x) {
    return x;
}
template <class T>
Value to_onnx(Graph&, const SpatialDropout1D<T>&, const Value& x) {
    return x;
}
template <class T>
Value to_onnx(Graph& g, const Flatten<T>&, const Value& x) {
    return {g.node("Flatten", {x.name}, {{"axis", std::int64_t{1}}}), 2};
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION Value dense(Graph& g, const LayerFields& f, const Value& x) {
    f.check_options(g, {"units", "activation", "use_bias"});
    const std::string product = g.node("MatMul", {x.name, parameter(g, f, "kernel")});
    return {activate(g, f, "activation", add_bias(g, f, product)), x.rank, x.mask};
}
DEEPREC_FUNCTION Value layer_norm(Graph& g, const LayerFields& f, const Value& x) {
    // In single steps: runtimes that join them do, and the operator LayerNormalization takes differences of squares.
    const auto mean = [&](const std::string& of) {
        return g.node("ReduceMean", {of}, {{"axes", std::vector<std::int64_t>{-1}}, {"keepdims", std::int64_t{1}}});
    };
    const std::string centred = g.node("Sub", {x.name, mean(x.name)});
    const std::string variance = mean(g.node("Mul", {centred, centred}));
    std::string y =
        g.node("Div", {centred, g.node("Sqrt", {g.node("Add", {variance, g.number(f.number("epsilon"))})})});
    if (f.truth("scale")) y = g.node("Mul", {y, parameter(g, f, "gamma")});
    return {add_bias(g, f, y, "beta"), x.rank, x.mask};
}
DEEPREC_FUNCTION Value batch_norm(Graph& g, const LayerFields& f, const Value& x) {
    const auto variance = f.values("moving_variance"), gamma = f.values("gamma");
    std::vector<float> factors;
    for (std::size_t i = 0; i < variance.size(); ++i)
        factors.push_back(1 / std::sqrt(variance[i] + static_cast<float>(f.number("epsilon"))) *
                          (gamma.empty() ? 1 : gamma[i]));
    const std::string centred = g.node("Sub", {x.name, parameter(g, f, "moving_mean")});
    const std::string scaled = g.node("Mul", {centred, g.constant("factors", factors, {std::ssize(factors)})});
    return {add_bias(g, f, scaled, "beta"), x.rank, x.mask};
}
#endif

}  // namespace onnx
DEEPREC_END
