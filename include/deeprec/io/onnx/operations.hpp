/// What several layers are written with: small groups of nodes.
#pragma once

#include <limits>

#include <deeprec/io/onnx/layer_fields.hpp>
#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN

namespace onnx {

/// The nodes of the part `key` of a composition: `to_onnx(g, layer, in...)`, found beside the layer's type. Throws
/// ArgumentError in the name of a layer that has none.
template <class Key, class L, class... In>
Value part(Graph& g, const Key& key, const L& layer, const In&... in) {
    return g.part(message(key), L::name(), [&]() -> Value {
        if constexpr (requires { to_onnx(g, layer, in...); })
            return to_onnx(g, layer, in...);
        else
            g.refuse("the layer has no export: write Value to_onnx(onnx::Graph&, const ", L::name(),
                     "&, const onnx::Value&) beside it");
    });
}

/// The activation `option` of a layer. Throws ArgumentError for one that ONNX has no operators for.
std::string activate(Graph& g, const LayerFields& f, std::string_view option, const std::string& x);
/// x + parameter `bias` where the layer has one.
std::string add_bias(Graph& g, const LayerFields& f, const std::string& x, std::string_view bias = "bias");
/// A parameter as a constant, of its own shape or other `dims`.
std::string parameter(Graph& g, const LayerFields& f, std::string_view name, std::vector<Index> dims = {});

/// Axis `axis` of x as a whole number.
std::string extent(Graph& g, const std::string& x, std::int64_t axis);
/// 0, 1, ... T - 1 of x [B, T, ...].
std::string steps(Graph& g, const std::string& x);
/// x [B, T, ...] with the time axis turned round.
std::string turned(Graph& g, const std::string& x);
/// [B, T] -> [B, T, 1].
std::string as_column(Graph& g, const std::string& x);
/// x [B, T, F] where `mask` [B, T] keeps the step, else 0.
std::string zeroed(Graph& g, const std::string& x, const std::string& mask);
/// Whole numbers or truths as numbers.
std::string cast(Graph& g, const std::string& x, Element to);

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::string cast(Graph& g, const std::string& x, Element to) {
    return g.node("Cast", {x}, {{"to", static_cast<std::int64_t>(to)}});
}
DEEPREC_FUNCTION std::string activate(Graph& g, const LayerFields& f, std::string_view option, const std::string& x) {
    const std::string_view name = f.text(option);
    const auto same = [&](std::string_view operation) { return g.node(operation, {x}); };
    const auto with = [&](std::string_view operation, std::string_view number, double value) {
        return g.node(operation, {x}, {{number, static_cast<float>(value)}});
    };
    if (name == "linear") return x;
    if (name == "relu") return same("Relu");
    if (name == "sigmoid") return same("Sigmoid");
    if (name == "tanh") return same("Tanh");
    if (name == "softplus") return same("Softplus");
    if (name == "softsign") return same("Softsign");
    if (name == "exponential") return same("Exp");
    if (name == "softmax") return g.node("Softmax", {x}, {{"axis", std::int64_t{-1}}});
    if (name == "leaky_relu") return with("LeakyRelu", "alpha", f.number(option));
    if (name == "elu") return with("Elu", "alpha", f.number(option));
    if (name == "relu6") return g.node("Clip", {x, g.number(0), g.number(6)});
    if (name == "hard_sigmoid") return g.node("HardSigmoid", {x}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
    if (name == "selu")
        return g.node("Selu", {x},
                      {{"alpha", static_cast<float>(SELU::alpha)}, {"gamma", static_cast<float>(SELU::scale)}});
    if (name == "swish") return g.node("Mul", {x, same("Sigmoid")});
    if (name == "gelu") {
        const std::string erf = g.node("Erf", {g.node("Mul", {x, g.number(0.7071067811865476)})});
        return g.node("Mul", {x, g.node("Mul", {g.node("Add", {erf, g.number(1)}), g.number(0.5)})});
    }
    if (name == "gelu_tanh") {
        const std::string square = g.node("Mul", {x, x});
        const std::string slope =
            g.node("Add", {g.node("Mul", {square, g.number(GeluTanh::cubic)}), g.number(GeluTanh::linear)});
        return g.node("Mul", {x, g.node("Sigmoid", {g.node("Mul", {x, slope})})});
    }
    g.refuse("the activation ", name, " has no form in ONNX");
}
DEEPREC_FUNCTION std::string parameter(Graph& g, const LayerFields& f, std::string_view name, std::vector<Index> dims) {
    const Shape shape = f.shape(name);
    if (dims.empty())
        for (int axis = 0; axis < shape.rank(); ++axis) dims.push_back(shape[axis]);
    return g.constant(name, f.values(name), dims);
}
DEEPREC_FUNCTION std::string add_bias(Graph& g, const LayerFields& f, const std::string& x, std::string_view bias) {
    if (f.values(bias).empty()) return x;
    return g.node("Add", {x, parameter(g, f, bias, {std::ssize(f.values(bias))})});
}
DEEPREC_FUNCTION std::string extent(Graph& g, const std::string& x, std::int64_t axis) {
    return g.node("Gather", {g.node("Shape", {x}), g.integer(axis)});
}
DEEPREC_FUNCTION std::string steps(Graph& g, const std::string& x) {
    return g.node("Range", {g.integer(0), extent(g, x, 1), g.integer(1)});
}
DEEPREC_FUNCTION std::string turned(Graph& g, const std::string& x) {
    constexpr auto all = std::numeric_limits<std::int64_t>::min();
    return g.node("Slice", {x, g.list({-1}), g.list({all}), g.list({1}), g.list({-1})});
}
DEEPREC_FUNCTION std::string as_column(Graph& g, const std::string& x) { return g.node("Unsqueeze", {x, g.list({2})}); }
DEEPREC_FUNCTION std::string zeroed(Graph& g, const std::string& x, const std::string& mask) {
    return g.node("Where", {as_column(g, mask), x, g.number(0)});
}
#endif

}  // namespace onnx
DEEPREC_END
