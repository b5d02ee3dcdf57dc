/// Models as ONNX files, for runtimes in other languages and places: `export_onnx(model, "model.onnx")`.
///
/// Not in deeprec.hpp: include it by name. It needs no other library; the files are version 17 of ONNX's operators, in
/// float, and docs/exchange.md says what is in them. A layer of your own needs one function beside it, which the export
/// finds by its name:
///
///     onnx::Value to_onnx(onnx::Graph& g, const Scale<float>& layer, const onnx::Value& x) {
///         const onnx::LayerFields f(g, layer, {"offset"});  // all its options
///         std::vector<float> factors(f.values("gamma").begin(), f.values("gamma").end());
///         for (float& factor : factors) factor += static_cast<float>(f.number("offset"));
///         return {g.node("Mul", {x.name, g.constant("factors", factors, {std::ssize(factors)})}), x.rank, x.mask};
///     }
#pragma once

#include <deeprec/io/onnx/attention.hpp>
#include <deeprec/io/onnx/dense.hpp>
#include <deeprec/io/onnx/embedding.hpp>
#include <deeprec/io/onnx/graph.hpp>
#include <deeprec/io/onnx/layer_fields.hpp>
#include <deeprec/io/onnx/models.hpp>
#include <deeprec/io/onnx/operations.hpp>
#include <deeprec/io/onnx/protobuf.hpp>
#include <deeprec/io/onnx/recurrent.hpp>
#include <deeprec/io/onnx/sequence_recommender.hpp>
#include <deeprec/io/onnx/windows.hpp>
#include <deeprec/models/two_tower.hpp>

DEEPREC_BEGIN

namespace onnx {

/// The graph's input of samples of `shape`; the batch axis has the name `batch`, axes in the middle are `first`, "time"
/// where nothing else is said, and "places", the last one of numbers is a number.
Value input(Graph& g, std::string_view name, std::string_view batch, const Shape& shape, ElementType type,
            std::string_view first = "time");
[[noreturn]] void refuse_unbuilt();

/// The inputs that a model reads: one, or one for each of its fields, named with a dot behind `prefix`.
template <class Model>
auto inputs(Graph& g, const Model& model, std::string_view name, std::string_view prefix, std::string_view batch) {
    if constexpr (Model::reads == Reads::record) {
        if (model.record().empty()) refuse_unbuilt();
        Record record;
        for (const FieldShape& f : model.record())
            record.emplace_back(f.name,
                                input(g, message(prefix, prefix.empty() ? "" : ".", f.name), batch, f.shape, f.type));
        return record;
    } else {
        return input(g, prefix.empty() ? name : prefix, batch, model.input_shape(),
                     element_type<typename Model::InputElement>);
    }
}
/// Throws ArgumentError for a model whose parameters have no numbers yet.
template <class Model>
void check_built(const Model& model) {
    check_float<Model>();
    typename Model::Gradients none;
    Fields<typename Model::Scalar> fields;
    detail::list_fields(model, none, fields);
    for (const auto& p : fields.parameters()) {
        if (p.held != p.shape.size()) refuse_unbuilt();
        if (p.shard)
            throw ArgumentError(message("export_onnx: the model has the part of rank ", p.shard.rank, " of ",
                                        p.shard.ranks,
                                        " of a table; expected a whole one, as save(world, model, path) writes it"));
    }
}
/// A slice of the last axis of y for each head, by its name.
void head_outputs(Graph& g, const RecordShape& heads, const Value& y);
/// The output of a model, `name`; of a model that ends in Heads one for each, by its name.
template <class Model>
void outputs(Graph& g, const Model& model, std::string_view name, const Value& y) {
    if constexpr (HasHeads<Model>)
        head_outputs(g, model.heads().shapes(), y);
    else
        g.output(name, y);
}

/// The graph of a model: a Sequential or Branches, "x" or "ids" or the names of the fields -> "y".
template <class Model>
Graph graph_of(const Model& model) {
    check_built(model);
    Graph g;
    constexpr std::string_view name = Model::reads == Reads::ids ? "ids" : "x";
    const auto x = inputs(g, model, name, "", "batch");
    outputs(g, model, "y", part(g, "", model, x));
    return g;
}
/// A TwoTower: "user" and "item", or "user.FIELD" and "item.FIELD" -> "score" [B, outputs] of pairs of rows, or of one
/// user's row with all items'.
template <class User, class Item, class Layers>
Graph graph_of(const TwoTower<User, Item, Layers>& model) {
    check_built(model);
    Graph g;
    const auto users = inputs(g, model.user, "", "user", "users");
    const auto items = inputs(g, model.item, "", "item", "items");
    const Value u = part(g, "user", model.user, users), v = part(g, "item", model.item, items);
    outputs(g, model, "score", part(g, "head", model.head, u, v));
    return g;
}
/// A head of a TwoTower: "user" and "item", the towers' vectors -> "score".
template <Head Scores>
Graph graph_of(const Scores& head) {
    check_built(head);
    Graph g;
    Index user_width = 0, item_width = 0;
    if constexpr (requires { head.user_width(); })
        user_width = head.user_width(), item_width = user_width ? head.layers().input_shape()[0] - user_width : 0;
    else
        user_width = item_width = head.half_width();
    if (user_width == 0) refuse_unbuilt();
    const Value u = input(g, "user", "users", {user_width}, ElementType::float32);
    const Value v = input(g, "item", "items", {item_width}, ElementType::float32);
    outputs(g, head, "score", part(g, "", head, u, v));
    return g;
}
/// A SequenceRecommender: "ids" [B, T], events first, and "step.FIELD" [B, T, ...], "user.FIELD" [B, ...] -> "h"
/// [B, T, D], as `forward`.
template <class Tower>
Graph graph_of(const SequenceRecommender<Tower>& model) {
    check_built(model);
    Graph g;
    g.output("h", g.part("", model.name(), [&] {
        const LayerFields f = fields_of(g, model);
        const Value ids = input(g, "ids", "batch", {model.steps()}, ElementType::int32);
        const auto fields = [&](std::string_view option, std::string_view first) {
            Record record;
            for (const FieldShape& own : fields_read(g, f, option))
                record.emplace_back(own.name,
                                    input(g, message(option, ".", own.name), "batch", own.shape, own.type, first));
            return record;
        };
        const Record step = fields("step", "time"), user = fields("user", "places");
        return to_onnx(g, model, ids, step, user);
    }));
    return g;
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION Value input(Graph& g, std::string_view name, std::string_view batch, const Shape& shape,
                             ElementType type, std::string_view first) {
    const bool ids = type == ElementType::int32;
    if (!ids && shape.rank() == 0) refuse_unbuilt();
    std::vector<Graph::Axis> axes{batch};
    for (int axis = 0; axis < shape.rank(); ++axis)
        if (!ids && axis + 1 == shape.rank())
            axes.push_back(shape[axis]);
        else
            axes.push_back(axis == 0 ? first : "places");
    return {g.input(name, ids ? Element::int32 : Element::float32, axes), shape.rank() + 1};
}
DEEPREC_FUNCTION void head_outputs(Graph& g, const RecordShape& heads, const Value& y) {
    Index begin = 0;
    for (const FieldShape& head : heads) {
        const Index end = begin + head.shape.size();
        g.output(head.name, {g.node("Slice", {y.name, g.list({begin}), g.list({end}), g.list({-1})}), y.rank});
        begin = end;
    }
}
DEEPREC_FUNCTION void refuse_unbuilt() {
    throw ArgumentError("export_onnx: the model has no shapes and parameters; build it first");
}
#endif

}  // namespace onnx

/// Writes a built model as an ONNX file, in place of the file if there is one (FileReplacement: whole or not at all).
/// The model is a Sequential or Branches, a TwoTower or one of its parts (`model.user`, `model.item`, `model.head`), or
/// a SequenceRecommender; inputs and outputs have the names above. The graph predicts: it gives what `forward(x,
/// cache)` does, for any number of samples and steps, with the masks of `mask_zero`.
///
/// Throws ArgumentError, which names the layer, for what has no form in ONNX and for layers that have no `to_onnx`;
/// before `build`; above 2 GB. Throws FileError.
template <class Model>
void export_onnx(const Model& model, const std::filesystem::path& path) {
    onnx::graph_of(model).write(path);
}

DEEPREC_END
