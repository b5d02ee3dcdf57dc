/// Models in files: `save(model, "model.safetensors")`, `load<decltype(model)>("model.safetensors")`.
///
/// The file has every parameter and state by its path ("user.2.kernel"), so that other programs can read it, and the
/// options of the layers as texts (io/model_options.hpp), so that `load<Model>` needs nothing but the type.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include <deeprec/core/parameters.hpp>
#include <deeprec/io/model_options.hpp>

DEEPREC_BEGIN

struct LoadOptions {
    Convert convert = Convert::no;  ///< yes: floating numbers of another type become the model's
    bool check_finite = true;       ///< NumericError for a NaN or an infinity, with its parameter
};

namespace detail {

inline std::vector<Index> extents_of(const Shape& shape) {
    std::vector<Index> extents;
    for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
    return extents;
}
/// All fields of a model by name.
template <class Model>
Fields<typename Model::Scalar> named_fields(const Model& model) {
    using T = typename Model::Scalar;
    typename Model::Gradients none;
    Fields<T> fields(Fields<T>::With::names);
    list_fields(model, none, fields);
    return fields;
}
/// Tells models from scorers and others that have a `load` of their own.
template <class Model>
concept HasParameters = requires { typename std::remove_cvref_t<Model>::Gradients; };
template <class T>
void check_has_parameters(std::string_view function, const Fields<T>& fields) {
    for (const Parameter<T>& p : fields.parameters())
        if (!p.is_state() && p.held > 0) return;
    throw ArgumentError(message(function, ": the model has no parameters; build it first"));
}
/// What `save` writes. Throws ArgumentError for a model that is not built.
template <class T>
SafetensorsWriter collect(Fields<T>& fields, const Metadata& metadata);
/// Throws FormatError unless the file has exactly these tensors.
template <class T>
void check_tensors(const Fields<T>& fields, const SafetensorsReader& file, const LoadOptions& options);
/// All numbers are read before the first goes into the model.
template <class T>
void read_tensors(const Fields<T>& fields, SafetensorsReader& file, const LoadOptions& options);
void read_options(const LayerOptions& layer, const SafetensorsReader& file);
void check_options(const std::vector<LayerOptions>& layers, const SafetensorsReader& file);

#if DEEPREC_BODIES
template <class T>
SafetensorsWriter collect(Fields<T>& fields, const Metadata& metadata) {
    check_has_parameters("save", fields);
    SafetensorsWriter writer;
    write_options(fields.layers(), writer.metadata);
    for (const auto& [key, text] : metadata)
        if (!writer.metadata.emplace(key, text).second)
            throw ArgumentError("save: the metadata '" + key + "' is the library's own");
    for (const Parameter<T>& p : fields.parameters())
        if (!p.shape.empty()) writer.add(p.path, extents_of(p.shape), static_cast<const T*>(p.values));
    return writer;
}
template <class T>
void check_tensors(const Fields<T>& fields, const SafetensorsReader& file, const LoadOptions& options) {
    std::set<std::string> names;
    for (const Parameter<T>& p : fields.parameters())
        if (!p.shape.empty())
            file.template check<T>(*names.emplace(p.path).first, extents_of(p.shape), options.convert);
    for (const auto& [name, entry] : file.tensors())
        if (!names.count(name))
            throw FormatError(message(file.name(), ": tensor ", shown(name, "'"), " of ", shape_text(entry.shape),
                                      ": the model has no parameter of this name"));
}
template <class T>
void read_tensors(const Fields<T>& fields, SafetensorsReader& file, const LoadOptions& options) {
    std::vector<Buffer<T>> numbers(fields.parameters().size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Parameter<T>& p = fields.parameters()[i];
        if (p.shape.empty()) continue;
        T* const read = numbers[i].need(p.size());
        file.read(p.path, extents_of(p.shape), read, options.convert);
        const T* const bad = std::find_if(read, read + p.size(), [](T x) { return !std::isfinite(x); });
        if (options.check_finite && bad != read + p.size())
            throw NumericError(message(file.name(), ": tensor ", shown(p.path, "'"), ": number ", bad - read, " is ",
                                       *bad, "; expected finite numbers (LoadOptions::check_finite)"));
    }
    for (std::size_t i = 0; i < numbers.size(); ++i)
        std::copy_n(numbers[i].data(), fields.parameters()[i].size(), fields.parameters()[i].values);
}
DEEPREC_FUNCTION void read_options(const LayerOptions& layer, const SafetensorsReader& file) {
    OptionReader(file, layer).read();
}
DEEPREC_FUNCTION void check_options(const std::vector<LayerOptions>& layers, const SafetensorsReader& file) {
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)  // inner ones first
        OptionReader(file, *layer).check();
}
#endif

}  // namespace detail

/// Writes all parameters and states of a built model, its options and your own texts, in place of the file if there is
/// one (FileReplacement: whole or not at all). Throws FileError, ArgumentError for a model that is not built.
template <detail::HasParameters Model>
void save(const Model& model, const std::filesystem::path& path, const Metadata& metadata = {}) {
    auto fields = detail::named_fields(model);
    detail::collect(fields, metadata).write(path);
}
/// To a stream, which is flushed. Throws FileError where it does not take everything, ArgumentError as above.
template <detail::HasParameters Model>
void save(const Model& model, std::ostream& out, const Metadata& metadata = {}) {
    auto fields = detail::named_fields(model);
    detail::collect(fields, metadata).write(out);
}

/// Reads all parameters and states into a built model, from a file of this library or any other that uses its names and
/// shapes. Throws FormatError, leaving the model as it was, unless the file has exactly the model's tensors: the
/// message has the first that is missing, additional or of another shape or type. Throws NumericError for numbers that
/// are not finite.
template <class Model>
void load(Model& model, SafetensorsReader& file, const LoadOptions& options = {}) {
    const auto fields = detail::named_fields(model);
    detail::check_has_parameters("load", fields);
    detail::check_tensors(fields, file, options);
    detail::read_tensors(fields, file, options);
    model.parameters_changed();
}
template <class Model>
void load(Model& model, const std::filesystem::path& path, const LoadOptions& options = {}) {
    SafetensorsReader file(path);
    load(model, file, options);
}

/// The model that was saved, a Sequential, a TwoTower of Sequentials or a SequenceRecommender. Throws FormatError
/// unless the file comes from a model of this type. The shapes that its options ask for are compared with those in the
/// file before anything is made.
template <detail::HasParameters Model>
std::remove_cvref_t<Model> load(SafetensorsReader& file, const LoadOptions& options = {}) {
    std::remove_cvref_t<Model> model;
    try {
        // One layer at a time, outer ones first: the names of fields are options, and lead to the layers behind them.
        for (std::size_t i = 0; i < detail::named_fields(model).layers().size(); ++i)
            detail::read_options(detail::named_fields(model).layers()[i], file);
        detail::check_options(detail::named_fields(model).layers(), file);
        model.restore();
        const auto fields = detail::named_fields(model);
        detail::check_tensors(fields, file, options);
        for (const auto& p : fields.parameters()) p.resize(p.tensor, p.shape);
    } catch (const FormatError&) {
        throw;
    } catch (const std::exception& error) {  // options that do not fit each other, or memory
        throw FormatError(message(file.name(), ": the model that it describes cannot be built: ", error.what()));
    }
    load(model, file, options);
    return model;
}
template <detail::HasParameters Model>
std::remove_cvref_t<Model> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
    SafetensorsReader file(path);
    return load<Model>(file, options);
}

DEEPREC_END
