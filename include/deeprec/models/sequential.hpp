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
/// Builds a layer, or each layer of a composition, after `before` has seen it.
template <class L, class Before>
Shape build_before(L& layer, const Shape& in, Seed seed, Before& before) {
    if constexpr (requires { layer.build(in, seed, before); }) {
        return layer.build(in, seed, before);
    } else {
        before(std::as_const(layer), in);
        return layer.build(in, seed);
    }
}
}  // namespace detail

/// y = layer_n(... layer_1(x)), a layer itself: `Sequential{Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}, Dense{1, sigmoid}}`.
///
/// The order of layers is checked at compile time (rank and scalar), sizes at `build` (ShapeError with the index and
/// name of the layer). Parameters are named by index: "0.kernel". Masks pass from layer to layer in the views.
template <class... Layers>
class Sequential {
    static_assert(sizeof...(Layers) > 0, "Sequential: at least one layer");
    static_assert((Layer<Layers> && ...), "Sequential: every argument must be a layer (see core/layer.hpp)");
    static constexpr std::size_t count = sizeof...(Layers);
    template <std::size_t I>
    using LayerAt = std::tuple_element_t<I, std::tuple<Layers...>>;
    using First = LayerAt<0>;
    using Last = LayerAt<count - 1>;
    static_assert(detail::rank_after<typename First::InputElement, any_rank, Layers...>() >= any_rank);

public:
    using Scalar = typename Last::Scalar;
    using InputElement = typename First::InputElement;
    struct Cache {
        std::tuple<typename Layers::Cache...> layers;
    };
    struct Gradients {
        std::tuple<typename Layers::Gradients...> layers;
    };

    explicit Sequential(Layers... layers) : layers_(std::move(layers)...) {}

    static constexpr std::string_view name() { return "Sequential"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        return detail::rank_after<Element, Rank, Layers...>();
    }
    /// Sizes and initialises every layer for samples of shape `in` (no batch axis).
    Shape build(const Shape& in, Seed seed) {
        return build(in, seed, [](const auto&, const Shape&) {});
    }
    /// With before(layer, shape of its input) called before each layer is sized.
    template <class Before>
    Shape build(const Shape& in, Seed seed, Before&& before) {
        shapes_[0] = in;
        each([&]<std::size_t I>(auto& layer) {
            try {
                shapes_[I + 1] = detail::build_before(layer, shapes_[I], derive(seed, I), before);
            } catch (const ShapeError& error) {
                throw ShapeError(message("layer ", I, ": ", error.what()));
            }
        });
        return shapes_[count];
    }

    template <class X, class Mode = Inference>
    auto forward(const X& x, Cache& cache, Mode mode = {}) const {
        return run<0, false>(view(x), cache, mode);
    }
    template <class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return backward<InputGradient::compute>(dy, cache, gradients);
    }
    template <InputGradient Want, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return run_back<count - 1, Want, false>(view(dy), cache, gradients);
    }
    /// Forward without the activation of the last layer, and backward from there.
    template <class X, class Mode = Inference>
        requires(!std::is_void_v<typename FinalActivationOf<Last>::type>)
    auto forward_logits(const X& x, Cache& cache, Mode mode = {}) const {
        return run<0, true>(view(x), cache, mode);
    }
    /// The layers from number `Begin` on (with `Logits` but for the last activation), and back to there: for callers that
    /// do the work of the layers before themselves.
    template <std::size_t Begin, bool Logits, class X, class Mode = Inference>
    auto forward_from(const X& x, Cache& cache, Mode mode = {}) const {
        return run<Begin, Logits>(view(x), cache, mode);
    }
    template <std::size_t Begin, bool Logits, class DY>
    auto backward_to(const DY& dy, Cache& cache, Gradients& gradients) const {
        return run_back<count - 1, InputGradient::compute, Logits, Begin>(view(dy), cache, gradients);
    }
    template <InputGradient Want = InputGradient::compute, class DZ>
    auto backward_logits(const DZ& dz, Cache& cache, Gradients& gradients) const {
        return run_back<count - 1, Want, true>(view(dz), cache, gradients);
    }

    template <std::size_t I>
    LayerAt<I>& layer() {
        return std::get<I>(layers_);
    }
    static constexpr std::size_t size() { return count; }
    template <std::size_t I>
    const LayerAt<I>& layer() const {
        return std::get<I>(layers_);
    }
    /// Shape of a sample after `build`.
    const Shape& input_shape() const { return shapes_[0]; }
    const Shape& output_shape() const { return shapes_[count]; }
    /// One for each layer, numbered from `first` on.
    std::vector<SummaryRow> summary_rows(std::size_t first = 0) const {
        std::vector<SummaryRow> rows;
        each([&]<std::size_t I>(const auto& layer) {
            const Index n = parameter_count(layer);
            rows.push_back(
                {message(first + I, " ", layer.name()), shapes_[I + 1], n, n * static_cast<Index>(sizeof(Scalar))});
        });
        return rows;
    }
    void summary(std::ostream& out) const { print_summary(out, summary_rows()); }

    Gradients zero_gradients() const {
        return std::apply([](const auto&... layer) { return Gradients{{layer.zero_gradients()...}}; }, layers_);
    }
    void parameters_changed() {
        each([]<std::size_t>(auto& layer) { layer.parameters_changed(); });
    }
    /// Names start with the layer's index, counted from `Number` on.
    template <std::size_t Number = 0, class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        self.each([&]<std::size_t I>(auto& layer) {
            visitor.scope(Number + I, [&] { LayerAt<I>::visit(visitor, layer, std::get<I>(others.layers)...); });
        });
    }

    template <std::size_t Number = 0, class Visitor, class Self, class... Others>
    static void visit_state(Visitor& visitor, Self& self, Others&... others) {
        self.each([&]<std::size_t I>(auto& layer) {
            visitor.scope(Number + I, [&] { detail::visit_state(visitor, layer, std::get<I>(others.layers)...); });
        });
    }
    template <std::size_t Number = 0, class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("input_shape", self.shapes_[0]);
        self.each([&]<std::size_t I>(auto& layer) { visitor.part(Number + I, layer); });
    }

private:
    template <class F, std::size_t... I>
    static void each_of(F&& f, auto& layers, std::index_sequence<I...>) {
        (f.template operator()<I>(std::get<I>(layers)), ...);
    }
    template <class F>
    void each(F&& f) {
        each_of(f, layers_, std::make_index_sequence<count>{});
    }
    template <class F>
    void each(F&& f) const {
        each_of(f, layers_, std::make_index_sequence<count>{});
    }
    template <std::size_t I, bool Logits, class X, class Mode>
    auto run(const X& x, Cache& cache, Mode mode) const {
        const auto& layer = std::get<I>(layers_);
        auto& own = std::get<I>(cache.layers);
        if constexpr (I + 1 < count)
            return run<I + 1, Logits>(layer.forward(x, own, mode.for_part(I)), cache, mode);
        else if constexpr (Logits)
            return layer.forward_logits(x, own, mode.for_part(I));
        else
            return layer.forward(x, own, mode.for_part(I));
    }
    template <std::size_t I, InputGradient Want, bool Logits, std::size_t Begin = 0, class DY>
    auto run_back(const DY& dy, Cache& cache, Gradients& gradients) const {
        constexpr InputGradient want = I == Begin ? Want : InputGradient::compute;
        const auto& layer = std::get<I>(layers_);
        const auto step = [&] {
            if constexpr (Logits && I + 1 == count)
                return layer.template backward_logits<want>(dy, std::get<I>(cache.layers), std::get<I>(gradients.layers));
            else
                return layer.template backward<want>(dy, std::get<I>(cache.layers), std::get<I>(gradients.layers));
        };
        if constexpr (I == Begin)
            return step();
        else
            return run_back<I - 1, Want, Logits, Begin>(step(), cache, gradients);
    }

    std::tuple<Layers...> layers_;
    std::array<Shape, count + 1> shapes_;
};

template <class... Layers>
struct FinalActivationOf<Sequential<Layers...>>
    : FinalActivationOf<std::tuple_element_t<sizeof...(Layers) - 1, std::tuple<Layers...>>> {};

DEEPREC_END
