/// Named fields as many as are known at run time: of a table's columns, or of a file.
#pragma once

#include <algorithm>
#include <any>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/models/field_model.hpp>

DEEPREC_BEGIN

/// The same as Branches of `field`s, where the number of fields is not a matter of the type:
///
///     FieldList fields;
///     fields.add("event", Embedding{4, 64});
///     fields.add("price", Dense{64});
///     SequenceRecommender next{items, tower, {.step = fields}};
///
/// A layer is an Embedding, an EmbeddingBag or a Dense without activation or with relu. Such Branches are one FieldList
/// when a file is loaded: bits, names of parameters and files are those of Branches.
template <class T = float>
class FieldList : public LayerInterface<FieldList<T>, T, Named> {
public:
    using Scalar = T;
    using InputElement = Named;
    using FieldLayer = std::variant<Embedding<T>, EmbeddingBag<T>, Dense<T, Linear>, Dense<T, ReLU>>;
    struct Cache : LayerCache {
        std::vector<std::any> parts;
        std::vector<Block<const T>> outputs;
        std::vector<Buffer<T>> gradients;  // by the outputs
        FieldTaps* taps = nullptr;         // where the outputs came from, null = from the layers
        std::vector<std::size_t> tap;
        Buffer<T> y;
        Buffer<std::uint8_t> keep;
    };
    struct Gradients {
        std::vector<std::any> parts;
    };
    static constexpr Reads reads = Reads::record;
    static constexpr bool asks = true;
    static constexpr std::string_view name() { return "FieldList"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(std::is_same_v<Element, Named>,
                      "FieldList: it reads a Record of named tensors, so nothing may stand before it");
        return any_rank;
    }

    /// Throws ArgumentError for a name that is there, and as Branches.
    void add(std::string name, FieldLayer layer) {
        own_.push_back({std::move(name), {}});
        layers_.push_back(std::move(layer));
        shapes_.emplace_back();
        check();
    }
    void check() const { detail::check_field_names(name(), own_, nullptr); }
    /// Shapes alone of all parts; `build` calls it. Throws ArgumentError for a list without fields.
    Shape size(const RecordShape& in) {
        if (layers_.empty()) throw ArgumentError("FieldList: expected fields, received none");
        each([&]<class L>(std::size_t i, L& layer) {
            for (const FieldShape& f : in)
                if (f.name == own_[i].name) own_[i].shape = f.shape;
            own_[i].type = element_type<typename L::InputElement>;
            shapes_[i] = layer.size(own_[i].shape);
        });
        record_ = input_shape();
        return detail::joined_shape(own_, shapes_.data());
    }
    /// Sizes what was read from a file.
    void restore() { size(input_shape()); }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("fields", own_);
        g.parts.resize(layers_.size());
        each([&]<class L>(std::size_t i, L& layer) {
            f.part(std::string_view(own_[i].name), layer, detail::value_in<typename L::Gradients>(g.parts[i]), i);
        });
    }
    void parameters_changed() {
        each([](std::size_t, auto& layer) { layer.parameters_changed(); });
    }

    Block<const T> apply(const RecordView& x, Cache& cache, const Pass& pass) const {
        cache.parts.resize(layers_.size()), cache.outputs.resize(layers_.size()), cache.tap.resize(layers_.size());
        cache.taps = pass.taps && pass.taps->replaces ? pass.taps : nullptr;
        each([&]<class L>(std::size_t i, const L& layer) {
            if (cache.taps) {
                cache.tap[i] = cache.taps->next;
                cache.outputs[i] = cache.taps->template take<T>();
                return;
            }
            using Element = typename L::InputElement;
            const FieldView* const found = x.find(own_[i].name);
            if (!found || found->type != element_type<Element>) detail::check_fields(name(), record_, x);
            cache.outputs[i] = layer.apply(x.template get<Element>(*found),
                                           detail::value_in<typename L::Cache>(cache.parts[i]), pass.for_part(i));
            if (pass.taps) pass.taps->add(own_[i].name, cache.outputs[i]);
        });
        const auto y = detail::join<T>(own_, cache.outputs, cache.y, cache.keep);
        cache.out = y.shape;
        cache.trained = pass.training;
        return y;
    }
    /// There is no gradient by a record.
    Block<const T> apply_backward(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool) const {
        detail::check_trained(name(), cache.trained);
        detail::check_gradient(name(), cache.out, dy.shape);
        cache.gradients.resize(layers_.size()), gradients.parts.resize(layers_.size());
        Index offset = 0;
        each([&]<class L>(std::size_t i, const L& layer) {
            const Index width = cache.outputs[i].last();
            const T* const own = detail::columns_of(dy, offset, width, cache.gradients[i]);
            offset += width;
            if (cache.taps)
                cache.taps->taps[cache.tap[i]].gradient = own;
            else
                layer.apply_backward({own, dy.with_last(width)},
                                     detail::value_in<typename L::Cache>(cache.parts[i]),
                                     detail::value_in<typename L::Gradients>(gradients.parts[i]), false);
        });
        return {};
    }

    void ask(const RecordView& x, TableRows& tables) const {
        each([&]<class L>(std::size_t i, const L& layer) {
            const FieldView* const found = x.find(own_[i].name);
            if (found && found->type == element_type<typename L::InputElement>)  // else apply says what is wrong
                detail::ask_rows(layer, x.template get<typename L::InputElement>(*found), tables);
        });
    }
    /// All fields that are read, with the shapes of `build`.
    const RecordShape& input_shape() const { return own_; }
    /// The same since `build`; empty before.
    const RecordShape& record() const { return record_; }
    /// Whether every part gives that, since `build`.
    bool each_gives(const Shape& out) const {
        return std::all_of(shapes_.begin(), shapes_.end(), [&](const Shape& own) { return own == out; });
    }

private:
    /// f(i, layer) for each; errors name the field.
    template <class F>
    void each(F&& f) {
        for (std::size_t i = 0; i < layers_.size(); ++i)
            detail::in_field(own_[i].name, [&] { std::visit([&](auto& layer) { f(i, layer); }, layers_[i]); });
    }
    template <class F>
    void each(F&& f) const {
        for (std::size_t i = 0; i < layers_.size(); ++i)
            detail::in_field(own_[i].name, [&] { std::visit([&](const auto& layer) { f(i, layer); }, layers_[i]); });
    }

    std::vector<FieldLayer> layers_;
    RecordShape own_, record_;
    std::vector<Shape> shapes_;  // of the parts' outputs
};

namespace detail {

/// The fields at `path` of a file, text_of(path) being the options of the layer there or null. Nothing where the file
/// has none. Throws FormatError, in the name of `who`, for layers that no FieldList has.
template <class T, class TextOf>
std::optional<FieldList<T>> listed_fields(const std::string& who, const std::string& path, const TextOf& text_of) {
    const auto refuse = [&](const std::string& at, std::string_view layer) {
        throw FormatError(message(who, ": '", at, "' is ", shown(layer, ""),
                                  "; expected layers that a FieldList can have, or load(model, path) into a model with "
                                  "the same options"));
    };
    const auto layer_of = [](std::string_view text) { return text.substr(0, text.find(' ')); };
    const std::string* const all = text_of(path);
    if (!all) return std::nullopt;
    constexpr std::string_view begins = "Fields fields=";
    if (!all->starts_with(begins)) refuse(path, "no list of fields");
    constexpr int most = 256;  // each is compared with all others
    int count = 0;
    FieldList<T> list;
    std::string_view rest = std::string_view(*all).substr(begins.size());
    rest = rest.substr(0, rest.find(' '));
    while (!rest.empty()) {
        const std::string name(rest.substr(0, rest.find(':')));
        rest.remove_prefix(std::min(rest.find(';'), rest.size() - 1) + 1);
        if (++count > most) throw FormatError(message(who, ": '", path, "': expected at most ", most, " fields"));
        const std::string at = path + "." + name;
        const std::string* const own = name.empty() ? nullptr : text_of(at);
        if (!own) throw FormatError(message(who, ": expected the options of the layer of field ", shown(name, "'")));
        const std::string_view layer = layer_of(*own);
        if (layer == Embedding<T>::name())
            list.add(name, Embedding<T>());
        else if (layer == EmbeddingBag<T>::name())
            list.add(name, EmbeddingBag<T>());
        else if (layer == Dense<T>::name() && own->find(" activation=linear ") != std::string::npos)
            list.add(name, Dense<T, Linear>());
        else if (layer == Dense<T>::name() && own->find(" activation=relu ") != std::string::npos)
            list.add(name, Dense<T, ReLU>());
        else
            refuse(at, *own);
    }
    return list;
}

}  // namespace detail

DEEPREC_END
