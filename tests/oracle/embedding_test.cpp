#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>

#include <algorithm>
#include <string>

#include "support/oracle.hpp"

using namespace deeprec;

TEST_CASE("Embedding agrees with Keras", "[oracle][embedding]") {
    oracle::run("embedding", "embedding", []<class T>(oracle::Case<T>& c) {
        c.config.only({"input_dim", "output_dim", "mask_zero"});
        const bool mask_zero = c.config.value("mask_zero", false);
        Embedding<T> layer{c.config["input_dim"], c.config["output_dim"], {.mask_zero = mask_zero}};
        c.with_ids("in/ids", [&](const auto& ids) {
            oracle::check_layer(c, layer, ids);
            typename Embedding<T>::Cache cache;
            const auto y = layer.forward(ids, cache);
            constexpr int rank = rank_of<decltype(ids)>;
            if (static_cast<bool>(y.mask) != (mask_zero && rank == 2)) c.differs("the output has the wrong mask");
            if (y.mask && c.has("out/mask")) c.close_values("out/mask", y.mask.keep, ids.size());
        });
    });
}

TEST_CASE("EmbeddingBag agrees with PyTorch", "[oracle][embedding_bag]") {
    oracle::run("embedding", "embedding_bag", []<class T>(oracle::Case<T>& c) {
        c.config.only({"input_dim", "output_dim", "mode", "weighted"});
        const std::string mode = c.config["mode"];
        const auto found = std::find(bag_mode_names.begin(), bag_mode_names.end(), mode);
        if (found == bag_mode_names.end()) throw oracle::NotApplicable{"mode " + mode};
        EmbeddingBag<T> layer{c.config["input_dim"],
                              c.config["output_dim"],
                              {.mode = static_cast<BagMode>(found - bag_mode_names.begin())}};
        const auto check = [&](const auto& ids) {
            constexpr int rank = rank_of<decltype(ids)>;
            if (!c.has("in/weights")) return oracle::check_layer(c, layer, ids);
            const auto weights = c.template tensor<rank>("in/weights");
            layer.build(oracle::sample_shape(ids), Seed{1});
            c.load(layer);
            typename EmbeddingBag<T>::Cache cache;
            auto gradients = layer.zero_gradients();
            c.close("out/y", layer.forward(ids, weights, cache, Training{}));
            if (!c.has("up/y")) return;
            const auto up = c.template tensor<rank>("up/y");
            layer.backward(up, cache, gradients);
            c.close_if("grad/weights", layer.backward_weights(up, cache));
            c.close_if("grad/embeddings", gradients.embeddings);
        };
        if (c.rank("in/ids") == 3)
            check(c.template tensor<3, std::int32_t>("in/ids"));
        else
            check(c.template tensor<2, std::int32_t>("in/ids"));
    });
}
