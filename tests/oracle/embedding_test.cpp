#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>

#include "support/oracle.hpp"

TEST_CASE("Embedding agrees with Keras", "[oracle][embedding]") {
    oracle::run("embedding", "embedding", []<class T>(oracle::Case<T>& c) {
        deeprec::Embedding<T> layer{c.config["input_dim"], c.config["output_dim"], {.mask_zero = c.config["mask_zero"]}};
        // One case has ids of rank 1: the same numbers are one sequence.
        const auto shape = c.shape("in/ids");
        const auto ids_values = c.template values<std::int32_t>("in/ids");
        deeprec::Tensor<std::int32_t, 2> ids(shape.size() == 2 ? shape[0] : 1, shape.back());
        std::copy(ids_values.begin(), ids_values.end(), ids.data());

        layer.build({ids.dimension(1)}, deeprec::Seed{1});
        c.load(layer);
        typename deeprec::Embedding<T>::Cache cache;
        const auto y = layer.forward(ids, cache, deeprec::Training{});
        c.close_values("out/y", y.data(), y.size());
        CHECK(static_cast<bool>(y.mask) == c.has("out/mask"));
        if (c.has("out/mask")) c.close_values("out/mask", y.mask.keep, ids.size());

        auto gradients = layer.zero_gradients();
        const auto up = c.values("up/y");
        deeprec::View<const T, 3> dy{up.data(), y.extents()};
        layer.backward(dy, cache, gradients);
        c.close("grad/embeddings", gradients.embeddings);
    });
}

TEST_CASE("EmbeddingBag agrees with PyTorch", "[oracle][embedding_bag]") {
    oracle::run("embedding", "embedding_bag", []<class T>(oracle::Case<T>& c) {
        using deeprec::BagMode;
        const std::string mode = c.config["mode"];
        deeprec::EmbeddingBag<T> layer{
            c.config["input_dim"],
            c.config["output_dim"],
            {.mode = mode == "sum" ? BagMode::sum : mode == "mean" ? BagMode::mean : BagMode::max}};
        const auto ids = c.template tensor<2, std::int32_t>("in/ids");
        const auto up = c.template tensor<2>("up/y");
        layer.build({ids.dimension(1)}, deeprec::Seed{1});
        c.load(layer);
        typename deeprec::EmbeddingBag<T>::Cache cache;
        auto gradients = layer.zero_gradients();
        if (c.config["weighted"]) {
            const auto weights = c.template tensor<2>("in/weights");
            c.close("out/y", layer.forward(ids, weights, cache, deeprec::Training{}));
            layer.backward(up, cache, gradients);
            c.close("grad/weights", layer.backward_weights(up, cache));
        } else {
            c.close("out/y", layer.forward(ids, cache, deeprec::Training{}));
            layer.backward(up, cache, gradients);
        }
        c.close("grad/embeddings", gradients.embeddings);
    });
}
