/// Layers on ids as ONNX nodes: Embedding, EmbeddingBag, PositionEmbedding.
#pragma once

#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/position_embedding.hpp>

DEEPREC_BEGIN

namespace onnx {

/// Rows of a table [rows, D] by ids; ids outside of it fail when the graph runs, negative ones too, which `Gather`
/// alone would count from the end.
std::string rows_by_id(Graph& g, const std::string& table, Index rows, const std::string& ids);
/// The same for a layer with the options input_dim and out_of_range.
std::string rows_by_id(Graph& g, const LayerFields& f, const std::string& ids);
Value embedding(Graph& g, const LayerFields& f, const Value& ids);
Value embedding_bag(Graph& g, const LayerFields& f, const Value& ids);
Value position_embedding(Graph& g, const LayerFields& f, const Value& x);

template <class T>
Value to_onnx(Graph& g, const Embedding<T>& layer, const Value& ids) {
    return embedding(g, {g, layer}, ids);
}
template <class T>
Value to_onnx(Graph& g, const EmbeddingBag<T>& layer, const Value& ids) {
    return embedding_bag(g, {g, layer}, ids);
}
template <class T>
Value to_onnx(Graph& g, const PositionEmbedding<T>& layer, const Value& x) {
    return position_embedding(g, {g, layer, {"sequence_length"}}, x);
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::string rows_by_id(Graph& g, const std::string& table, Index rows, const std::string& ids) {
    const std::string row = cast(g, ids, Element::int64);
    const std::string negative = g.node("Less", {row, g.integer(0)});
    return g.node("Gather", {table, g.node("Where", {negative, g.integer(rows), row})});
}
DEEPREC_FUNCTION std::string rows_by_id(Graph& g, const LayerFields& f, const std::string& ids) {
    const Index rows = f.index("input_dim");
    const std::string table = parameter(g, f, "embeddings");
    if (f.text("out_of_range") == "error") return rows_by_id(g, table, rows, ids);
    const std::string row = cast(g, ids, Element::int64);
    const std::string outside =
        g.node("Or", {g.node("Less", {row, g.integer(0)}), g.node("Greater", {row, g.integer(rows - 1)})});
    return g.node("Gather", {table, g.node("Where", {outside, g.integer(rows - 1), row})});
}
/// ids that are not padding.
inline std::string not_padding(Graph& g, const std::string& ids) {
    return g.node("Not", {g.node("Equal", {cast(g, ids, Element::int64), g.integer(0)})});
}
DEEPREC_FUNCTION Value embedding(Graph& g, const LayerFields& f, const Value& ids) {
    f.check_options(g, {"input_dim", "output_dim", "mask_zero", "out_of_range"});
    Value y{rows_by_id(g, f, ids.name), ids.rank + 1};
    if (f.truth("mask_zero") && ids.rank == 2) y.mask = not_padding(g, ids.name);
    return y;
}
DEEPREC_FUNCTION Value embedding_bag(Graph& g, const LayerFields& f, const Value& ids) {
    f.check_options(g, {"input_dim", "output_dim", "mode", "mask_zero", "out_of_range"});
    const std::string_view mode = f.text("mode");
    const std::string axis = g.list({-2});
    std::string rows = rows_by_id(g, f, ids.name), counts;
    if (f.truth("mask_zero")) counts = g.node("Unsqueeze", {not_padding(g, ids.name), g.list({-1})});
    const auto largest = [&](const std::string& x) {
        return g.node("ReduceMax", {x}, {{"axes", std::vector<std::int64_t>{-2}}, {"keepdims", std::int64_t{0}}});
    };
    const auto sum = [&](const std::string& x) {
        return g.node("ReduceSum", {x, axis}, {{"keepdims", std::int64_t{0}}});
    };
    Value y{"", ids.rank};
    if (mode == "max") {
        if (counts.empty()) return y.name = largest(rows), y;
        const double lowest = -std::numeric_limits<float>::infinity();
        const std::string top = largest(g.node("Where", {counts, rows, g.number(lowest)}));
        const std::string any = g.node("Greater", {sum(cast(g, counts, Element::float32)), g.number(0)});
        return y.name = g.node("Where", {any, top, g.number(0)}), y;
    }
    if (!counts.empty()) rows = g.node("Where", {counts, rows, g.number(0)});
    y.name = sum(rows);
    if (mode == "sum") return y;
    if (mode != "mean") g.refuse("the export knows nothing of the mode ", mode);
    const std::string n = cast(g, counts.empty() ? extent(g, ids.name, -1) : counts, Element::float32);
    return y.name = g.node("Div", {y.name, g.node("Max", {counts.empty() ? n : sum(n), g.number(1)})}), y;
}
DEEPREC_FUNCTION Value position_embedding(Graph& g, const LayerFields& f, const Value& x) {
    const std::string rows = g.node("Gather", {parameter(g, f, "embeddings"), steps(g, x.name)});
    return {g.node("Add", {x.name, rows}), x.rank, x.mask};
}
#endif

}  // namespace onnx
DEEPREC_END
