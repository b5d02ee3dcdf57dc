/// A SequenceRecommender as ONNX nodes, with what it reads of events and users beside the ids.
#pragma once

#include <deeprec/io/onnx/dense.hpp>
#include <deeprec/io/onnx/embedding.hpp>
#include <deeprec/io/onnx/models.hpp>
#include <deeprec/models/field_list.hpp>
#include <deeprec/models/sequence_recommender.hpp>

DEEPREC_BEGIN

namespace onnx {

/// The outputs of fields with a layer each: an Embedding, an EmbeddingBag or a Dense. Throws ArgumentError for others.
std::vector<Value> field_outputs(Graph& g, const LayerFields& f, const Record& x);
/// What fields of the option `part` give, [..., width]: the sum where each gives all of it, else side by side.
Value added_fields(Graph& g, const LayerFields& f, std::string_view part, const Record& x, Index width);
/// The fields that the option `part` reads, none where it is empty. Throws ArgumentError for a model whose fields have
/// not a layer each.
RecordShape fields_read(Graph& g, const LayerFields& f, std::string_view part);
/// x at length `scale`; zeros stay.
Value unit_length(Graph& g, const Value& x, double scale);

template <class T>
Value to_onnx(Graph& g, const FieldList<T>& model, const Record& x) {
    return side_by_side(g, field_outputs(g, {g, model, {"fields"}}, x));
}
/// The options that the export knows, and what they say.
template <class Tower>
LayerFields fields_of(const Graph& g, const SequenceRecommender<Tower>& model) {
    return {g,
            model,
            {"items", "steps", "width", "scale", "use_bias", "use_ids", "attributes", "id_dropout", "cold",
             "feature_width"}};
}
/// h of each step, as `forward`; `step` and `user` are the fields of events and users.
template <class Tower>
Value to_onnx(Graph& g, const SequenceRecommender<Tower>& model, const Value& ids, const Record& step,
              const Record& user) {
    const LayerFields f = fields_of(g, model);
    const Index rows = model.items() + 1, width = model.width();
    const std::span<const float> vectors{model.vectors(), static_cast<std::size_t>(rows * width)};
    Value x{rows_by_id(g, g.constant("items", vectors, {rows, width}), rows, ids.name), 3};
    if (!step.empty()) x.name = g.node("Add", {x.name, added_fields(g, f, "step", step, width).name});
    if (!user.empty()) {
        const Value of_user = added_fields(g, f, "user", user, width);
        x.name = g.node("Add", {x.name, g.node("Unsqueeze", {of_user.name, g.list({1})})});
    }
    const Value h = part(g, "tower", model.tower, x);
    return model.options().scale > 0 ? unit_length(g, h, model.options().scale) : h;
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::vector<Value> field_outputs(Graph& g, const LayerFields& f, const Record& x) {
    const auto one = [&](const LayerFields& layer, const Value& in) {
        if (layer.layer() == "Embedding") return embedding(g, layer, in);
        if (layer.layer() == "EmbeddingBag") return embedding_bag(g, layer, in);
        if (layer.layer() == "Dense") return dense(g, layer, in);
        g.refuse("expected a field's layer to be Embedding, EmbeddingBag or Dense");
    };
    std::vector<Value> outputs;
    for (const auto& field : x) {
        const LayerFields layer = f.part(field.first);
        outputs.push_back(g.part(field.first, layer.layer(), [&] { return one(layer, field.second); }));
    }
    return outputs;
}
DEEPREC_FUNCTION Value added_fields(Graph& g, const LayerFields& f, std::string_view part, const Record& x,
                                    Index width) {
    const LayerFields own = f.part(part);
    return g.part(part, own.layer(), [&] {
        const std::vector<Value> outputs = field_outputs(g, own, x);
        Index all = 0;
        for (const auto& [name, value] : x) {
            const LayerFields layer = own.part(name);
            all += layer.index(layer.has_option("units") ? "units" : "output_dim");
        }
        return all > width ? merged(g, "Add", outputs) : side_by_side(g, outputs);
    });
}
DEEPREC_FUNCTION RecordShape fields_read(Graph& g, const LayerFields& f, std::string_view part) {
    if (!f.has_part(part)) return {};
    const LayerFields own = f.part(part);
    return g.part(part, own.layer(), [&] {
        RecordShape fields;
        if (own.has_option("fields")) fields = own.record("fields");
        const auto named = [](const FieldShape& field) { return !field.name.empty(); };
        if (fields.empty() || !std::all_of(fields.begin(), fields.end(), named))
            g.refuse("expected fields with a layer each, Branches of field(name, layer) alone or a FieldList");
        return fields;
    });
}
DEEPREC_FUNCTION Value unit_length(Graph& g, const Value& x, double scale) {
    const std::string length = g.node("Sqrt", {sum_last(g, g.node("Mul", {x.name, x.name}))});
    const std::string some = g.node("Greater", {length, g.number(0)});
    const std::string unit = g.node("Div", {g.node("Mul", {x.name, g.number(scale)}), length});
    return {g.node("Where", {some, unit, g.number(0)}), x.rank, x.mask};
}
#endif

}  // namespace onnx
DEEPREC_END
