/// Models in files: `save(model, "model.safetensors")`, `load<decltype(model)>("model.safetensors")`.
///
/// The file has every parameter and state by its path ("user.2.kernel"), so that other programs can read it, and the
/// options of the layers as texts (io/model_options.hpp), so that `load<Model>` needs nothing but the type.
#pragma once

#include <new>
#include <set>
#include <stdexcept>
#include <tuple>

#include <deeprec/io/model_options.hpp>

DEEPREC_BEGIN

namespace detail {

/// A layer or model with any options, for `OptionReader` to set.
template <class L>
struct Blank {
    static L make() {
        if constexpr (std::is_default_constructible_v<L>)
            return L();
        else if constexpr (std::is_constructible_v<L, Index>)
            return L(Index(1));
        else
            return L(Index(1), Index(1));
    }
};
template <template <class...> class Composition, class... Parts>
    requires(!std::is_default_constructible_v<Composition<Parts...>> &&
             !std::is_constructible_v<Composition<Parts...>, Index> &&
             std::is_constructible_v<Composition<Parts...>, Parts...>)
struct Blank<Composition<Parts...>> {
    static Composition<Parts...> make() { return Composition<Parts...>(Blank<Parts>::make()...); }
};
template <template <class> class Recommender, class Tower>
    requires(!std::is_arithmetic_v<Tower> && std::is_constructible_v<Recommender<Tower>, Index, Tower>)
struct Blank<Recommender<Tower>> {
    static Recommender<Tower> make() { return Recommender<Tower>(Index(1), Blank<Tower>::make()); }
};

template <class Tensor>
std::vector<Index> extents_of(const Tensor& tensor) {
    return {tensor.dimensions().begin(), tensor.dimensions().end()};
}
template <class Model>
void check_has_parameters(std::string_view function, const Model& model) {
    if (parameter_count(model) == 0)
        throw ArgumentError(message(function, ": the model has no parameters; build it first"));
}
template <class Model>
SafetensorsWriter collect(const Model& model, const Metadata& metadata) {
    check_has_parameters("save", model);
    SafetensorsWriter writer;
    OptionWriter(writer.metadata).part("", model);
    for (const auto& [key, text] : metadata)
        if (!writer.metadata.emplace(key, text).second)
            throw ArgumentError("save: the metadata '" + key + "' is the library's own");
    for_each_stored(model, [&](std::string_view name, const auto& tensor) {
        writer.add(std::string(name), extents_of(tensor), tensor.data());
    });
    return writer;
}

}  // namespace detail

/// Writes all parameters and states of a built model, its options and your own texts, in place of the file if there is
/// one (FileReplacement: whole or not at all). Throws FileError, ArgumentError for a model that is not built.
template <class Model>
void save(const Model& model, const std::filesystem::path& path, const Metadata& metadata = {}) {
    detail::collect(model, metadata).write(path);
}
/// To a stream, which is flushed. Throws FileError where it does not take everything, ArgumentError as above.
template <class Model>
void save(const Model& model, std::ostream& out, const Metadata& metadata = {}) {
    detail::collect(model, metadata).write(out);
}

/// Reads all parameters and states into a built model, from a file of this library or any other that uses its names and
/// shapes. Throws FormatError, leaving the model as it was, unless the file has exactly the model's tensors: the
/// message has the first that is missing, additional or of another shape or type. Nothing is converted.
template <class Model>
void load(Model& model, SafetensorsReader& file) {
    detail::check_has_parameters("load", model);
    std::set<std::string> names;
    detail::for_each_stored(std::as_const(model), [&](std::string_view name, const auto& tensor) {
        using T = typename std::decay_t<decltype(tensor)>::Scalar;
        file.template check<T>(*names.emplace(name).first, detail::extents_of(tensor));
    });
    for (const auto& [name, entry] : file.tensors())
        if (!names.count(name))
            throw FormatError(message(file.name(), ": tensor ", detail::shown(name, "'"), " of ",
                                      detail::shape_text(entry.shape), ": the model has no parameter of this name"));
    detail::for_each_stored(model, [&](std::string_view name, auto& tensor) {
        file.read(std::string(name), detail::extents_of(tensor), tensor.data());
    });
}
template <class Model>
void load(Model& model, const std::filesystem::path& path) {
    SafetensorsReader file(path);
    load(model, file);
}

/// The model that was saved, a Sequential, a TwoTower of Sequentials or a SequenceRecommender. Throws FormatError
/// unless the file comes from a model of this type.
template <class Model>
std::remove_cvref_t<Model> load(SafetensorsReader& file) {
    auto model = detail::Blank<std::remove_cvref_t<Model>>::make();
    detail::OptionReader options(file);
    const auto before = [&](const auto& layer, const Shape& in) { options.check(layer, in); };
    try {
        options.part("", model);
        if constexpr (requires { model.input_shape(); })
            model.build(model.input_shape(), Seed{}, before);
        else if constexpr (requires { model.steps(); })
            model.build(model.steps(), Seed{}, before);
        else
            model.build({model.user.input_shape(), model.item.input_shape()}, Seed{}, before);
    } catch (const FormatError&) {
        throw;
    } catch (const std::exception& error) {  // options that do not fit each other, or memory
        throw FormatError(message(file.name(), ": the model that it describes cannot be built: ", error.what()));
    }
    load(model, file);
    return model;
}
template <class Model>
std::remove_cvref_t<Model> load(const std::filesystem::path& path) {
    SafetensorsReader file(path);
    return load<Model>(file);
}

DEEPREC_END
