#include <deeprec/layers/multi_head_attention.hpp>

#include <limits>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

/// The definition, step by step, with parameters by Keras' names.
std::vector<double> defined(const MultiHeadAttention<double>& layer, const View<const double, 3>& x, bool causal) {
    const auto& w = layer.parameters();
    const Index batch = x.extent(0), time = x.extent(1), features = x.last(), d = layer.key_dim();
    const auto counts = [&](Index b, Index t) { return !x.mask || x.mask.keep[b * time + t]; };
    std::vector<double> y;
    for (Index b = 0; b < batch; ++b)
        for (Index t = 0; t < time; ++t) {
            std::vector<double> out(w.output_bias.data(), w.output_bias.data() + features);
            for (Index h = 0; h < layer.heads(); ++h) {
                const auto project = [&](std::size_t which, Index step, Index c) {
                    double sum = w.biases[which](h, c);
                    for (Index f = 0; f < features; ++f) sum += x(b, step, f) * w.kernels[which](f, h, c);
                    return sum;
                };
                std::vector<double> weights(static_cast<std::size_t>(time), 0.0);
                double total = 0;
                for (Index s = 0; s < (causal ? t + 1 : time); ++s) {
                    if (!counts(b, t) || !counts(b, s)) continue;
                    double score = 0;
                    for (Index c = 0; c < d; ++c) score += project(0, t, c) * project(1, s, c);
                    total += weights[static_cast<std::size_t>(s)] = std::exp(score / std::sqrt(static_cast<double>(d)));
                }
                for (Index s = 0; s < time; ++s) {
                    if (weights[static_cast<std::size_t>(s)] == 0) continue;
                    for (Index c = 0; c < d; ++c)
                        for (Index f = 0; f < features; ++f)
                            out[static_cast<std::size_t>(f)] += weights[static_cast<std::size_t>(s)] / total *
                                                                project(2, s, c) * w.output_kernel(h, c, f);
                }
            }
            y.insert(y.end(), out.begin(), out.end());
        }
    return y;
}

template <class L>
L built(L layer, Shape in) {
    layer.build(in, Seed{1});
    std::uint64_t seed = 2;
    for_each_parameter(layer, [&](std::string_view, auto& p) { fill_uniform(p, 1, Seed{seed++}); });
    return layer;
}
Tensor<std::uint8_t, 2> some_mask() {
    Tensor<std::uint8_t, 2> mask(3, 5);
    mask.setValues({{0, 0, 1, 1, 1}, {1, 0, 1, 0, 1}, {0, 0, 0, 0, 0}});
    return mask;
}

}  // namespace

TEST_CASE("MultiHeadAttention passes the battery", "[multi_head_attention][threads]") {
    battery::check<3>([](battery::Random& random) {
        const MultiHeadAttentionOptions options{.use_causal_mask = random.coin(), .use_bias = random.coin()};
        return battery::Subject{
            MultiHeadAttention<double>{random.between(1, 3), random.between(1, 4), options},
            {random.between(1, 6), random.between(1, 5)},
        };
    });
}

TEST_CASE("MultiHeadAttention is what its formula says, masks included", "[multi_head_attention]") {
    for (const bool causal : {false, true})
        for (const bool use_mask : {false, true}) {
            const auto layer = built(MultiHeadAttention<double>{2, 3, {.use_causal_mask = causal}}, {5, 4});
            Tensor<double, 3> x(3, 5, 4);
            fill_uniform(x, 1, Seed{9});
            const auto mask = some_mask();
            const auto input = use_mask ? masked(x, mask) : view(x);
            MultiHeadAttention<double>::Cache cache;
            const auto y = layer.forward(input, cache);
            const auto expected = defined(layer, input, causal);
            CHECK(y.mask.keep == input.mask.keep);
            CHECK(battery::detail::difference(battery::detail::values(y), expected) < 1e-14);
        }
}

TEST_CASE("MultiHeadAttention has Keras' parameters", "[multi_head_attention]") {
    MultiHeadAttention layer{2, 3};
    static_assert(std::is_same_v<decltype(layer), MultiHeadAttention<float>>);
    CHECK(layer.build({5, 4}, Seed{1}) == Shape{5, 4});
    battery::check_parameters(layer, {{"query.kernel", {4, 2, 3}},
                                      {"query.bias", {2, 3}},
                                      {"key.kernel", {4, 2, 3}},
                                      {"key.bias", {2, 3}},
                                      {"value.kernel", {4, 2, 3}},
                                      {"value.bias", {2, 3}},
                                      {"attention_output.kernel", {2, 3, 4}},
                                      {"attention_output.bias", {4}}});
    MultiHeadAttention bare{2, 3, {.use_bias = false}};
    bare.build({5, 4}, Seed{1});
    battery::check_parameters(bare, {{"query.kernel", {4, 2, 3}},
                                     {"key.kernel", {4, 2, 3}},
                                     {"value.kernel", {4, 2, 3}},
                                     {"attention_output.kernel", {2, 3, 4}}});
}

TEST_CASE("a causal MultiHeadAttention does not look ahead", "[multi_head_attention]") {
    const auto layer = built(MultiHeadAttention{2, 8, {.use_causal_mask = true}}, {20, 6});
    Tensor<float, 3> x(1, 20, 6);
    fill_uniform(x, 1, Seed{9});
    MultiHeadAttention<float>::Cache cache;
    const auto before = battery::detail::values(layer.forward(x, cache));
    for (Index changed = 0; changed < 20; ++changed) {
        auto other = x;
        other(0, changed, 2) += 1;
        const auto after = battery::detail::values(layer.forward(other, cache));
        const auto from = std::mismatch(before.begin(), before.end(), after.begin()).first - before.begin();
        CHECK(from / 6 == changed);
    }
}

TEST_CASE("MultiHeadAttention leaves masked steps out", "[multi_head_attention]") {
    const auto layer = built(MultiHeadAttention{2, 8, {.use_causal_mask = true}}, {5, 4});
    const auto mask = some_mask();
    Tensor<float, 3> x(3, 5, 4), dy(3, 5, 4);
    fill_uniform(x, 1, Seed{9});
    fill_uniform(dy, 1, Seed{10});
    auto spoiled = x;
    for (Index i = 0; i < 15; ++i)
        if (!mask.data()[i]) std::fill_n(spoiled.data() + 4 * i, 4, std::numeric_limits<float>::quiet_NaN());
    MultiHeadAttention<float>::Cache cache, spoiled_cache;
    auto gradients = layer.zero_gradients(), spoiled_gradients = gradients;
    const auto y = layer.forward(masked(x, mask), cache, Training{1});
    const auto same = layer.forward(masked(spoiled, mask), spoiled_cache, Training{1});
    CHECK(battery::detail::same_bits(battery::detail::values(y), battery::detail::values(same)));
    const auto dx = layer.backward(dy, cache, gradients);
    const auto same_dx = layer.backward(dy, spoiled_cache, spoiled_gradients);
    CHECK(battery::detail::same_bits(battery::detail::values(dx), battery::detail::values(same_dx)));
    CHECK(battery::detail::copy_gradients(layer, gradients) ==
          battery::detail::copy_gradients(layer, spoiled_gradients));

    for (Index i = 0; i < 15; ++i)
        for (Index f = 0; f < 4; ++f) {
            if (mask.data()[i]) continue;
            CHECK(y.data()[4 * i + f] == layer.parameters().output_bias(f));
            CHECK(dx.data()[4 * i + f] == 0);
        }
    SECTION("and gives the others the bits of the sequence without them") {
        const View<const float, 3> end{x.data() + 2 * 4, {1, 3, 4}};
        MultiHeadAttention<float>::Cache short_cache;
        const auto alone = layer.forward(end, short_cache);
        CHECK(std::memcmp(alone.data(), y.data() + 2 * 4, 12 * sizeof(float)) == 0);
    }
}

TEST_CASE("MultiHeadAttention says what is wrong", "[multi_head_attention]") {
    CHECK_THROWS_WITH(MultiHeadAttention(0, 3), "MultiHeadAttention: expected a positive heads, received 0");
    CHECK_THROWS_WITH(MultiHeadAttention(2, -3), "MultiHeadAttention: expected a positive key_dim, received -3");
    MultiHeadAttention layer{2, 3};
    CHECK_THROWS_WITH(layer.build({4}, Seed{1}),
                      "MultiHeadAttention: expected samples of shape [time, features], received [4]");
    layer.build({5, 4}, Seed{1});
    MultiHeadAttention<float>::Cache cache;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 3> wide(1, 5, 6), dy(1, 5, 4);
    CHECK_THROWS_WITH(layer.forward(wide, cache), "MultiHeadAttention: built for 4 input features, received 6");
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients),
                      "MultiHeadAttention: backward needs a forward(x, cache, Training{...}) before it");
}
