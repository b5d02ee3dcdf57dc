/// One block of a transformer.
#pragma once

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/multi_head_attention.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

/// Of TransformerBlock: `TransformerBlock{2, 128, {.dropout = 0.1}}`.
struct TransformerBlockOptions {
    double dropout = 0;            ///< rate behind the attention and behind the Dense layers
    bool use_causal_mask = false;  ///< a step sees itself and earlier steps only
    double epsilon = 1e-3;         ///< of the LayerNorms
};

/// Policy of a TransformerBlock: LayerNorm at the entrance of each part (Xiong et al. 2020).
struct PreNorm {
    template <class T>
    using Block = Sequential<Residual<Sequential<LayerNorm<T>, MultiHeadAttention<T>, Dropout<T>>>,
                             Residual<Sequential<LayerNorm<T>, Dense<T, ReLU>, Dense<T>, Dropout<T>>>>;
    static constexpr std::size_t attention = 0, dense = 1, norms_inside = 1;
};
/// Policy of a TransformerBlock: LayerNorm behind each sum (Vaswani et al. 2017).
struct PostNorm {
    template <class T>
    using Block = Sequential<Residual<Sequential<MultiHeadAttention<T>, Dropout<T>>>, LayerNorm<T>,
                             Residual<Sequential<Dense<T, ReLU>, Dense<T>, Dropout<T>>>, LayerNorm<T>>;
    static constexpr std::size_t attention = 0, dense = 2, norms_inside = 0;
};
/// `TransformerBlock{2, 128, post_norm}`; `pre_norm` is the default.
inline constexpr PreNorm pre_norm{};
/// Normalises behind each sum, as Vaswani et al. 2017 did.
inline constexpr PostNorm post_norm{};

/// Attention and a Dense network of each step, both with a way around them; a Sequential under a name of its own:
///
///     pre_norm:   h = x + Dropout(Attention(LayerNorm(x))),  y = h + Dropout(Network(LayerNorm(h)))
///     post_norm:  h = LayerNorm(x + Dropout(Attention(x))),  y = LayerNorm(h + Dropout(Network(h)))
///
/// with Network = Dense(F) after Dense(hidden, relu). Shapes: x [B, T, F] -> y of the same shape, F a multiple of
/// `heads` (key_dim = F / heads). A mask travels on. A stack of pre_norm blocks wants a LayerNorm behind it. A tower
/// as SASRec's, with 2 heads:
///
///     Sequential{Embedding{items, 64, {.mask_zero = true}}, PositionEmbedding{50},
///                TransformerBlock{2, 64, {.dropout = 0.2, .use_causal_mask = true}}, LayerNorm{}}
template <class T = float, class Norm = PreNorm>
class TransformerBlock : public Norm::template Block<T> {
    using Base = typename Norm::template Block<T>;

public:
    TransformerBlock() = default;
    /// Throws ArgumentError unless both sizes are positive and the options are what Dropout and LayerNorm take.
    TransformerBlock(Index heads, Index hidden, Norm, TransformerBlockOptions options = {})
        : Base(make(heads, hidden, options)) {}
    TransformerBlock(Index heads, Index hidden, TransformerBlockOptions options = {})
        : TransformerBlock(heads, hidden, Norm{}, options) {}

    using Base::size;
    static constexpr std::string_view name() { return "TransformerBlock"; }
    /// Sizes and initialises everything. Throws ShapeError unless samples are [time, features] and the heads share the
    /// features evenly.
    Shape build(const Shape& in, Seed seed) {
        const Shape out = size(in);
        detail::make_parameters(static_cast<Base&>(*this), seed);
        return out;
    }
    Shape size(const Shape& in) {
        detail::check_rank(name(), in, 2, "[time, features]");
        auto& attention = this->template layer<Norm::attention>().inner().template layer<Norm::norms_inside>();
        const Index heads = attention.heads();
        if (in.back() < heads || in.back() % heads != 0)
            throw ShapeError(message("TransformerBlock: expected features in a multiple of ", heads,
                                     " heads, received ", in.back()));
        attention = MultiHeadAttention<T>{heads, in.back() / heads, attention.options()};
        this->template layer<Norm::dense>().inner().template layer<Norm::norms_inside + 1>() = Dense<T>{in.back()};
        return Base::size(in);
    }
    void restore() { size(this->input_shape()); }

private:
    static Base make(Index heads, Index hidden, const TransformerBlockOptions& o) {
        detail::check_positive(name(), "heads", heads);
        detail::check_positive(name(), "hidden", hidden);
        MultiHeadAttention<T> attention{heads, 1, {.use_causal_mask = o.use_causal_mask}};  // build knows key_dim and F
        const Dense<T, ReLU> first{hidden, relu};
        const Dense<T> second{1};
        const LayerNorm<T> norm{{.epsilon = o.epsilon}};
        const Dropout<T> dropout{o.dropout};
        if constexpr (Norm::norms_inside == 1)
            return Base{Residual{Sequential{norm, attention, dropout}},
                        Residual{Sequential{norm, first, second, dropout}}};
        else
            return Base{Residual{Sequential{attention, dropout}}, norm, Residual{Sequential{first, second, dropout}},
                        norm};
    }
};

TransformerBlock(Index, Index, TransformerBlockOptions = {})->TransformerBlock<float, PreNorm>;
template <class Norm>
TransformerBlock(Index, Index, Norm, TransformerBlockOptions = {}) -> TransformerBlock<float, Norm>;

DEEPREC_END
