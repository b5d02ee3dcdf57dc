/// Compositions as ONNX nodes: their parts, one after another or side by side.
#pragma once

#include <deeprec/io/onnx/embedding.hpp>
#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/merge.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/models/concatenation.hpp>
#include <deeprec/models/heads.hpp>
#include <deeprec/models/masked.hpp>
#include <deeprec/models/pair_head.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

namespace onnx {

/// Layers `Begin` to `End` (not included) of a Sequential.
template <std::size_t Begin, std::size_t End, class Model, class In>
Value layers(Graph& g, const Model& model, const In& x) {
    const Value y = part(g, Begin, model.template layer<Begin>(), x);
    if constexpr (Begin + 1 == End)
        return y;
    else
        return layers<Begin + 1, End>(g, model, y);
}

template <class... Layers, class In>
Value to_onnx(Graph& g, const Sequential<Layers...>& model, const In& x) {
    return layers<0, sizeof...(Layers)>(g, model, x);
}
template <class Inner>
Value to_onnx(Graph& g, const Residual<Inner>& model, const Value& x) {
    const Value y = part(g, "inner", model.inner(), x);
    return {g.node("Add", {x.name, y.name}), x.rank, x.mask};
}
template <class Inner>
Value to_onnx(Graph& g, const Masked<Inner>& model, const Value& x) {
    const Value kept{x.mask.empty() ? x.name : zeroed(g, x.name, x.mask), x.rank, x.mask};
    return {part(g, "inner", model.inner(), kept).name, x.rank, x.mask};
}
/// Side by side along the features; a step is kept where every part with a mask keeps it.
Value side_by_side(Graph& g, const std::vector<Value>& parts);
template <class... Parts>
Value to_onnx(Graph& g, const Branches<Parts...>& model, const Record& x) {
    const LayerFields f(g, model, {"fields"});
    std::vector<Value> parts;
    const auto add = [&]<std::size_t At>() {
        const auto& layer = model.template layer<At>();
        const std::string& name = f.record("fields")[At].name;
        if constexpr (std::decay_t<decltype(layer)>::reads == Reads::record)
            parts.push_back(part(g, name.empty() ? message(At) : name, layer, x));
        else
            for (const auto& [field, value] : x)
                if (field == name) parts.push_back(part(g, name, layer, value));
    };
    [&]<std::size_t... At>(std::index_sequence<At...>) {
        (add.template operator()<At>(), ...);
    }(std::index_sequence_for<Parts...>{});
    return side_by_side(g, parts);
}

template <class... Layers>
Value to_onnx(Graph& g, const Heads<Layers...>& model, const Value& x) {
    const LayerFields f(g, model, {"heads"});
    std::vector<Value> parts;
    model.each(
        [&]<std::size_t At>(const auto& layer) { parts.push_back(part(g, f.record("heads")[At].name, layer, x)); });
    return side_by_side(g, parts);
}

/// Several tensors in one, by the name of the merge layer; a step is kept where every input with a mask keeps it.
Value merged(Graph& g, std::string_view layer, const std::vector<Value>& xs);
/// For compositions of your own: `part(g, "sum", Add{}, a, b)`.
template <class T, class Rule, std::size_t N, class... Xs>
    requires(sizeof...(Xs) == N)
Value to_onnx(Graph& g, const Merge<T, Rule, N>& layer, const Xs&... xs) {
    check_float<Merge<T, Rule, N>>();
    return merged(g, layer.name(), {xs...});
}

// Heads over two vectors. One user meets many items where u is [1, W] and v [N, W].

Value dot(Graph& g, const Value& u, const Value& v, bool normalize, double scale);
Value first_of_head(Graph& g, const LayerFields& f, Index user_width, const Value& u, const Value& v);

template <class T>
Value to_onnx(Graph& g, const BasicDot<T>& head, const Value& u, const Value& v) {
    const LayerFields f(g, head, {"normalize"});
    return dot(g, u, v, f.truth("normalize"), 1);
}
template <class T>
Value to_onnx(Graph& g, const BasicCosine<T>& head, const Value& u, const Value& v) {
    const LayerFields f(g, head, {"temperature"});
    return dot(g, u, v, true, 1 / f.number("temperature"));
}
template <PairHead First, class... Rest>
Value to_onnx(Graph& g, const Sequential<First, Rest...>& head, const Value& u, const Value& v) {
    return layers<1, 1 + sizeof...(Rest)>(g, head, part(g, 0, head.template layer<0>(), u, v));
}
template <class Layers>
Value to_onnx(Graph& g, const Concatenation<Layers>& head, const Value& u, const Value& v) {
    const auto& first = head.layers().template layer<0>();
    const Value hidden = g.part("0", first.name(), [&] {
        return first_of_head(g, {g, first, {"units", "activation", "use_bias"}}, head.user_width(), u, v);
    });
    if constexpr (Layers::size() == 1)
        return hidden;
    else
        return onnx::layers<1, Layers::size()>(g, head.layers(), hidden);
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION Value side_by_side(Graph& g, const std::vector<Value>& parts) {
    return parts.size() == 1 ? parts[0] : merged(g, "Concatenate", parts);
}
DEEPREC_FUNCTION Value merged(Graph& g, std::string_view layer, const std::vector<Value>& xs) {
    Value y{xs[0].name, xs[0].rank};
    std::vector<std::string> names;
    for (const Value& x : xs) {
        names.push_back(x.name);
        if (x.mask.empty() || x.rank < 3) continue;
        y.mask = y.mask.empty() ? x.mask : g.node("And", {y.mask, x.mask});
    }
    if (layer == "Concatenate") y.name = g.node("Concat", names, {{"axis", std::int64_t{-1}}});
    if (layer == "Add") y.name = g.node("Sum", names);
    if (layer == "Average") y.name = g.node("Mean", names);
    if (layer == "Maximum") y.name = g.node("Max", names);
    for (std::size_t i = 1; layer == "Multiply" && i < xs.size(); ++i) y.name = g.node("Mul", {y.name, names[i]});
    return y;
}
/// sum over the last axis, which stays.
inline std::string sum_last(Graph& g, const std::string& x) {
    return g.node("ReduceSum", {x, g.list({-1})}, {{"keepdims", std::int64_t{1}}});
}
DEEPREC_FUNCTION Value dot(Graph& g, const Value& u, const Value& v, bool normalize, double scale) {
    std::string y = sum_last(g, g.node("Mul", {u.name, v.name}));
    const auto divide = [&](const std::string& x) {
        const std::string square = g.node("Max", {sum_last(g, g.node("Mul", {x, x})), g.number(1e-12)});
        y = g.node("Div", {y, g.node("Sqrt", {square})});
    };
    if (normalize) divide(u.name), divide(v.name);
    if (scale < 1 || scale > 1) y = g.node("Mul", {y, g.number(scale)});
    return {y, 2};
}
DEEPREC_FUNCTION Value first_of_head(Graph& g, const LayerFields& f, Index user_width, const Value& u, const Value& v) {
    const auto kernel = f.values("kernel");
    const Shape shape = f.shape("kernel");
    const auto split = static_cast<std::size_t>(user_width * shape[1]);
    const std::string of_user = g.constant("kernel.user", kernel.first(split), {user_width, shape[1]});
    const std::string of_item = g.constant("kernel.item", kernel.subspan(split), {shape[0] - user_width, shape[1]});
    const std::string user = add_bias(g, f, g.node("MatMul", {u.name, of_user}));
    const std::string sum = g.node("Add", {user, g.node("MatMul", {v.name, of_item})});
    return {activate(g, f, "activation", sum), 2};
}
#endif

}  // namespace onnx
DEEPREC_END
