/// Models in files: `save(model, "model.safetensors")`, `load<decltype(model)>("model.safetensors")`.
///
/// The file has every parameter and state by its path ("user.2.kernel"), so that other programs can read it, and the
/// options of the layers as texts (io/model_options.hpp), so that `load<Model>` needs nothing but the type.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include <deeprec/core/parameters.hpp>
#include <deeprec/io/model_options.hpp>
#include <deeprec/io/within_memory.hpp>

DEEPREC_BEGIN

/// Where a parameter's numbers are in a file of another program: `"fc.bias"`, `{"fc.weight", Axes::reversed}`.
struct TensorSource {
    /// Whether the file has the axes in the model's order, or from the last to the first, as PyTorch's weights of
    /// Linear, Conv1d and recurrent layers have them.
    enum class Axes { same, reversed };

    TensorSource(const char* tensor) : name(tensor) {}
    TensorSource(std::string tensor, Axes order = Axes::same) : name(std::move(tensor)), axes(order) {}

    std::string name;        ///< of the file's tensor
    Axes axes = Axes::same;  ///< in which order the file has its axes
};
using Axes = TensorSource::Axes;

/// Of `load`: `load(model, path, {.convert = Convert::yes})`.
struct LoadOptions {
    Convert convert = Convert::no;  ///< yes: floating numbers of another type become the model's
    bool check_finite = true;       ///< NumericError for a NaN or an infinity, with its parameter
    /// The file's tensors for parameters that it names otherwise: `{{"0.kernel", {"fc.weight", Axes::reversed}}}`.
    std::map<std::string, TensorSource> names{};
    /// Tensors of the file that may stay unread, by name or by the last part of it: `{"num_batches_tracked"}`.
    std::vector<std::string> unread{};
    /// Parameters that the file does not have stay as they were, its tensors that the model does not have stay unread.
    /// What is in both must agree all the same.
    bool partial = false;
};

/// What became of a file: names in the order of the model, and of the file.
struct LoadReport {
    std::vector<std::string> read;     ///< parameters and states that the file had
    std::vector<std::string> missing;  ///< those that stay as they were (`partial`)
    std::vector<std::string> unread;   ///< tensors of the file (`unread`, `partial`)
};

namespace detail {

inline std::vector<Index> extents_of(const Shape& shape) {
    std::vector<Index> extents;
    for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
    return extents;
}
inline std::vector<Index> extents_in_file(const Shape& shape, Axes axes) {
    std::vector<Index> extents = extents_of(shape);
    if (axes == Axes::reversed) std::reverse(extents.begin(), extents.end());
    return extents;
}
/// Numbers that stand in the reverse order of the shape's axes, put in its order.
template <class T>
void reverse_axes(const Shape& shape, T* numbers) {
    const auto from_last = [&](int axis) { return shape.rank() > axis ? shape[shape.rank() - 1 - axis] : 1; };
    const Index a = from_last(2), b = from_last(1), c = from_last(0);
    const std::vector<T> from(numbers, numbers + a * b * c);  // [c, b, a]: parameters have at most 3 axes
    for (Index i = 0; i < a; ++i)
        for (Index j = 0; j < b; ++j)
            for (Index k = 0; k < c; ++k) *numbers++ = from[static_cast<std::size_t>((k * b + j) * a + i)];
}
DEEPREC_LAZY TensorSource source_of(const std::string& path, const LoadOptions& options) {
    const auto found = options.names.find(path);
    return found == options.names.end() ? TensorSource(path) : found->second;
}
inline bool may_stay_unread(std::string_view name, const LoadOptions& options) {
    return std::any_of(options.unread.begin(), options.unread.end(), [&](const std::string& end) {
        return name == end || name.ends_with("." + end) || name.ends_with("/" + end);
    });
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
bool has_parameters(const Fields<T>& fields) {
    return std::any_of(fields.parameters().begin(), fields.parameters().end(),
                       [](const Parameter<T>& p) { return !p.is_state() && p.held > 0; });
}
template <class T>
void check_has_parameters(std::string_view function, const Fields<T>& fields) {
    if (!has_parameters(fields))
        throw ArgumentError(message(function, ": the model has no parameters; build it first"));
}
/// What `save` writes. Throws ArgumentError for a model that is not built. A table that ranks share out is added by
/// `add_shared`; without, ArgumentError.
template <class T>
SafetensorsWriter collect(const Fields<T>& fields, const Metadata& metadata,
                          const std::function<void(SafetensorsWriter&, const Parameter<T>&)>& add_shared = nullptr);
/// Of the whole of a table, which has its numbers in a tensor from number `first`, the rows of its shard.
template <class T>
void read_shard(SafetensorsReader& file, const std::string& tensor, const std::vector<Index>& shape, Index first,
                const Parameter<T>& p, T* to, Convert convert = Convert::no);
/// What `read_tensors` will read. Throws FormatError unless the file has exactly these tensors, or what the options
/// want; ArgumentError for a name in the options that no parameter has.
template <class T>
LoadReport check_tensors(const Fields<T>& fields, const SafetensorsReader& file, const LoadOptions& options);
/// All numbers are read before the first goes into the model.
template <class T>
void read_tensors(const Fields<T>& fields, SafetensorsReader& file, const LoadOptions& options);
DEEPREC_LAZY_DECLARED void read_options(const LayerOptions& layer, const SafetensorsReader& file);
DEEPREC_LAZY_DECLARED void check_options(const std::vector<LayerOptions>& layers, const SafetensorsReader& file);

#if DEEPREC_BODIES
template <class T>
SafetensorsWriter collect(const Fields<T>& fields, const Metadata& metadata,
                          const std::function<void(SafetensorsWriter&, const Parameter<T>&)>& add_shared) {
    check_has_parameters("save", fields);
    SafetensorsWriter writer;
    write_options(fields.layers(), writer.metadata);
    for (const auto& [key, text] : metadata)
        if (!writer.metadata.emplace(key, text).second)
            throw ArgumentError("save: the metadata '" + key + "' is the library's own");
    for (const Parameter<T>& p : fields.parameters()) {
        if (p.shape.empty()) continue;
        if (!p.shard)
            writer.add(p.path, extents_of(p.shape), static_cast<const T*>(p.values));
        else if (add_shared)
            add_shared(writer, p);
        else
            throw ArgumentError(message("save: ", p.path, " is shared out, rank ", p.shard.rank, " of ", p.shard.ranks,
                                        " has ", p.shape[0], " of its ", p.all_rows, " rows; expected the world of ",
                                        "all: save(world, model, path)"));
    }
    return writer;
}
template <class T>
void read_shard(SafetensorsReader& file, const std::string& tensor, const std::vector<Index>& shape, Index first,
                const Parameter<T>& p, T* to, Convert convert) {
    const Index width = p.size() / p.shape[0], most = std::max<Index>(1, (Index{1} << 20) / width);
    std::vector<T> rows(static_cast<std::size_t>(std::min(most, p.all_rows) * width));
    for (Index begin = 0; begin < p.all_rows; begin += most) {
        const Index end = std::min(p.all_rows, begin + most);
        file.read_some(tensor, shape, first + begin * width, (end - begin) * width, rows.data(), convert);
        for (Index place = p.shard.rows(begin); place < p.shard.rows(end); ++place)
            to = std::copy_n(rows.data() + (p.shard.row(place) - begin) * width, width, to);
    }
}
template <class T>
LoadReport check_tensors(const Fields<T>& fields, const SafetensorsReader& file, const LoadOptions& options) {
    LoadReport report;
    std::set<std::string> ours, taken;
    for (const Parameter<T>& p : fields.parameters()) {
        if (p.shape.empty()) continue;
        ours.insert(p.path);
        const TensorSource source = source_of(p.path, options);
        const bool there = file.tensors().count(source.name) > 0;
        if (there || !options.partial)
            file.template check<T>(source.name, extents_in_file(p.whole_shape(), source.axes), options.convert);
        if (there && p.shard && source.axes == Axes::reversed)
            throw ArgumentError(message("load: names: the rows of ", p.path, " are shared out, expected Axes::same"));
        if (there && !taken.insert(source.name).second)
            throw ArgumentError("load: two parameters have the tensor " + shown(source.name, "'"));
        (there ? report.read : report.missing).push_back(p.path);
    }
    for (const auto& [path, source] : options.names)
        if (!ours.count(path))
            throw ArgumentError(message("load: names: the model has no parameter ", shown(path, "'"),
                                        " for the tensor ", shown(source.name, "'")));
    for (const auto& [name, entry] : file.tensors()) {
        if (taken.count(name)) continue;
        if (!options.partial && !may_stay_unread(name, options))
            throw FormatError(message(file.name(), ": tensor ", shown(name, "'"), " of ", shape_text(entry.shape),
                                      ": the model has no parameter of this name"));
        report.unread.push_back(name);
    }
    return report;
}
template <class T>
void read_tensors(const Fields<T>& fields, SafetensorsReader& file, const LoadOptions& options) {
    std::vector<Buffer<T>> numbers(fields.parameters().size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Parameter<T>& p = fields.parameters()[i];
        const TensorSource source = source_of(p.path, options);
        if (p.shape.empty() || (options.partial && !file.tensors().count(source.name))) continue;
        T* const read = numbers[i].need(p.size());
        const auto extents = extents_in_file(p.whole_shape(), source.axes);
        p.shard ? read_shard(file, source.name, extents, 0, p, read, options.convert)
                : file.read(source.name, extents, read, options.convert);
        const T* const bad = std::find_if(read, read + p.size(), [](T x) { return !std::isfinite(x); });
        if (options.check_finite && bad != read + p.size())
            throw NumericError(message(file.name(), ": tensor ", shown(source.name, "'"), ": number ", bad - read,
                                       " is ", *bad, "; expected finite numbers (LoadOptions::check_finite)"));
        if (source.axes == Axes::reversed) reverse_axes(p.shape, read);
    }
    for (std::size_t i = 0; i < numbers.size(); ++i)
        if (numbers[i].data())
            std::copy_n(numbers[i].data(), fields.parameters()[i].size(), fields.parameters()[i].values);
}
DEEPREC_LAZY_FUNCTION void read_options(const LayerOptions& layer, const SafetensorsReader& file) {
    OptionReader(file, layer).read();
}
DEEPREC_LAZY_FUNCTION void check_options(const std::vector<LayerOptions>& layers, const SafetensorsReader& file) {
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)  // inner ones first
        OptionReader(file, *layer).check();
}
#endif

/// Gives a model that is not built the options and sizes of the file's. The shapes are compared with those in the file
/// before anything is made.
template <class Model>
void restore(Model& model, SafetensorsReader& file, const LoadOptions& options) {
    try {
        if constexpr (requires { Model::has_parts_of_any_type; })
            model.make_parts(file.name(), [&](const std::string& path) {
                const auto found = file.metadata().find(option_key(path));
                return found == file.metadata().end() ? nullptr : &found->second;
            });
        // One layer at a time, outer ones first: names of fields are options and lead to the layers behind them.
        for (std::size_t i = 0; i < named_fields(model).layers().size(); ++i)
            read_options(named_fields(model).layers()[i], file);
        check_options(named_fields(model).layers(), file);
        model.restore();
    } catch (const FormatError&) {
        throw;
    } catch (const Error& error) {  // options that do not fit each other
        throw FormatError(message(file.name(), ": the model that it describes cannot be built: ", error.what()));
    }
    const auto fields = named_fields(model);
    check_tensors(fields, file, options);
    for (const auto& p : fields.parameters()) p.resize(p.tensor, p.shape);
}

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
/// shapes, or names that the options translate. A SequenceRecommender that is not built takes its options and sizes
/// from the file, as from `load<Model>`, but keeps the layers of its `step` and `user`. Throws
/// FormatError, leaving the model as it was, unless the file has exactly the model's tensors (LoadOptions::unread and
/// partial allow for others): the message has the first that is missing, additional or of another shape or type. Throws
/// NumericError for numbers that are not finite, ArgumentError for names in the options that the model does not have.
template <class Model>
LoadReport load(Model& model, SafetensorsReader& file, const LoadOptions& options = {}) {
    if constexpr (requires { Model::has_parts_of_any_type; })
        if (!options.partial && !detail::has_parameters(detail::named_fields(model))) {
            Model restored = model;
            LoadReport report = detail::within_memory(file.name(), [&] {
                detail::restore(restored, file, options);
                return load(restored, file, options);
            });
            model = std::move(restored);
            return report;
        }
    const auto fields = detail::named_fields(model);
    detail::check_has_parameters("load", fields);
    return detail::within_memory(file.name(), [&] {
        LoadReport report = detail::check_tensors(fields, file, options);
        detail::read_tensors(fields, file, options);
        model.parameters_changed();
        return report;
    });
}
template <class Model>
LoadReport load(Model& model, const std::filesystem::path& path, const LoadOptions& options = {}) {
    SafetensorsReader file(path);
    return load(model, file, options);
}

/// The model that was saved, a Sequential, a TwoTower of Sequentials or a SequenceRecommender. Throws FormatError
/// unless the file comes from a model of this type, ArgumentError for LoadOptions::partial, which needs a model that
/// has been built.
template <detail::HasParameters Model>
std::remove_cvref_t<Model> load(SafetensorsReader& file, const LoadOptions& options = {}) {
    if (options.partial) throw ArgumentError("load: partial: expected a model that has been built, load(model, path)");
    return detail::within_memory(file.name(), [&] {
        std::remove_cvref_t<Model> model;
        detail::restore(model, file, options);
        load(model, file, options);
        return model;
    });
}
template <detail::HasParameters Model>
std::remove_cvref_t<Model> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
    SafetensorsReader file(path);
    return load<Model>(file, options);
}

DEEPREC_END
