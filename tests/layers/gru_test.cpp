#include <deeprec/layers/gru.hpp>

#include "layers/recurrent_checks.hpp"

using namespace deeprec;
using namespace deeprec::test;

namespace {

template <class L>
battery::Subject<L> random_subject(battery::Random& random) {
    const GRUOptions options{.go_backwards = random.coin(), .use_bias = random.coin(), .reset_after = random.coin()};
    return {L{random.between(1, 11), {}, options}, {random.between(1, 5), random.between(1, 9)}};
}

}  // namespace

TEMPLATE_TEST_CASE("GRU passes the battery", "[gru][threads]", ReturnLast, ReturnSequences) {
    battery::check<3>([](auto& random) { return random_subject<GRU<double, TestType>>(random); });
}

TEST_CASE("GRU passes the battery with other activations", "[gru][threads]") {
    battery::check<3>(
        [](auto& random) { return random_subject<GRU<double, ReturnSequences, ReLU, HardSigmoid>>(random); }, 12);
}

TEST_CASE("GRU has Keras' parameters and tags", "[gru]") {
    GRU last{5};
    GRU sequences{5, return_sequences, {.go_backwards = true}};
    static_assert(std::is_same_v<decltype(last), GRU<float, ReturnLast>>);
    static_assert(std::is_same_v<decltype(sequences), GRU<float, ReturnSequences>>);
    CHECK(last.build({7, 3}, Seed{1}) == Shape{5});
    CHECK(sequences.build({7, 3}, Seed{1}) == Shape{7, 5});
    battery::check_parameters(last, {{"kernel", {3, 15}}, {"recurrent_kernel", {5, 15}}, {"bias", {2, 15}}});
    for (Index j = 0; j < 15; ++j) CHECK(last.parameters().bias(1, j) == 0);

    GRU before{5, return_last, {.reset_after = false}};
    before.build({7, 3}, Seed{1});
    battery::check_parameters(before, {{"kernel", {3, 15}}, {"recurrent_kernel", {5, 15}}, {"bias", {15}}});
    for (const bool after : {false, true}) {
        GRU without{5, return_last, {.use_bias = false, .reset_after = after}};
        without.build({7, 3}, Seed{1});
        battery::check_parameters(without, {{"kernel", {3, 15}}, {"recurrent_kernel", {5, 15}}});
    }
}

TEST_CASE("GRU carries its state", "[gru]") {
    for (const bool after : {false, true}) {
        const GRUOptions options{.reset_after = after};
        check_streaming(GRU<double, ReturnSequences>{6, {}, options});
        check_state_gradients(GRU<double>{5, {}, options});
        check_states_after_errors(GRU<double>{5, {}, options});
        check_masks(GRU<double, ReturnSequences>{4, {}, options});
    }
}

TEST_CASE("GRU says what is wrong", "[gru]") {
    CHECK_THROWS_WITH(GRU{0}, "GRU: expected a positive units, received 0");
    GRU layer{3};
    CHECK_THROWS_WITH(layer.build({4}, Seed{1}), "GRU: expected samples of shape [time, features], received [4]");
    layer.build({4, 2}, Seed{1});
    GRU<>::Cache cache;
    Tensor<float, 3> x(2, 4, 2);
    x.setZero();
    GRU<>::State state;
    state.h.resize(2, 4);
    CHECK_THROWS_WITH(layer.forward(x, state, cache),
                      "GRU: expected initial h of [2, 3] or an empty one, received [2, 4]");
    auto gradients = layer.zero_gradients();
    const Tensor<float, 2> short_dy(1, 3);
    layer.forward(x, cache, Training{});
    CHECK_THROWS_WITH(layer.backward(short_dy, cache, gradients),
                      "GRU: expected a gradient of [2, 3], received [1, 3]");
}
