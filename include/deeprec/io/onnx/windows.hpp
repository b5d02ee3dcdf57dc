/// Layers over time as ONNX nodes: Conv1D, pooling, padding, averages. ONNX has them on [B, F, T].
#pragma once

#include <deeprec/core/window.hpp>
#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/cumulative_average1d.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/layers/zero_padding1d.hpp>

DEEPREC_BEGIN

namespace onnx {

Value conv1d(Graph& g, const LayerFields& f, const Value& x);
Value pool1d(Graph& g, const LayerFields& f, std::string_view operation, const Value& x);
Value global_max(Graph& g, const LayerFields& f, const Value& x);
Value global_average(Graph& g, const LayerFields& f, const Value& x);
Value zero_padding1d(Graph& g, const LayerFields& f, const Value& x);
Value cumulative_average1d(Graph& g, const Value& x);

template <class T, class A>
Value to_onnx(Graph& g, const Conv1D<T, A>& layer, const Value& x) {
    return conv1d(
        g, {g, layer, {"filters", "kernel_size", "activation", "strides", "padding", "dilation_rate", "use_bias"}}, x);
}
template <class T>
Value to_onnx(Graph& g, const MaxPool1D<T>& layer, const Value& x) {
    return pool1d(g, {g, layer, {"pool_size", "strides", "padding"}}, "MaxPool", x);
}
template <class T>
Value to_onnx(Graph& g, const AveragePool1D<T>& layer, const Value& x) {
    return pool1d(g, {g, layer, {"pool_size", "strides", "padding"}}, "AveragePool", x);
}
template <class T, bool Keep>
Value to_onnx(Graph& g, const GlobalMaxPool1D<T, Keep>& layer, const Value& x) {
    return global_max(g, {g, layer, {"keepdims"}}, x);
}
template <class T, bool Keep>
Value to_onnx(Graph& g, const GlobalAveragePool1D<T, Keep>& layer, const Value& x) {
    return global_average(g, {g, layer, {"keepdims"}}, x);
}
template <class T>
Value to_onnx(Graph& g, const ZeroPadding1D<T>& layer, const Value& x) {
    return zero_padding1d(g, {g, layer, {"left", "right"}}, x);
}
template <class T>
Value to_onnx(Graph& g, const CumulativeAverage1D<T>& layer, const Value& x) {
    const LayerFields check(g, layer, {});
    return cumulative_average1d(g, x);
}

#if DEEPREC_BODIES
/// [B, T, F] <-> [B, F, T].
inline std::string swapped(Graph& g, const std::string& x) {
    return g.node("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
}
/// The attribute of a window's padding. With strides the padding depends on the length: ONNX's SAME_UPPER is Keras'
/// rule.
inline Attribute padding(Graph& g, std::string_view name, Index extent, Index strides) {
    if (name == "same" && strides > 1) return {"auto_pad", std::string("SAME_UPPER")};
    const Index before = name == "valid" ? 0 : name == "causal" ? extent - 1 : (extent - 1) / 2;
    const Index after = name == "same" ? extent - 1 - before : 0;
    if (name != "valid" && name != "causal" && name != "same")
        g.refuse("the export knows nothing of the padding ", name);
    return {"pads", std::vector<std::int64_t>{before, after}};
}
DEEPREC_FUNCTION Value conv1d(Graph& g, const LayerFields& f, const Value& x) {
    const Shape shape = f.shape("kernel");
    const Index features = shape[1], filters = shape[2], strides = f.index("strides");
    Index taps = shape[0], dilation = f.index("dilation_rate");
    const Index extent = (taps - 1) * dilation + 1;
    const Attribute pads = padding(g, f.text("padding"), extent, strides);
    // Runtimes have no SAME_UPPER of a dilated window: it is written as a long one with zeros in it.
    const Index spread = pads.name == "auto_pad" ? std::exchange(dilation, 1) : 1;
    const Index length = (taps - 1) * spread + 1;
    const auto from = f.values("kernel");
    std::vector<float> kernel(static_cast<std::size_t>(filters * features * length));
    for (Index tap = 0; tap < taps; ++tap)
        for (Index j = 0; j < features; ++j)
            for (Index u = 0; u < filters; ++u)
                kernel[static_cast<std::size_t>((u * features + j) * length + tap * spread)] =
                    from[static_cast<std::size_t>((tap * features + j) * filters + u)];
    std::vector<std::string> inputs{swapped(g, x.name), g.constant("kernel", kernel, {filters, features, length})};
    if (f.truth("use_bias")) inputs.push_back(parameter(g, f, "bias"));
    const std::string y = g.node("Conv", inputs,
                                 {{"strides", std::vector<std::int64_t>{strides}},
                                  {"dilations", std::vector<std::int64_t>{dilation}},
                                  {"kernel_shape", std::vector<std::int64_t>{length}},
                                  pads});
    return {activate(g, f, "activation", swapped(g, y)), 3};
}
DEEPREC_FUNCTION Value pool1d(Graph& g, const LayerFields& f, std::string_view operation, const Value& x) {
    const Index size = f.index("pool_size"), strides = f.index("strides");
    const std::string y = g.node(operation, {swapped(g, x.name)},
                                 {{"kernel_shape", std::vector<std::int64_t>{size}},
                                  {"strides", std::vector<std::int64_t>{strides}},
                                  padding(g, f.text("padding"), size, strides)});
    return {swapped(g, y), 3};
}
DEEPREC_FUNCTION Value global_max(Graph& g, const LayerFields& f, const Value& x) {
    const bool keep = f.truth("keepdims");
    return {g.node("ReduceMax", {x.name}, {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{keep}}}),
            keep ? 3 : 2};
}
DEEPREC_FUNCTION Value global_average(Graph& g, const LayerFields& f, const Value& x) {
    const bool keep = f.truth("keepdims");
    const Attribute keepdims{"keepdims", std::int64_t{keep}};
    const int rank = keep ? 3 : 2;
    if (x.mask.empty())
        return {g.node("ReduceMean", {x.name}, {{"axes", std::vector<std::int64_t>{1}}, keepdims}), rank};
    const std::string axis = g.list({1});
    const std::string sum = g.node("ReduceSum", {zeroed(g, x.name, x.mask), axis}, {keepdims});
    const std::string count = g.node("ReduceSum", {cast(g, as_column(g, x.mask), Element::float32), axis}, {keepdims});
    return {g.node("Div", {sum, g.node("Max", {count, g.number(1)})}), rank};
}
DEEPREC_FUNCTION Value zero_padding1d(Graph& g, const LayerFields& f, const Value& x) {
    const Index left = f.index("left"), right = f.index("right");
    Value y{g.node("Pad", {x.name, g.list({0, left, 0, 0, right, 0})}), 3};
    if (x.mask.empty()) return y;
    const std::string padded = g.node("Pad", {cast(g, x.mask, Element::float32), g.list({0, left, 0, right})});
    y.mask = cast(g, padded, Element::boolean);
    return y;
}
DEEPREC_FUNCTION Value cumulative_average1d(Graph& g, const Value& x) {
    const std::string kept = x.mask.empty() ? x.name : zeroed(g, x.name, x.mask), axis = g.integer(1);
    std::string count;  // of the steps so far, [B, T, 1] or [T, 1]
    if (x.mask.empty()) {
        const std::string one_more = g.node("Add", {steps(g, x.name), g.integer(1)});
        count = g.node("Unsqueeze", {cast(g, one_more, Element::float32), g.list({1})});
    } else {
        const std::string sums = g.node("CumSum", {cast(g, x.mask, Element::float32), axis});
        count = as_column(g, g.node("Max", {sums, g.number(1)}));
    }
    return {g.node("Div", {g.node("CumSum", {kept, axis}), count}), 3, x.mask};
}
#endif

}  // namespace onnx
DEEPREC_END
