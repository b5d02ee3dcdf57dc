#include <deeprec/layers/embedding.hpp>

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
