#include <deeprec/layers/bidirectional.hpp>

#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/simple_rnn.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

template <class L>
auto random_subject(battery::Random& random) {
    const BidirectionalOptions options{.merge_mode = static_cast<MergeMode>(random.between(0, 3))};
    return battery::Subject{Bidirectional{L{random.between(1, 5)}, options},
                            {random.between(1, 5), random.between(1, 4)}};
}

}  // namespace

TEMPLATE_TEST_CASE("Bidirectional passes the battery", "[bidirectional][threads]", ReturnLast, ReturnSequences) {
    battery::check<3>([](auto& random) { return random_subject<SimpleRNN<double, TestType>>(random); });
}

TEST_CASE("Bidirectional GRU passes the battery", "[bidirectional][threads]") {
    battery::check<3>([](auto& random) { return random_subject<GRU<double, ReturnSequences>>(random); }, 12);
}

TEST_CASE("Bidirectional has Keras' parameters and shapes", "[bidirectional]") {
    Bidirectional last{SimpleRNN{4}};
    Bidirectional sequences{SimpleRNN{4, return_sequences}};
    Bidirectional sum{SimpleRNN{4}, {.merge_mode = MergeMode::sum}};
    static_assert(std::is_same_v<decltype(last), Bidirectional<SimpleRNN<float>>>);
    CHECK(last.build({7, 3}, Seed{1}) == Shape{8});
    CHECK(sequences.build({7, 3}, Seed{1}) == Shape{7, 8});
    CHECK(sum.build({7, 3}, Seed{1}) == Shape{4});
    battery::check_parameters(last, {{"forward.kernel", {3, 4}},
                                     {"forward.recurrent_kernel", {4, 4}},
                                     {"forward.bias", {4}},
                                     {"backward.kernel", {3, 4}},
                                     {"backward.recurrent_kernel", {4, 4}},
                                     {"backward.bias", {4}}});
    CHECK(last.forward_layer().parameters().kernel(0, 0) != last.backward_layer().parameters().kernel(0, 0));
}

TEST_CASE("Bidirectional makes its backward layer by the options of the forward one", "[bidirectional]") {
    Bidirectional<SimpleRNN<float>> layer;
    decltype(layer)::Gradients none;
    Fields<float> fields(Fields<float>::With::names);
    fields.model(layer, none);
    REQUIRE(fields.layers().size() == 2);
    CHECK(fields.layers()[1].path == "forward");
    *static_cast<Index*>(fields.layers()[1].options.at(0).value) = 4;  // units, as a file has them
    Bidirectional expected{SimpleRNN{4}};
    expected.build({7, 3}, Seed{1});
    for (int build = 0; build < 2; ++build) {
        CHECK(layer.build({7, 3}, Seed{1}) == Shape{8});
        CHECK_FALSE(layer.forward_layer().options().go_backwards);
        CHECK(layer.backward_layer().options().go_backwards);
        CHECK(battery::detail::same_bits(layer.backward_layer().parameters().kernel,
                                         expected.backward_layer().parameters().kernel));
    }
}

TEST_CASE("Bidirectional merges what its layers give, the backward one turned round", "[bidirectional]") {
    const Index time = 4, units = 3;
    Tensor<double, 3> x(1, time, 2);
    battery::Random(3).fill(x.data(), x.size());
    Tensor<std::uint8_t, 2> mask(1, time);
    mask.setValues({{1, 0, 1, 1}});
    for (const auto mode : {MergeMode::concat, MergeMode::sum, MergeMode::mul, MergeMode::ave}) {
        using L = SimpleRNN<double, ReturnSequences>;
        Bidirectional layer{L{units}, {.merge_mode = mode}};
        layer.build({time, 2}, Seed{1});
        decltype(layer)::Cache cache;
        L::Cache a_cache, b_cache;
        const auto y = layer.forward(masked(x, mask), cache);
        const auto a = layer.forward_layer().forward(masked(x, mask), a_cache);
        const auto b = layer.backward_layer().forward(masked(x, mask), b_cache);
        CHECK(y.mask.keep == mask.data());
        for (Index t = 0; t < time; ++t)
            for (Index u = 0; u < units; ++u) {
                const double p = a(0, t, u), q = b(0, time - 1 - t, u), kept = mask(0, t);
                if (mode == MergeMode::concat) {
                    CHECK(y(0, t, u) == kept * p);
                    CHECK(y(0, t, units + u) == kept * q);
                }
                if (mode == MergeMode::sum) CHECK(y(0, t, u) == kept * (p + q));
                if (mode == MergeMode::mul) CHECK(y(0, t, u) == kept * (p * q));
                if (mode == MergeMode::ave) CHECK(y(0, t, u) == kept * ((p + q) / 2));
            }
    }
}

TEST_CASE("Bidirectional says what is wrong", "[bidirectional]") {
    CHECK_THROWS_WITH((Bidirectional{SimpleRNN{3, return_last, {.go_backwards = true}}}),
                      "Bidirectional: expected a layer that reads forwards, received SimpleRNN with go_backwards");
    Bidirectional layer{SimpleRNN{3}};
    layer.build({4, 2}, Seed{1});
    decltype(layer)::Cache cache;
    auto gradients = layer.zero_gradients();
    Tensor<float, 3> x(2, 4, 2);
    x.setZero();
    const Tensor<float, 2> narrow(2, 3), dy(2, 6);
    layer.forward(x, cache);
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients),
                      "Bidirectional: backward needs a forward(x, cache, Training{...}) before it");
    layer.forward(x, cache, Training{});
    CHECK_THROWS_WITH(layer.backward(narrow, cache, gradients),
                      "Bidirectional: expected a gradient of [2, 6], received [2, 3]");
}
