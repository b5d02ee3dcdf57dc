/// Several named inputs, each through a layer of its own, side by side as one tensor.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

#include <deeprec/core/field_taps.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/core/utf8.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/models/summary.hpp>

DEEPREC_BEGIN

/// A name that the compiler knows.
template <std::size_t N>
struct FieldName {
    char text[N]{};  ///< with the zero at its end
    consteval FieldName(const char (&name)[N]) { std::copy_n(name, N, text); }
};
/// A layer over the tensor `name` of a record. A layer that reads records itself gets all of it, and the name is that
/// of its parameters.
template <class L, FieldName Name = "">
struct NamedField {
    std::string name;  ///< of the tensor, and of the parameters
    L layer;           ///< that reads it
};
/// `field("item", Embedding{n, 48})`
template <class L>
NamedField<L> field(std::string name, L layer) {
    return {std::move(name), std::move(layer)};
}
/// The same for a name that does not change: `field<"item">(Embedding{n, 48})`. It is part of the type, so errors of
/// the compiler show it too.
template <FieldName Name, class L>
NamedField<L, Name> field(L layer) {
    return {Name.text, std::move(layer)};
}

namespace detail {
template <class Part>
struct PartOf {
    using Layer = Part;
    static constexpr bool is_named = false;
};
template <class L, FieldName Name>
struct PartOf<NamedField<L, Name>> {
    using Layer = L;
    static constexpr bool is_named = true;
};
template <class L>
inline constexpr int rank_of_output = L::template output_rank<typename L::InputElement, any_rank>();

/// Throws ArgumentError unless the names are distinct and can be parts of paths. Parts of which `named` says no need
/// none; null: all have one.
void check_field_names(std::string_view who, const RecordShape& fields, const bool* named);
/// Throws ShapeError unless parts that give these shapes can stand side by side; the shape of all.
Shape joined_shape(const RecordShape& fields, const Shape* outputs);
/// Names the field in an error of its layer.
template <class E>
[[noreturn]] DEEPREC_NOINLINE void refuse_field(const std::string& name, const E& error) {
    throw E(name.empty() ? std::string(error.what()) : message("field '", name, "': ", error.what()));
}
/// f(), whose errors name the field.
template <class F>
void in_field(const std::string& name, F&& f) {
    try {
        f();
    } catch (const ShapeError& error) {
        refuse_field(name, error);
    } catch (const DataError& error) {
        refuse_field(name, error);
    }
}
/// The parts' outputs side by side; a step is kept where every part with a mask keeps it.
template <class T>
Block<const T> join(const RecordShape& fields, std::span<const Block<const T>> parts, Buffer<T>& y,
                    Buffer<std::uint8_t>& keep);

/// Columns offset ... offset + width of every row of dy, in `to`: a part's share of the gradient.
template <class T>
const T* columns_of(const Block<const T>& dy, Index offset, Index width, Buffer<T>& to) {
    T* const own = to.need(dy.rows() * width);
    for (Index r = 0; r < dy.rows(); ++r)
        kernels::copy<T>(dy.data + r * dy.last() + offset, own + r * width, width);
    return own;
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION void check_field_names(std::string_view who, const RecordShape& fields, const bool* named) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::string& name = fields[i].name;
        const auto bad = [](char c) {
            return static_cast<unsigned char>(c) <= ' ' || std::string_view(".,:;=").find(c) != std::string_view::npos;
        };
        if (std::any_of(name.begin(), name.end(), bad) || ((!named || named[i]) && name.empty()) ||
            find_not_utf8(name) != name.npos)  // which no file could keep
            throw ArgumentError(message(who, ": expected names of UTF-8 without spaces and any of .,:;= in them, ",
                                        "received ", shown(name, "'")));
        for (std::size_t j = 0; j < fields.size(); ++j)
            if (j != i && !name.empty() && (fields[j].name == name || (fields[j].name.empty() && name == message(j))))
                throw ArgumentError(message(who, ": two parts have the name '", name, "'"));
    }
}
DEEPREC_FUNCTION Shape joined_shape(const RecordShape& fields, const Shape* outputs) {
    Shape all = outputs[0];
    bool fits = all.rank() > 0;
    for (std::size_t i = 1; fits && i < fields.size(); ++i) {
        fits = outputs[i].rank() == all.rank();
        for (int axis = 0; fits && axis + 1 < all.rank(); ++axis) fits = outputs[i][axis] == all[axis];
        if (fits) all[all.rank() - 1] += outputs[i].back();
    }
    if (fits) return all;
    std::string list;
    for (std::size_t i = 0; i < fields.size(); ++i)
        list += message(i ? ", " : "", fields[i].name.empty() ? "part " : "'",
                        fields[i].name.empty() ? message(i) : fields[i].name + "'", " ", outputs[i]);
    throw ShapeError(
        message("Branches: expected parts of the same steps, or one vector a sample each, received ", list));
}
template <class T>
Block<const T> join(const RecordShape& fields, std::span<const Block<const T>> parts, Buffer<T>& y,
                    Buffer<std::uint8_t>& keep) {
    if (parts.size() == 1) return parts[0];
    const Block<const T>& first = parts[0];
    Index width = 0;
    for (const Block<const T>& part : parts) {
        if (part.shape.rank() != first.shape.rank() || part.rows() != first.rows() || part.batch() != first.batch()) {
            std::vector<Shape> shapes;
            for (const Block<const T>& p : parts) shapes.push_back(p.shape);
            joined_shape(fields, shapes.data());
        }
        width += part.last();
    }
    const Index rows = first.rows();
    Block<T> all{y.need(rows * width), first.with_last(width)};
    const std::uint8_t* mask = nullptr;
    Index offset = 0;
    for (const Block<const T>& part : parts) {
        const Index own = part.last();
        for (Index r = 0; r < rows; ++r) kernels::copy<T>(part.data + r * own, all.data + r * width + offset, own);
        offset += own;
        if (!part.mask || part.shape.rank() < 3) continue;
        if (mask) {
            std::uint8_t* const both = keep.need(rows);
            for (Index r = 0; r < rows; ++r) both[r] = mask[r] && part.mask.keep[r];
            mask = both;
        } else {
            mask = part.mask.keep;
        }
    }
    all.mask = Mask{mask};
    return all;
}
#endif
}  // namespace detail

/// y = [layer_1(x_1), ..., layer_n(x_n)], each field of a record through its own layer, side by side along the
/// features:
///
///     Sequential user{Branches{field("item", Embedding{items + 1, 48, {.mask_zero = true}}),
///                              field("event", Embedding{4, 4}), field("price", Dense{8, relu})},
///                     LSTM{64}};
///     Branches whole{user, field("age", Dense{4, relu})};
///     whole.build({{"item", {50}}, {"event", {50}}, {"price", {50, 1}}, {"age", {1}}}, Seed{42});
///
/// A part is a `field` with a layer or Sequential that reads ids or numbers, or a model that reads a record itself: it
/// gets all of it. A step is kept where every part with a mask keeps it, so that the mask of the items is that of the
/// sequence.
///
/// Shapes: a Record of ids [B], [B, T] or [B, T, n] and numbers [B, F] or [B, T, F]; parts give [B, T, Fi] all, or
/// [B, Fi] all -> y [B, T, sum of Fi] or [B, sum of Fi]. Parameters are named by field: "item.embeddings", those of
/// parts without a name by their place: "0.1.kernel". Throws ShapeError where a field is missing, is read by nobody, or
/// has another type or shape than the model reads; ArgumentError for two parts of one name and names with '.', ',',
/// ':', ';', '=' or spaces in them. Parts of ranks that do not fit do not compile; `field<"age">(layer)` has its name
/// in the compiler's words.
template <class... Parts>
class Branches
    : public LayerInterface<Branches<Parts...>,
                            typename detail::PartOf<std::tuple_element_t<0, std::tuple<Parts...>>>::Layer::Scalar,
                            Named> {
    static constexpr std::size_t count = sizeof...(Parts);
    template <std::size_t At>
    using PartAt = detail::PartOf<std::tuple_element_t<At, std::tuple<Parts...>>>;
    template <std::size_t At>
    using LayerAt = typename PartAt<At>::Layer;
    template <class L>
    static constexpr bool reads_record = L::reads == Reads::record;

    static_assert((Layer<typename detail::PartOf<Parts>::Layer> && ...),
                  "Branches: every part must be a field(\"name\", layer) or a layer (see core/layer.hpp)");
    static_assert(((detail::PartOf<Parts>::is_named || reads_record<typename detail::PartOf<Parts>::Layer>)&&...),
                  "Branches: a layer over one tensor needs its name: field(\"item\", Embedding{...})");
    static_assert((std::is_same_v<typename detail::PartOf<Parts>::Layer::Scalar, typename LayerAt<0>::Scalar> && ...),
                  "Branches: all parts must have one scalar type");
    /// That of the parts whose rank is known.
    static constexpr int known_rank() {
        int rank = any_rank;
        ((rank = std::max(rank, detail::rank_of_output<typename detail::PartOf<Parts>::Layer>)), ...);
        return rank;
    }
    static_assert(((detail::rank_of_output<typename detail::PartOf<Parts>::Layer> == known_rank() ||
                    detail::rank_of_output<typename detail::PartOf<Parts>::Layer> == any_rank) &&
                   ...),
                  "Branches: sequences [B, T, F] and vectors [B, F] cannot stand side by side: end the sequence first "
                  "(a last state, a global pooling, Flatten)");

public:
    using Scalar = typename LayerAt<0>::Scalar;
    using InputElement = Named;
    struct Cache : LayerCache {
        std::tuple<typename detail::PartOf<Parts>::Layer::Cache...> parts;
        std::array<Block<const Scalar>, count> outputs;
        std::array<Buffer<Scalar>, count> gradients;  // by the outputs
        FieldTaps* taps = nullptr;                    // where the outputs came from, null = from the layers
        std::array<std::size_t, count> tap{};
        Buffer<Scalar> y;
        Buffer<std::uint8_t> keep;
    };
    struct Gradients {
        std::tuple<typename detail::PartOf<Parts>::Layer::Gradients...> parts;
    };
    static constexpr Reads reads = Reads::record;
    static constexpr bool asks = (detail::asks_rows<typename detail::PartOf<Parts>::Layer>() || ...);

    Branches() : own_(count) {}
    explicit Branches(Parts... parts) : layers_(layer_of(std::move(parts))...), own_{{name_of(parts), {}}...} {
        check();
    }

    static constexpr std::string_view name() { return "Branches"; }
    void check() const {
        constexpr bool named[] = {detail::PartOf<Parts>::is_named...};
        detail::check_field_names(name(), own_, named);
    }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(std::is_same_v<Element, Named>,
                      "Branches: it reads a Record of named tensors, so nothing may stand before it");
        return known_rank();
    }
    /// Shapes alone of all parts; `build` calls it.
    Shape size(const RecordShape& in) {
        each([&]<std::size_t At>(auto& layer) {
            detail::in_field(own_[At].name, [&] {
                if constexpr (reads_record<LayerAt<At>>) {
                    shapes_[At] = layer.size(in);
                } else {
                    for (const FieldShape& f : in)
                        if (f.name == own_[At].name) own_[At].shape = f.shape;
                    own_[At].type = element_type<typename LayerAt<At>::InputElement>;
                    shapes_[At] = layer.size(own_[At].shape);
                }
            });
        });
        record_ = input_shape();
        return detail::joined_shape(own_, shapes_.data());
    }
    /// Sizes what was read from a file.
    void restore() { size(input_shape()); }
    void fields(Fields<Scalar>& f, Gradients& g) {
        f.option("fields", own_);
        each([&]<std::size_t At>(auto& layer) {
            if (own_[At].name.empty())
                f.part(At, layer, std::get<At>(g.parts), At);
            else
                f.part(std::string_view(own_[At].name), layer, std::get<At>(g.parts), At);
        });
    }
    void parameters_changed() {
        each([]<std::size_t>(auto& layer) { layer.parameters_changed(); });
    }

    Block<const Scalar> apply(const RecordView& x, Cache& cache, const Pass& pass) const {
        cache.taps = pass.taps && pass.taps->replaces ? pass.taps : nullptr;
        each([&]<std::size_t At>(const auto& layer) {
            detail::in_field(own_[At].name, [&] {
                auto& own = std::get<At>(cache.parts);
                if constexpr (reads_record<LayerAt<At>>) {
                    cache.outputs[At] = layer.apply(x, own, pass.for_part(At));
                } else if (cache.taps) {
                    cache.tap[At] = cache.taps->next;
                    cache.outputs[At] = cache.taps->template take<Scalar>();
                } else {
                    using Element = typename LayerAt<At>::InputElement;
                    const FieldView* const found = x.find(own_[At].name);
                    if (!found || found->type != element_type<Element>) detail::check_fields(name(), record_, x);
                    cache.outputs[At] = layer.apply(x.template get<Element>(*found), own, pass.for_part(At));
                    if (pass.taps) pass.taps->add(own_[At].name, cache.outputs[At]);
                }
            });
        });
        const auto y = detail::join<Scalar>(own_, cache.outputs, cache.y, cache.keep);
        cache.out = y.shape;
        cache.trained = pass.training;
        return y;
    }
    /// There is no gradient by a record.
    Block<const Scalar> apply_backward(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients, bool) const {
        detail::check_trained(name(), cache.trained);
        detail::check_gradient(name(), cache.out, dy.shape);
        Index offset = 0;
        each([&]<std::size_t At>(const auto& layer) {
            const Index width = cache.outputs[At].last();
            const Scalar* const own = detail::columns_of(dy, offset, width, cache.gradients[At]);
            offset += width;
            if (!reads_record<LayerAt<At>> && cache.taps)
                cache.taps->taps[cache.tap[At]].gradient = own;
            else
                layer.apply_backward({own, dy.with_last(width)}, std::get<At>(cache.parts),
                                     std::get<At>(gradients.parts), false);
        });
        return {};
    }

    void ask(const RecordView& x, TableRows& tables) const {
        each([&]<std::size_t At>(const auto& layer) {
            detail::in_field(own_[At].name, [&] {
                if constexpr (reads_record<LayerAt<At>>) {
                    detail::ask_rows(layer, x, tables);
                } else {
                    using Element = typename LayerAt<At>::InputElement;
                    const FieldView* const found = x.find(own_[At].name);
                    if (found && found->type == element_type<Element>)  // else apply says what is wrong
                        detail::ask_rows(layer, x.template get<Element>(*found), tables);
                }
            });
        });
    }
    /// The layer of the field number At, from 0.
    template <std::size_t At>
    LayerAt<At>& layer() {
        return std::get<At>(layers_);
    }
    template <std::size_t At>
    const LayerAt<At>& layer() const {
        return std::get<At>(layers_);
    }
    /// All fields that are read, those of inner parts too, with the shapes of `build`.
    RecordShape input_shape() const {
        RecordShape all;
        const auto add = [&](const FieldShape& field) {
            for (const FieldShape& known : all)
                if (known.name == field.name) {
                    if (known.type != field.type)
                        throw ArgumentError(
                            message("Branches: the field '", field.name, "' is read as ids and as numbers"));
                    return;
                }
            all.push_back(field);
        };
        each([&]<std::size_t At>(const auto& layer) {
            if constexpr (reads_record<LayerAt<At>>) {
                for (const FieldShape& f : layer.input_shape()) add(f);
            } else {
                add({own_[At].name, own_[At].shape, element_type<typename LayerAt<At>::InputElement>});
            }
        });
        return all;
    }
    /// The same since `build`; empty before.
    const RecordShape& record() const { return record_; }
    /// Whether every part gives that, since `build`.
    bool each_gives(const Shape& out) const {
        return std::all_of(shapes_.begin(), shapes_.end(), [&](const Shape& own) { return own == out; });
    }
    /// One for each field.
    std::vector<SummaryRow> summary_rows() const {
        std::vector<SummaryRow> rows;
        each([&]<std::size_t At>(const auto& layer) {
            add_summary(rows, own_[At].name.empty() ? message(At) : own_[At].name, layer, shapes_[At]);
        });
        return rows;
    }
    void summary(std::ostream& out) const { print_summary(out, summary_rows()); }

private:
    template <class Part>
    static auto layer_of(Part&& part) {
        if constexpr (detail::PartOf<std::remove_cvref_t<Part>>::is_named)
            return std::move(part.layer);
        else
            return std::forward<Part>(part);
    }
    template <class Part>
    static std::string name_of(const Part& part) {
        if constexpr (detail::PartOf<Part>::is_named)
            return part.name;
        else
            return {};
    }
    template <class F>
    void each(F&& f) {
        [&]<std::size_t... At>(std::index_sequence<At...>) { (f.template operator()<At>(std::get<At>(layers_)), ...); }
        (std::make_index_sequence<count>{});
    }
    template <class F>
    void each(F&& f) const {
        [&]<std::size_t... At>(std::index_sequence<At...>) { (f.template operator()<At>(std::get<At>(layers_)), ...); }
        (std::make_index_sequence<count>{});
    }

    std::tuple<typename detail::PartOf<Parts>::Layer...> layers_;
    RecordShape own_, record_;         // of the parts, those that are models without a shape; of all that is read
    std::array<Shape, count> shapes_;  // of the parts' outputs
};

DEEPREC_END
