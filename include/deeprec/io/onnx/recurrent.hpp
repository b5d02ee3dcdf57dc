/// Recurrent layers as ONNX nodes: LSTM, GRU, SimpleRNN, Bidirectional.
///
/// ONNX's operators read [T, B, F], have a row of weights for each gate and unit, LSTM's gates in the order i, o, f, c,
/// and know no masks but numbers of steps: kept steps first. So a masked sequence is put in that order, which changes
/// nothing, as a masked step keeps the state; its outputs go back to their steps afterwards.
#pragma once

#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/simple_rnn.hpp>

DEEPREC_BEGIN

namespace onnx {

/// How ONNX writes a recurrent layer.
struct RecurrentForm {
    std::string_view operation;                 ///< the operator: LSTM, GRU or RNN
    std::vector<Index> gates;                   ///< ours, in ONNX's order
    std::vector<std::string_view> activations;  ///< options that hold ONNX's functions, in its order
    std::vector<Attribute> attributes{};        ///< further ones
};
/// Row 0 of a bias is added to x W, row 1, if there is one, to h R.
Value recurrent(Graph& g, const LayerFields& f, const RecurrentForm& form, const Value& x);
Value merge_directions(Graph& g, std::string_view mode, const Value& forward, const Value& backward);

template <class T, class Return, class A, class R>
Value to_onnx(Graph& g, const LSTM<T, Return, A, R>& layer, const Value& x) {
    const LayerFields f(
        g, layer, {"units", "return_sequences", "activation", "recurrent_activation", "go_backwards", "use_bias"});
    return recurrent(g, f, {"LSTM", {0, 3, 1, 2}, {"recurrent_activation", "activation", "activation"}}, x);
}
template <class T, class Return, class A, class R>
Value to_onnx(Graph& g, const GRU<T, Return, A, R>& layer, const Value& x) {
    const LayerFields f(
        g, layer,
        {"units", "return_sequences", "activation", "recurrent_activation", "go_backwards", "use_bias", "reset_after"});
    const Attribute rule{"linear_before_reset", std::int64_t{f.truth("reset_after")}};
    return recurrent(g, f, {"GRU", {0, 1, 2}, {"recurrent_activation", "activation"}, {rule}}, x);
}
template <class T, class Return, class A>
Value to_onnx(Graph& g, const SimpleRNN<T, Return, A>& layer, const Value& x) {
    const LayerFields f(g, layer, {"units", "return_sequences", "activation", "go_backwards", "use_bias"});
    return recurrent(g, f, {"RNN", {0}, {"activation"}}, x);
}
template <class L>
Value to_onnx(Graph& g, const Bidirectional<L>& layer, const Value& x) {
    const LayerFields f(g, layer, {"merge_mode"});
    const Value forward = part(g, "forward", layer.forward_layer(), x);
    return merge_directions(g, f.text("merge_mode"), forward, part(g, "backward", layer.backward_layer(), x));
}

#if DEEPREC_BODIES
/// Kept steps first, the others behind them, each in their order: [B, T] places.
inline std::string kept_first(Graph& g, const std::string& mask) {
    const std::string t = steps(g, mask), time = extent(g, mask, 1);
    const std::string kept = g.node("Sub", {time, t}), masked = g.node("Neg", {t});
    const std::string rank = g.node("Where", {mask, kept, masked});
    return g.node("TopK", {rank, g.node("Unsqueeze", {time, g.list({0})})}, {{"axis", std::int64_t{1}}}, 1);
}
/// x [B, T, F] at the steps `places` [B, T].
inline std::string steps_at(Graph& g, const std::string& x, const std::string& places) {
    return g.node("GatherND", {x, as_column(g, places)}, {{"batch_dims", std::int64_t{1}}});
}
/// [B, T, F] <-> [T, B, F].
inline std::string time_first(Graph& g, const std::string& x) {
    return g.node("Transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
}
/// `columns` [rows, gates u] as [1, gates u, rows] with the gates in another order.
inline std::string gate_rows(Graph& g, std::string_view name, std::span<const float> columns, Index rows,
                             const std::vector<Index>& gates) {
    const Index width = std::ssize(columns) / std::max<Index>(rows, 1), units = width / std::ssize(gates);
    std::vector<float> out;
    for (const Index gate : gates)
        for (Index u = 0; u < units; ++u)
            for (Index r = 0; r < rows; ++r)
                out.push_back(columns[static_cast<std::size_t>(r * width + gate * units + u)]);
    return g.constant(name, out, {1, width, rows});
}
/// The attributes that name the functions of the gates.
inline void add_activations(Graph& g, const LayerFields& f, const RecurrentForm& form, std::vector<Attribute>& to) {
    std::vector<std::string> names;
    std::vector<float> alphas, betas;
    for (const std::string_view option : form.activations) {
        const std::string_view name = f.text(option);
        if (name == "tanh")
            names.push_back("Tanh");
        else if (name == "sigmoid")
            names.push_back("Sigmoid");
        else if (name == "relu")
            names.push_back("Relu");
        else if (name == "softplus")
            names.push_back("Softplus");
        else if (name == "softsign")
            names.push_back("Softsign");
        else if (name == "linear")
            names.push_back("Affine"), alphas.push_back(1), betas.push_back(0);
        else if (name == "hard_sigmoid")
            names.push_back("HardSigmoid"), alphas.push_back(1.0f / 6), betas.push_back(0.5f);
        else if (name == "leaky_relu")
            names.push_back("LeakyRelu"), alphas.push_back(static_cast<float>(f.number(option)));
        else if (name == "elu")
            names.push_back("Elu"), alphas.push_back(static_cast<float>(f.number(option)));
        else
            g.refuse("the ", option, " ", name, " has no form in ONNX's ", form.operation);
    }
    to.push_back({"activations", names});
    if (!alphas.empty()) to.push_back({"activation_alpha", alphas});
    if (!betas.empty()) to.push_back({"activation_beta", betas});
}
DEEPREC_FUNCTION Value recurrent(Graph& g, const LayerFields& f, const RecurrentForm& form, const Value& x) {
    const Index features = f.shape("kernel")[0], units = f.index("units"), width = std::ssize(form.gates) * units;
    const bool sequences = f.truth("return_sequences"), backwards = f.truth("go_backwards");
    std::string in = backwards ? turned(g, x.name) : x.name, mask = x.mask, kept, lengths;
    if (!mask.empty()) {
        if (backwards) mask = turned(g, mask);
        in = steps_at(g, in, kept_first(g, mask));
        kept = cast(g, mask, Element::int64);
        lengths = g.node("ReduceSum", {kept, g.list({1})}, {{"keepdims", std::int64_t{0}}});
    }
    std::vector<float> bias(static_cast<std::size_t>(2 * width));
    const auto own = f.values("bias");
    for (std::size_t row = 0; row < own.size() / static_cast<std::size_t>(width); ++row)
        for (std::size_t i = 0; i < bias.size() / 2; ++i) {
            const auto u = static_cast<std::size_t>(units);
            bias[row * bias.size() / 2 + i] =
                own[row * bias.size() / 2 + static_cast<std::size_t>(form.gates[i / u]) * u + i % u];
        }
    std::vector<Attribute> attributes{{"hidden_size", std::int64_t{units}}};
    attributes.insert(attributes.end(), form.attributes.begin(), form.attributes.end());
    add_activations(g, f, form, attributes);
    std::vector<std::string> inputs{time_first(g, in), gate_rows(g, "kernel", f.values("kernel"), features, form.gates),
                                    gate_rows(g, "recurrent_kernel", f.values("recurrent_kernel"), units, form.gates),
                                    g.constant("bias", bias, {1, 2 * width})};
    if (!lengths.empty())
        inputs.push_back(g.node("Cast", {lengths}, {{"to", static_cast<std::int64_t>(Element::int32)}}));
    const std::string y = g.node(form.operation, inputs, attributes, sequences ? 0 : 1);
    if (!sequences) {
        const std::string last = g.node("Squeeze", {y, g.list({0})});  // of [1, B, U]
        if (mask.empty()) return {last, 2};
        const std::string any = g.node("Unsqueeze", {g.node("Greater", {lengths, g.integer(0)}), g.list({1})});
        return {g.node("Where", {any, last, g.number(0)}), 2};
    }
    const std::string all = time_first(g, g.node("Squeeze", {y, g.list({1})}));  // of [T, 1, B, U]
    if (mask.empty()) return {all, 3};
    const std::string count = g.node("CumSum", {kept, g.integer(1)});  // of kept steps so far: the last one's output
    const std::string place = g.node("Max", {g.node("Sub", {count, g.integer(1)}), g.integer(0)});
    return {zeroed(g, steps_at(g, all, place), g.node("Greater", {count, g.integer(0)})), 3, x.mask};
}
DEEPREC_FUNCTION Value merge_directions(Graph& g, std::string_view mode, const Value& forward, const Value& backward) {
    const bool sequences = forward.rank == 3;
    const std::string &a = forward.name, b = sequences ? turned(g, backward.name) : backward.name;
    Value y{"", forward.rank, forward.mask};
    if (mode == "concat")
        y.name = g.node("Concat", {a, b}, {{"axis", std::int64_t{-1}}});
    else if (mode == "sum")
        y.name = g.node("Add", {a, b});
    else if (mode == "mul")
        y.name = g.node("Mul", {a, b});
    else if (mode == "ave")
        y.name = g.node("Mul", {g.node("Add", {a, b}), g.number(0.5)});
    else
        g.refuse("the export knows nothing of the merge_mode ", mode);
    if (sequences && !y.mask.empty()) y.name = zeroed(g, y.name, y.mask);
    return y;
}
#endif

}  // namespace onnx
DEEPREC_END
