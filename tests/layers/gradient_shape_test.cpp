#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/cumulative_average1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/layers/multi_head_attention.hpp>
#include <deeprec/layers/position_embedding.hpp>
#include <deeprec/layers/spatial_dropout1d.hpp>
#include <deeprec/layers/zero_padding1d.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;
using support::message_of;

namespace {

/// backward takes gradients of the shape of what forward gave: with one more or less along any axis it would read or
/// write beside the memory of the cache.
template <int Rank, class L>
void refuses_other_shapes(L layer, const Shape& sample) {
    Tensor<typename L::InputElement, Rank> x(battery::detail::extents<Rank>(2, sample));
    x.setConstant(1);
    layer.build(sample, Seed{1});
    typename L::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(x, cache, Training{1});
    const Shape expected = y.shape();
    for (int axis = 0; axis < expected.rank(); ++axis)
        for (const Index more : {1, -1}) {
            auto extents = y.extents();
            extents[static_cast<std::size_t>(axis)] += more;
            Tensor<float, rank_of<decltype(y)>> dy(extents);
            dy.setZero();
            const std::string text =
                message(L::name(), ": expected a gradient of ", expected, ", received ", view(dy).shape());
            CHECK(message_of<ShapeError>([&] { layer.backward(dy, cache, gradients); }) == text);
            CHECK(message_of<ShapeError>([&] { layer.backward(dy, cache, gradients, InputGradient::skip); }) == text);
        }
}

}  // namespace

TEST_CASE("Layers refuse gradients of another shape than their results", "[layers]") {
    refuses_other_shapes<2>(Activation{relu}, {3});
    refuses_other_shapes<3>(AveragePool1D{2}, {6, 3});
    refuses_other_shapes<2>(BatchNorm{}, {3});
    refuses_other_shapes<3>(BatchNorm{}, {6, 3});
    refuses_other_shapes<3>(Bidirectional{GRU{4}}, {6, 3});
    refuses_other_shapes<3>(Conv1D{4, 2, relu, {.strides = 2}}, {6, 3});
    refuses_other_shapes<3>(CumulativeAverage1D{}, {6, 3});
    refuses_other_shapes<2>(Dense{4}, {3});
    refuses_other_shapes<3>(Dense{4, relu}, {6, 3});
    refuses_other_shapes<3>(Dropout{0.5}, {6, 3});
    refuses_other_shapes<2>(Embedding{10, 4}, {6});
    refuses_other_shapes<3>(Embedding{10, 4}, {6, 3});
    refuses_other_shapes<2>(EmbeddingBag{10, 4}, {6});
    refuses_other_shapes<3>(Flatten{}, {6, 3});
    refuses_other_shapes<3>(GlobalAveragePool1D{}, {6, 3});
    refuses_other_shapes<3>(GlobalMaxPool1D{keepdims}, {6, 3});
    refuses_other_shapes<3>(GRU{4, return_sequences}, {6, 3});
    refuses_other_shapes<3>(LayerNorm{}, {6, 3});
    refuses_other_shapes<3>(MaxPool1D{2}, {6, 3});
    refuses_other_shapes<3>(MultiHeadAttention{2, 3}, {6, 3});
    refuses_other_shapes<3>(PositionEmbedding{9}, {6, 3});
    refuses_other_shapes<3>(SpatialDropout1D{0.5}, {6, 3});
    refuses_other_shapes<3>(ZeroPadding1D{1, 2}, {6, 3});
}

TEST_CASE("Layers refuse gradients by logits of another shape too", "[layers]") {
    const auto refuses = [](auto layer) {
        Tensor<float, 2> x(2, 3);
        x.setConstant(1);
        layer.build({3}, Seed{1});
        typename decltype(layer)::Cache cache;
        auto gradients = layer.zero_gradients();
        layer.forward(x, cache, Training{1}.on_logits());
        Tensor<float, 2> dz(3, 3);
        dz.setZero();
        CHECK(message_of<ShapeError>([&] { layer.backward(dz, cache, gradients); }) ==
              message(layer.name(), ": expected a gradient of [2, 3], received [3, 3]"));
    };
    refuses(Dense{3, sigmoid});
    refuses(Activation{sigmoid});
}
