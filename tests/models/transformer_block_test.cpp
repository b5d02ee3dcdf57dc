#include <deeprec/models/transformer_block.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("TransformerBlock passes the battery", "[transformer_block][threads]") {
    const auto options = [](battery::Random& random) {
        return TransformerBlockOptions{.dropout = random.coin() ? 0.3 : 0, .use_causal_mask = random.coin()};
    };
    battery::check<3>(
        [&](battery::Random& random) {
            const Index heads = random.between(1, 2);
            return battery::Subject{TransformerBlock<double>{heads, random.between(1, 5), options(random)},
                                    {random.between(1, 5), 2 * heads}};
        },
        25);
    battery::check<3>(
        [&](battery::Random& random) {
            const Index heads = random.between(1, 2);
            return battery::Subject{TransformerBlock<double, PostNorm>{heads, random.between(1, 5), options(random)},
                                    {random.between(1, 5), 2 * heads}};
        },
        25);
}

TEST_CASE("TransformerBlock is the Sequential that its policy says", "[transformer_block]") {
    TransformerBlock pre{2, 6, {.dropout = 0.1}};
    CHECK(pre.build({3, 4}, Seed{3}) == Shape{3, 4});
    battery::check_parameters(pre, {{"0.inner.0.gamma", {4}},
                                    {"0.inner.0.beta", {4}},
                                    {"0.inner.1.query.kernel", {4, 2, 2}},
                                    {"0.inner.1.query.bias", {2, 2}},
                                    {"0.inner.1.key.kernel", {4, 2, 2}},
                                    {"0.inner.1.key.bias", {2, 2}},
                                    {"0.inner.1.value.kernel", {4, 2, 2}},
                                    {"0.inner.1.value.bias", {2, 2}},
                                    {"0.inner.1.attention_output.kernel", {2, 2, 4}},
                                    {"0.inner.1.attention_output.bias", {4}},
                                    {"1.inner.0.gamma", {4}},
                                    {"1.inner.0.beta", {4}},
                                    {"1.inner.1.kernel", {4, 6}},
                                    {"1.inner.1.bias", {6}},
                                    {"1.inner.2.kernel", {6, 4}},
                                    {"1.inner.2.bias", {4}}});
    TransformerBlock post{2, 6, post_norm};
    post.build({3, 4}, Seed{3});
    Tensor<float, 3> x(2, 3, 4);
    fill_uniform(x, 1, Seed{4});
    decltype(post)::Cache cache;
    const auto y = post.forward(x, cache);
    for (Index row = 0; row < 6; ++row) {  // what a LayerNorm gives
        double sum = 0;
        for (Index j = 0; j < 4; ++j) sum += static_cast<double>(y.data()[4 * row + j]);
        CHECK(std::abs(sum) < 1e-5);
    }
}

TEST_CASE("TransformerBlock says what is wrong", "[transformer_block]") {
    static_assert(std::is_same_v<decltype(TransformerBlock{2, 8, {.dropout = 0.1}}), TransformerBlock<float, PreNorm>>);
    static_assert(std::is_same_v<decltype(TransformerBlock{2, 8, post_norm}), TransformerBlock<float, PostNorm>>);
    CHECK_THROWS_WITH(TransformerBlock(0, 8), "TransformerBlock: expected a positive heads, received 0");
    CHECK_THROWS_WITH(TransformerBlock(2, 0), "TransformerBlock: expected a positive hidden, received 0");
    CHECK_THROWS_WITH(TransformerBlock(2, 8).build({4, 5}, Seed{}),
                      "TransformerBlock: expected features in a multiple of 2 heads, received 5");
    CHECK_THROWS_WITH(TransformerBlock(2, 8).build({4}, Seed{}),
                      "TransformerBlock: expected samples of shape [time, features], received [4]");
}
