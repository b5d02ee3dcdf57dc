/// Heads that take both vectors themselves, alone or with layers behind them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/layers/dot.hpp>
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
    using FinalActivation = typename FinalActivationOf<Layers>::type;
    struct Cache {
        typename First::Cache pair;
        typename Layers::Cache behind;
    };
    struct Gradients {
        typename First::Gradients pair;
        typename Layers::Gradients behind;
    };

    Sequential() = default;
    explicit Sequential(First pair, Rest... layers) : pair_(std::move(pair)), behind_(std::move(layers)...) {}

    static constexpr std::string_view name() { return "Sequential"; }
    static constexpr std::size_t size() { return 1 + sizeof...(Rest); }
    /// Layer number At; 0 is the one that joins the two vectors.
    template <std::size_t At>
    const auto& layer() const {
        if constexpr (At == 0)
            return pair_;
        else
            return behind_.template layer<At - 1>();
    }
    /// Throws what the parts throw.
    Shape size(const Shape& u, const Shape& v) { return behind_.size(pair_.size(u, v)); }
    Shape build(const Shape& u, const Shape& v, Seed seed) {
        const Shape out = size(u, v);
        detail::make_parameters(*this, seed);
        return out;
    }
    void fields(Fields<Scalar>& f, Gradients& g) {
        f.part(std::size_t{0}, pair_, g.pair, 0);
        f.seeded(1, [&] { behind_.fields_from(1, f, g.behind); });
    }
    Gradients zero_gradients() const { return detail::make_gradients(*this); }
    void parameters_changed() { behind_.parameters_changed(); }
    const Shape& output_shape() const { return behind_.output_shape(); }
    /// Of the last layer, where that is Heads.
    const auto& heads() const
        requires requires(const Layers& layers) { layers.heads(); }
    {
        return behind_.heads();
    }
    const auto& final_activation() const { return layer<sizeof...(Rest)>().activation(); }

    template <class U, class V>
    View<const Scalar, 2> forward(const U& u, const V& v, Index block, Cache& cache, const Pass& pass = {}) const {
        return behind_.forward(pair_.forward(u, v, block, cache.pair, pass.for_part(0)), cache.behind,
                               pass.for_part(1, true));
    }
    template <class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return pair_.backward(behind_.backward(dy, cache.behind, gradients.behind), cache.pair, gradients.pair);
    }

    std::vector<SummaryRow> summary_rows() const {
        std::vector<SummaryRow> rows = behind_.summary_rows(1);
        rows.insert(rows.begin(), SummaryRow{message("0 ", pair_.name()), {1}, 0, 0});
        return rows;
    }

private:
    First pair_;
    Layers behind_;
};

/// A pair head as an index sees it: the halves of a score are the vectors themselves.
template <PairHead H>
class PairScores : public H {
    using T = typename H::Scalar;

public:
    PairScores() = default;
    explicit PairScores(H head) : H(std::move(head)) {}

    Index half_width() const { return width_; }
    const T* user_term(const View<const T, 2>& u, Buffer<T>&) const { return u.data(); }
    const T* item_term(const View<const T, 2>& v, Buffer<T>& out) const {
        return std::copy_n(v.data(), v.size(), out.need(v.size())) - v.size();
    }
    /// The scores of one user with `rows` items before the final activation.
    const T* score_halves(const T* user, const T* items, Index rows, typename H::Cache& cache) const {
        const View<const T, 2> u{user, {1, width_}}, v{items, {rows, width_}};
        return this->forward(u, v, 1, cache, Pass{}.on_logits()).data();
    }
    Shape size(const Shape& u, const Shape& v) {
        width_ = u.rank() > 0 ? u.back() : 0;
        return H::size(u, v);
    }

private:
    Index width_ = 0;
};

DEEPREC_END
