/// Heads that take both vectors themselves, alone or with layers behind them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

/// A head that takes both vectors itself: Dot, Cosine, or a Sequential that starts with one of them.
template <class H>
concept PairHead = requires {
    typename H::PairTag;
};

/// y = layer_n(... layer_1(pair(u, v))), a head: `Sequential{Dot{.normalize = true}, Dense{1, sigmoid}}`.
///
/// Shapes: as the pair head, its scores [B*G, 1] being the input of the layers. Parameters are named by index, the pair
/// head having 0: "1.kernel".
template <PairHead First, class... Rest>
class Sequential<First, Rest...> {
    static_assert(sizeof...(Rest) > 0, "Sequential: at least one layer behind a Dot or Cosine");
    using Layers = Sequential<Rest...>;
    static_assert(Layers::template output_rank<typename First::Scalar, 2>() == 2);

public:
    using PairTag = void;
    using Scalar = typename Layers::Scalar;
    struct Cache {
        typename First::Cache pair;
        typename Layers::Cache behind;
    };
    struct Gradients {
        typename First::Gradients pair;
        typename Layers::Gradients behind;
    };

    explicit Sequential(First pair, Rest... layers) : pair_(std::move(pair)), behind_(std::move(layers)...) {}

    static constexpr std::string_view name() { return "Sequential"; }
    static constexpr std::size_t size() { return 1 + sizeof...(Rest); }
    template <std::size_t I>
    const auto& layer() const {
        if constexpr (I == 0)
            return pair_;
        else
            return behind_.template layer<I - 1>();
    }
    /// Throws what the parts throw. With before(layer, shape of its input) called before each layer is sized.
    template <class Before>
    Shape build(const Shape& u, const Shape& v, Seed seed, Before&& before) {
        return behind_.build(pair_.build(u, v, derive(seed, 0)), derive(seed, 1), before);
    }
    Shape build(const Shape& u, const Shape& v, Seed seed) {
        return build(u, v, seed, [](const auto&, const Shape&) {});
    }
    const Shape& output_shape() const { return behind_.output_shape(); }

    template <class U, class V, class Mode = Inference>
    auto forward(const U& u, const V& v, Index block, Cache& cache, Mode mode = {}) const {
        return behind_.forward(pair_.forward(u, v, block, cache.pair, mode.for_part(0)), cache.behind,
                               mode.for_part(1));
    }
    /// Forward without the activation of the last layer, and backward from there.
    template <class U, class V, class Mode = Inference>
    auto forward_logits(const U& u, const V& v, Index block, Cache& cache, Mode mode = {}) const {
        return behind_.forward_logits(pair_.forward(u, v, block, cache.pair, mode.for_part(0)), cache.behind,
                                      mode.for_part(1));
    }
    template <class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return pair_.backward(behind_.backward(dy, cache.behind, gradients.behind), cache.pair, gradients.pair);
    }
    template <class DZ>
    auto backward_logits(const DZ& dz, Cache& cache, Gradients& gradients) const {
        return pair_.backward(behind_.backward_logits(dz, cache.behind, gradients.behind), cache.pair, gradients.pair);
    }

    std::vector<SummaryRow> summary_rows() const {
        std::vector<SummaryRow> rows = behind_.summary_rows(1);
        const Index n = parameter_count(pair_);
        rows.insert(rows.begin(), {message("0 ", pair_.name()), {1}, n, n * static_cast<Index>(sizeof(Scalar))});
        return rows;
    }
    Gradients zero_gradients() const { return {pair_.zero_gradients(), behind_.zero_gradients()}; }
    void parameters_changed() {
        pair_.parameters_changed();
        behind_.parameters_changed();
    }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope(std::size_t(0), [&] { First::visit(visitor, self.pair_, others.pair...); });
        Layers::template visit<1>(visitor, self.behind_, others.behind...);
    }
    template <class Visitor, class Self, class... Others>
    static void visit_state(Visitor& visitor, Self& self, Others&... others) {
        Layers::template visit_state<1>(visitor, self.behind_, others.behind...);
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.part(std::size_t(0), self.pair_);
        Layers::template visit_options<1>(visitor, self.behind_);
    }

private:
    First pair_;
    Layers behind_;
};

namespace detail {
template <class Head>
inline constexpr bool ends_in_activation = !std::is_void_v<typename FinalActivationOf<Head>::type> &&
                                           !std::is_same_v<typename FinalActivationOf<Head>::type, Linear>;

/// A pair head forward and back, with `Logits` but for its last activation if it has one.
template <bool Logits, PairHead Head, class U, class V, class Mode>
auto forward_pair(const Head& head, const U& u, const V& v, Index block, typename Head::Cache& cache, Mode mode) {
    if constexpr (Logits && ends_in_activation<Head>)
        return head.forward_logits(u, v, block, cache, mode);
    else
        return head.forward(u, v, block, cache, mode);
}
template <bool Logits, PairHead Head, class DY>
auto backward_pair(const Head& head, const DY& dy, typename Head::Cache& cache, typename Head::Gradients& gradients) {
    if constexpr (Logits && ends_in_activation<Head>)
        return head.backward_logits(dy, cache, gradients);
    else
        return head.backward(dy, cache, gradients);
}
}  // namespace detail

DEEPREC_END
