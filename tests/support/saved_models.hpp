/// Models of seven kinds for what hostile files are tried on: among them every layer, and every kind of option.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/layers/position_embedding.hpp>
#include <deeprec/layers/spatial_dropout1d.hpp>
#include <deeprec/layers/zero_padding1d.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/models/transformer_block.hpp>
#include <deeprec/models/two_tower.hpp>

namespace support {

using namespace deeprec;

namespace kinds {
inline auto convolutions() {
    Sequential model{
        ZeroPadding1D{1, 1},   Conv1D{4, 3, LeakyReLU{0.2}, {.padding = Padding::causal}},
        BatchNorm{},           MaxPool1D{2},
        SpatialDropout1D{0.1}, Conv1D{3, 2, relu, {.strides = 2, .padding = Padding::same}},
        AveragePool1D{2},      Flatten{},
        Dense{5, ELU{}},       Dropout{0.2},
        LayerNorm{},           Dense{1, sigmoid},
    };
    model.build({12, 3}, Seed{1});
    return model;
}
inline auto recurrent() {
    Sequential model{Embedding{9, 4, {.mask_zero = true}},
                     Bidirectional{GRU{3, return_sequences}, {.merge_mode = MergeMode::sum}}, LSTM{4}, Dense{2}};
    model.build({5}, Seed{2});
    return model;
}
inline auto attention() {
    Sequential model{Embedding{9, 4, {.mask_zero = true}}, PositionEmbedding{6},
                     TransformerBlock{2, 5, post_norm, {.dropout = 0.1, .use_causal_mask = true}},
                     GlobalAveragePool1D{}};
    model.build({5}, Seed{3});
    return model;
}
inline auto bag() {
    Sequential model{EmbeddingBag{9, 3, {.mode = BagMode::mean, .mask_zero = true}},
                     Residual{Sequential{Dense{4, relu}, Dense{3}}}, Dense{2}};
    model.build({4}, Seed{4});
    return model;
}
inline auto towers() {
    TwoTower model{Sequential{Embedding{9, 4}, LSTM{3}}, Sequential{Embedding{7, 4}, Flatten{}, Dense{3}},
                   Sequential{Dense{4, relu}, Dense{1, sigmoid}}};
    model.build({{5}, {2}}, Seed{5});
    return model;
}
inline auto recommender() {
    SequenceRecommender model{6,
                              GRU{4, return_sequences},
                              {.width = 4,
                               .scale = 8,
                               .attributes = {{}, {1, 2}, {}, {2}, {3}, {1, 3, 4}, {4}},
                               .id_dropout = 0.2,
                               .cold = {3, 6}}};
    model.build(4, Seed{6});
    return model;
}
inline auto fields() {
    SequenceRecommenderOptions options{.width = 4};
    options.features = Tensor<float, 2>(7, 2);
    options.features.setConstant(0.5f);
    options.step = Branches{field("type", Embedding{3, 2}), field("price", Dense{2, relu})};
    options.user = Branches{field("tags", EmbeddingBag{4, 4})};
    SequenceRecommender model{6, GRU{4, return_sequences}, options};
    model.build(4, Seed{6}, {{"type", {}}, {"price", {2}}}, {{"tags", {3}}});
    return model;
}
}  // namespace kinds

inline constexpr int saved_kinds = 7;

/// f(a function that gives a built model of that kind).
template <class F>
void with_kind(int kind, F&& f) {
    switch (kind) {
        case 0: return f(kinds::convolutions);
        case 1: return f(kinds::recurrent);
        case 2: return f(kinds::attention);
        case 3: return f(kinds::bag);
        case 4: return f(kinds::towers);
        case 5: return f(kinds::recommender);
        default: return f(kinds::fields);
    }
}
template <class Model>
std::string saved(const Model& model) {
    std::ostringstream out;
    save(model, out, {{"note", "a\"\n\x01"}});
    return std::move(out).str();
}

/// Samples of the shape that a model says, unless that is huge.
template <class Element>
auto samples(const Shape& shape) {
    const Index steps = shape.rank() > 0 ? std::clamp<Index>(shape[0], 0, 64) : 0;
    if constexpr (std::is_same_v<Element, std::int32_t>) {
        Tensor<std::int32_t, 2> ids(2, steps);
        for (Index i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int32_t>(i % 7);
        return ids;
    } else {
        Tensor<Element, 3> x(2, steps, shape.rank() > 1 ? std::clamp<Index>(shape[1], 0, 64) : 1);
        fill_uniform(x, 1, Seed{7});
        return x;
    }
}
/// One forward pass over samples that fit the model. Throws what the model throws.
template <class... Layers>
void pass_through(const Sequential<Layers...>& model) {
    typename Sequential<Layers...>::Cache cache;
    model.forward(samples<typename Sequential<Layers...>::InputElement>(model.input_shape()), cache);
}
template <class User, class Item, class Head>
void pass_through(const TwoTower<User, Item, Head>& model) {
    typename TwoTower<User, Item, Head>::Cache cache;
    model.forward(samples<std::int32_t>(model.user.input_shape()), samples<std::int32_t>(model.item.input_shape()),
                  cache);
}
template <class Tower>
void pass_through(const SequenceRecommender<Tower>& model) {
    typename SequenceRecommender<Tower>::Cache cache;
    if (!model.step_fields()) return (void)model.forward(samples<std::int32_t>({3}), cache);
    const Record step{{"type", samples<std::int32_t>({3})}, {"price", Tensor<float, 3>(2, 3, 2)}};
    const Record user{{"tags", samples<std::int32_t>({3})}};
    model.forward(samples<std::int32_t>({3}), {view(step), view(user)}, cache);
}

}  // namespace support
