/// Layers one after another.
#pragma once

#include <array>
#include <tuple>

#include <deeprec/models/summary.hpp>

DEEPREC_BEGIN

namespace detail {
/// Rank after all layers; fails to compile in the words of the first layer that does not fit its predecessor.
template <class Element, int Rank, class First, class... Rest>
constexpr int rank_after() {
    constexpr int rank = First::template output_rank<Element, Rank>();
    if constexpr (sizeof...(Rest) == 0)
        return rank;
    else
        return rank_after<typename First::Scalar, rank, Rest...>();
}
[[noreturn]] DEEPREC_NOINLINE inline void refuse_layer(std::size_t number, const ShapeError& error) {
    throw ShapeError(message("layer ", number, ": ", error.what()));
}
template <class... Layers>
struct EndsOf {
    using First = std::tuple_element_t<0, std::tuple<Layers...>>;
    using Last = std::tuple_element_t<sizeof...(Layers) - 1, std::tuple<Layers...>>;
};
}  // namespace detail

/// y = layer_n(... layer_1(x)), a layer itself: `Sequential{Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}, Dense{1,
/// sigmoid}}`.
///
/// The order of layers is checked at compile time (rank and scalar), sizes at `build` (ShapeError with the index and
/// name of the layer). Parameters are named by index: "0.kernel". Masks pass from layer to layer in the views.
template <class... Layers>
class Sequential : public LayerInterface<Sequential<Layers...>, typename detail::EndsOf<Layers...>::Last::Scalar,
                                         typename detail::EndsOf<Layers...>::First::InputElement> {
    static_assert(sizeof...(Layers) > 0, "Sequential: at least one layer");
    static_assert((detail::check_layer<Layers>() && ...));
    static_assert((Layer<Layers> && ...), "Sequential: every argument must be a layer (see core/layer.hpp)");
    static constexpr std::size_t count = sizeof...(Layers);
    template <std::size_t At>
    using LayerAt = std::tuple_element_t<At, std::tuple<Layers...>>;
    using First = LayerAt<0>;
    using Last = LayerAt<count - 1>;
    static_assert((std::size_t{Layers::reads == Reads::record} + ...) == std::size_t{First::reads == Reads::record},
                  "Branches: it reads a Record of named tensors, so nothing may stand before it");
    static_assert(detail::rank_after < typename First::InputElement, First::reads == Reads::ids ? 2 : any_rank,
                  Layers... > () >= any_rank);

public:
    using Scalar = typename Last::Scalar;
    using InputElement = typename First::InputElement;
    using Sample = typename Block<const InputElement>::Sample;
    struct Cache {
        std::tuple<typename Layers::Cache...> layers;
    };
    struct Gradients {
        std::tuple<typename Layers::Gradients...> layers;
    };
    static constexpr bool asks = detail::asks_rows<First>();  // ids are read by the first layer alone
    static constexpr Reads reads = First::reads == Reads::ids                    ? Reads::ids
                                   : First::reads == Reads::record               ? Reads::record
                                   : ((Layers::reads == Reads::sequence) || ...) ? Reads::sequence
                                                                                 : Reads::features;

    Sequential() = default;
    explicit Sequential(Layers... layers) : layers_(std::move(layers)...) {}

    static constexpr std::string_view name() { return "Sequential"; }
    /// Ids that a sequence layer comes behind are [B, T].
    template <class Element, int Rank>
    static constexpr int output_rank() {
        constexpr bool sequences =
            Rank == any_rank && reads == Reads::ids && ((Layers::reads == Reads::sequence) || ...);
        return detail::rank_after < Element, sequences ? 2 : Rank, Layers... > ();
    }
    /// Shapes alone of every layer for samples of shape `in`; `build` calls it.
    Shape size(const Sample& in) {
        if constexpr (reads != Reads::record) shapes_[0] = in;
        each([&]<std::size_t At>(auto& layer) {
            try {
                if constexpr (At == 0)
                    shapes_[1] = layer.size(in);
                else
                    shapes_[At + 1] = layer.size(shapes_[At]);
            } catch (const ShapeError& error) {
                detail::refuse_layer(At, error);
            }
        });
        return shapes_[count];
    }
    /// Sizes what was read from a file.
    void restore() { size(Sample(input_shape())); }
    void fields(Fields<Scalar>& f, Gradients& g) { fields_from(0, f, g); }
    /// With names that count from `number` on.
    void fields_from(std::size_t number, Fields<Scalar>& f, Gradients& g) {
        if constexpr (reads != Reads::record) f.option("input_shape", shapes_[0]);
        each([&]<std::size_t At>(auto& layer) { f.part(number + At, layer, std::get<At>(g.layers), At); });
    }
    void parameters_changed() { parameters_changed_from<0>(); }

    Block<const Scalar> apply(const Block<const InputElement>& x, Cache& cache, const Pass& pass) const {
        return apply_from<0>(x, cache, pass);
    }
    Block<const Scalar> apply_backward(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients,
                                       bool want_dx) const {
        return apply_backward_to<0>(dy, cache, gradients, want_dx);
    }
    void ask(const Block<const InputElement>& x, TableRows& tables) const { detail::ask_rows(layer<0>(), x, tables); }
    /// The layers from number `Begin` on, and back to there: for callers that do the work of the layers before.
    template <std::size_t Begin>
    Block<const Scalar> apply_from(const Block<const typename LayerAt<Begin>::InputElement>& x, Cache& cache,
                                   const Pass& pass) const {
        constexpr bool last = Begin + 1 == count;
        const auto y = std::get<Begin>(layers_).apply(x, std::get<Begin>(cache.layers), pass.for_part(Begin, last));
        if constexpr (last)
            return y;
        else
            return apply_from<Begin + 1>(y, cache, pass);
    }
    template <std::size_t Begin, std::size_t At = count - 1>
    Block<const Scalar> apply_backward_to(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients,
                                          bool want_dx) const {
        const auto dx = std::get<At>(layers_).apply_backward(dy, std::get<At>(cache.layers),
                                                             std::get<At>(gradients.layers), At > Begin || want_dx);
        if constexpr (At == Begin)
            return dx;
        else
            return apply_backward_to<Begin, At - 1>(dx, cache, gradients, want_dx);
    }
    /// Of the layers from number Begin on.
    template <std::size_t Begin>
    void parameters_changed_from() {
        each([]<std::size_t At>(auto& layer) {
            if constexpr (At >= Begin) layer.parameters_changed();
        });
    }

    /// Layer number At, from 0.
    template <std::size_t At>
    LayerAt<At>& layer() {
        return std::get<At>(layers_);
    }
    template <std::size_t At>
    const LayerAt<At>& layer() const {
        return std::get<At>(layers_);
    }
    static constexpr std::size_t size() { return count; }
    /// Shape of a sample, as `build` was told: of the fields where the first layer reads a record.
    decltype(auto) input_shape() const {
        if constexpr (reads == Reads::record)
            return layer<0>().input_shape();
        else
            return (shapes_[0]);
    }
    /// Those fields, with their types.
    const RecordShape& record() const requires(First::reads == Reads::record) { return layer<0>().record(); }
    const Shape& output_shape() const { return shapes_[count]; }
    /// The Heads that it ends in.
    const auto& heads() const
        requires requires(const Last& last) { last.heads().shapes(); }
    {
        return layer<count - 1>().heads();
    }
    /// One for each layer, numbered from `first` on.
    std::vector<SummaryRow> summary_rows(std::size_t first = 0) const {
        std::vector<SummaryRow> rows;
        [&]<std::size_t... At>(std::index_sequence<At...>) {
            (add_summary(rows, message(first + At), layer<At>(), shapes_[At + 1]), ...);
        }
        (std::make_index_sequence<count>{});
        return rows;
    }
    void summary(std::ostream& out) const { print_summary(out, summary_rows()); }

private:
    template <class F>
    void each(F&& f) {
        [&]<std::size_t... At>(std::index_sequence<At...>) { (f.template operator()<At>(std::get<At>(layers_)), ...); }
        (std::make_index_sequence<count>{});
    }

    std::tuple<Layers...> layers_;
    std::array<Shape, count + 1> shapes_;
};

template <class... Layers>
struct FinalActivationOf<Sequential<Layers...>> : FinalActivationOf<typename detail::EndsOf<Layers...>::Last> {};

DEEPREC_END
