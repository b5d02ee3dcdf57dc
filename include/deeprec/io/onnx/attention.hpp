/// Self-attention as ONNX nodes.
#pragma once

#include <cmath>

#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/multi_head_attention.hpp>

DEEPREC_BEGIN

namespace onnx {

Value attention(Graph& g, const LayerFields& f, const Value& x);

template <class T>
Value to_onnx(Graph& g, const MultiHeadAttention<T>& layer, const Value& x) {
    return attention(g, {g, layer, {"heads", "key_dim", "use_causal_mask", "use_bias"}}, x);
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION Value attention(Graph& g, const LayerFields& f, const Value& x) {
    const Index heads = f.index("heads"), depth = f.index("key_dim"), width = heads * depth;
    const Index features = f.shape("query.kernel")[0];
    const auto transpose = [&](const std::string& from, const std::vector<std::int64_t>& axes) {
        return g.node("Transpose", {from}, {{"perm", axes}});
    };
    const auto project = [&](const std::string& part) {  // [B, T, heads, depth]
        const std::string product = g.node("MatMul", {x.name, parameter(g, f, part + ".kernel", {features, width})});
        return g.node("Reshape", {add_bias(g, f, product, part + ".bias"), g.list({0, 0, heads, depth})});
    };
    const std::string query = transpose(project("query"), {0, 2, 1, 3}), key = transpose(project("key"), {0, 2, 3, 1});
    const std::string value = transpose(project("value"), {0, 2, 1, 3});
    std::string scores = g.node("MatMul", {query, key});  // [B, heads, T, T]
    scores = g.node("Mul", {scores, g.number(1 / std::sqrt(static_cast<double>(depth)))});

    std::string allowed;  // pairs of steps, [B, 1, T, T] or [T, T]
    if (f.truth("use_causal_mask")) {
        const std::string t = steps(g, x.name);
        allowed = g.node("GreaterOrEqual", {g.node("Unsqueeze", {t, g.list({1})}), t});
    }
    if (!x.mask.empty()) {
        const std::string asks = g.node("Unsqueeze", {x.mask, g.list({1, 3})});
        const std::string answers = g.node("Unsqueeze", {x.mask, g.list({1, 2})});
        const std::string both = g.node("And", {asks, answers});
        allowed = allowed.empty() ? both : g.node("And", {both, allowed});
    }
    if (!allowed.empty()) scores = g.node("Where", {allowed, scores, g.number(-1e30)});
    std::string shares = g.node("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
    if (!x.mask.empty()) shares = g.node("Where", {allowed, shares, g.number(0)});  // all 0 where nothing is allowed
    const std::string joined =
        g.node("Reshape", {transpose(g.node("MatMul", {shares, value}), {0, 2, 1, 3}), g.list({0, 0, width})});
    const std::string y = g.node("MatMul", {joined, parameter(g, f, "attention_output.kernel", {width, features})});
    return {add_bias(g, f, y, "attention_output.bias"), 3, x.mask};
}
#endif

}  // namespace onnx
DEEPREC_END
