/// What a layer says of itself, for its export: options and parameters by their names.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/parameters.hpp>
#include <deeprec/io/onnx/graph.hpp>

DEEPREC_BEGIN

namespace onnx {

/// Fails to compile for a layer or model of another scalar than float.
template <class L>
constexpr void check_float() {
    static_assert(std::is_same_v<typename L::Scalar, float>,
                  "export_onnx: the model must be of float, for which runtimes have their operators; "
                  "`load<FloatModel>(path, {.convert = Convert::yes})` makes one of a file of double");
}

/// The options and parameters that a layer names in `fields` (core/fields.hpp). They point into the layer.
class LayerFields {
public:
    /// Throws ArgumentError where the layer has other options than those: what an exporter does not know it must not
    /// pass over.
    template <class L>
    LayerFields(const Graph& g, const L& layer, std::initializer_list<std::string_view> known) : LayerFields(g, layer) {
        check_options(g, known);
    }
    /// The same, `check_options` to follow.
    template <class L>
    LayerFields(const Graph&, const L& layer) {
        check_float<L>();
        typename L::Gradients none;
        Fields<float> fields(Fields<float>::With::names);
        detail::list_fields(layer, none, fields);
        layers_ = fields.layers();
        parameters_ = std::move(fields.parameters());
    }
    /// Of the part `name`. Throws ArgumentError where there is none.
    LayerFields part(std::string_view name) const;
    /// Whether the layer has a part of this name.
    bool has_part(std::string_view name) const;
    /// Throws ArgumentError where the layer has other options than those.
    void check_options(const Graph& g, std::initializer_list<std::string_view> known) const;

    /// The name() of the layer.
    std::string_view layer() const { return layers_.front().layer; }
    /// Whether the layer has an option of this name.
    bool has_option(std::string_view name) const;

    /// An option that is true or false.
    bool truth(std::string_view name) const {
        const Option& o = option(name);
        return o.kind == OptionKind::fixed ? o.text == "true" : *static_cast<const bool*>(o.value);
    }
    /// An option that is a number.
    Index index(std::string_view name) const { return *static_cast<const Index*>(option(name).value); }
    /// Of a double or float, or the number of an activation that has one.
    double number(std::string_view name) const {
        const Option& o = option(name);
        return o.kind == OptionKind::single ? double{*static_cast<const float*>(o.value)}
                                            : *static_cast<const double*>(o.value);
    }
    /// A choice by its name, or what the type fixes, such as an activation.
    std::string_view text(std::string_view name) const {
        const Option& o = option(name);
        return o.kind == OptionKind::choice ? o.words[o.get(o.value)] : o.text;
    }
    /// An option that is a shape of named fields.
    const RecordShape& record(std::string_view name) const {
        return *static_cast<const RecordShape*>(option(name).value);
    }
    /// Numbers of a parameter or state, row-major; empty for one that the layer does without.
    std::span<const float> values(std::string_view name) const;
    /// Shape of a parameter or state.
    Shape shape(std::string_view name) const;

private:
    LayerFields() = default;
    const std::vector<Option>& options() const { return layers_.front().options; }
    const Option& option(std::string_view name) const;
    const Parameter<float>* parameter(std::string_view name) const;

    std::vector<LayerOptions> layers_;  // itself, and those inside
    std::vector<Parameter<float>> parameters_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION LayerFields LayerFields::part(std::string_view name) const {
    LayerFields own;
    const std::string inner = std::string(name) + ".";
    const auto behind = [&](const std::string& path) { return path.substr(std::min(inner.size(), path.size())); };
    for (const LayerOptions& layer : layers_) {
        if (layer.path != name && !layer.path.starts_with(inner)) continue;
        own.layers_.push_back(layer);
        own.layers_.back().path = behind(layer.path);
    }
    if (own.layers_.empty()) throw ArgumentError(message("export_onnx: the layer has no part '", name, "'"));
    for (const Parameter<float>& p : parameters_) {
        if (!p.path.starts_with(inner)) continue;
        own.parameters_.push_back(p);
        own.parameters_.back().path = behind(p.path);
    }
    return own;
}
DEEPREC_FUNCTION bool LayerFields::has_part(std::string_view name) const {
    return std::any_of(layers_.begin(), layers_.end(), [&](const LayerOptions& layer) { return layer.path == name; });
}
DEEPREC_FUNCTION void LayerFields::check_options(const Graph& g, std::initializer_list<std::string_view> known) const {
    for (const Option& o : options())
        if (std::find(known.begin(), known.end(), o.name) == known.end())
            g.refuse("the export knows nothing of the option '", o.name, "'");
}
DEEPREC_FUNCTION bool LayerFields::has_option(std::string_view name) const {
    return std::any_of(options().begin(), options().end(), [&](const Option& o) { return o.name == name; });
}
DEEPREC_FUNCTION const Option& LayerFields::option(std::string_view name) const {
    for (const Option& o : options())
        if (o.name == name) return o;
    throw ArgumentError(message("export_onnx: the layer has no option '", name, "'"));
}
DEEPREC_FUNCTION const Parameter<float>* LayerFields::parameter(std::string_view name) const {
    const Parameter<float>* found = nullptr;  // GRU has two of the name "bias", one of them empty
    for (const Parameter<float>& p : parameters_)
        if (p.path == name && (!found || p.held > 0)) found = &p;
    if (!found) throw ArgumentError(message("export_onnx: the layer has no parameter '", name, "'"));
    return found;
}
DEEPREC_FUNCTION std::span<const float> LayerFields::values(std::string_view name) const {
    const Parameter<float>* p = parameter(name);
    return {p->values, static_cast<std::size_t>(p->held)};
}
DEEPREC_FUNCTION Shape LayerFields::shape(std::string_view name) const { return parameter(name)->shape; }
#endif

}  // namespace onnx
DEEPREC_END
