#include <deeprec/core/parallel.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

template <class L>
battery::Subject<L> random_subject(battery::Random& random) {
    const LSTMOptions options{.go_backwards = random.coin(), .use_bias = random.coin()};
    return {L{random.between(1, 11), {}, options}, {random.between(1, 5), random.between(1, 9)}};
}

Tensor<double, 3> random_sequences(Index batch, Index time, Index features) {
    Tensor<double, 3> x(batch, time, features);
    battery::Random random(7);
    random.fill(x.data(), x.size());
    return x;
}

template <class A, class B>
void check_equal(const A& a, const B& b) {
    REQUIRE(a.size() == b.size());
    for (Index i = 0; i < a.size(); ++i) CHECK(a.data()[i] == b.data()[i]);
}

}  // namespace

TEMPLATE_TEST_CASE("LSTM passes the battery", "[lstm][threads]", ReturnLast, ReturnSequences) {
    battery::check<3>([](auto& random) { return random_subject<LSTM<double, TestType>>(random); });
}

TEST_CASE("LSTM passes the battery with other activations", "[lstm][threads]") {
    battery::check<3>([](auto& random) { return random_subject<LSTM<double, ReturnSequences, ReLU, Sigmoid>>(random); },
                      12);
    battery::check<3>([](auto& random) { return random_subject<LSTM<double, ReturnLast, Tanh, HardSigmoid>>(random); },
                      12);
}

TEST_CASE("LSTM has Keras' parameters, initial values and tags", "[lstm]") {
    LSTM last{5};
    LSTM sequences{5, return_sequences, {.go_backwards = true}};
    static_assert(std::is_same_v<decltype(last), LSTM<float, ReturnLast>>);
    static_assert(std::is_same_v<decltype(sequences), LSTM<float, ReturnSequences>>);
    CHECK(last.build({7, 3}, Seed{1}) == Shape{5});
    CHECK(sequences.build({7, 3}, Seed{1}) == Shape{7, 5});
    battery::check_parameters(last, {{"kernel", {3, 20}}, {"recurrent_kernel", {5, 20}}, {"bias", {20}}});

    LSTM<double> layer{16};
    layer.build({7, 10}, Seed{3});
    const auto& p = layer.parameters();
    const double limit = std::sqrt(6.0 / (10 + 64));
    double largest = 0;
    for (Index i = 0; i < p.kernel.size(); ++i) largest = std::max(largest, std::abs(p.kernel.data()[i]));
    CHECK(largest <= limit);
    CHECK(largest > 0.98 * limit);
    for (Index i = 0; i < 16; ++i)
        for (Index j = 0; j < 16; ++j) {
            double dot = 0;
            for (Index k = 0; k < 64; ++k) dot += p.recurrent_kernel(i, k) * p.recurrent_kernel(j, k);
            CHECK(std::abs(dot - (i == j)) < 1e-12);
        }
    for (Index j = 0; j < 64; ++j) CHECK(p.bias(j) == (j / 16 == 1 ? 1.0 : 0.0));

    LSTM<double> flat{4, {}, {.unit_forget_bias = false}};
    flat.build({2, 2}, Seed{1});
    for (Index j = 0; j < 16; ++j) CHECK(flat.parameters().bias(j) == 0.0);
    LSTM<double> without{4, {}, {.use_bias = false}};
    without.build({2, 2}, Seed{1});
    battery::check_parameters(without, {{"kernel", {2, 16}}, {"recurrent_kernel", {4, 16}}});
}

TEST_CASE("LSTM: a sequence read in parts with its state gives what it gives at once", "[lstm]") {
    const Index batch = 3, time = 7, features = 4, units = 6;
    LSTM<double, ReturnSequences> layer{units};
    layer.build({time, features}, Seed{1});
    const Tensor<double, 3> x = random_sequences(batch, time, features);
    LSTM<double, ReturnSequences>::Cache cache;
    const Tensor<double, 3> whole = layer.forward(x, cache);
    const auto end = layer.final_state(cache);

    LSTM<double, ReturnSequences>::State state;
    for (Index t = 0; t < time; ++t) {
        const auto y = layer.forward(battery::step_of(x, t), state, cache);
        for (Index b = 0; b < batch; ++b)
            for (Index u = 0; u < units; ++u) CHECK(y(b, 0, u) == whole(b, t, u));
        state = layer.final_state(cache);
    }
    check_equal(state.h, end.h);
    check_equal(state.c, end.c);
}

TEST_CASE("LSTM: gradients of the initial state and through the final state", "[lstm]") {
    const Index batch = 2, time = 3, features = 3, units = 5;
    using L = LSTM<double>;
    L layer{units};
    layer.build({time, features}, Seed{1});
    const Tensor<double, 3> x = random_sequences(batch, time, features);
    battery::Random random(9);
    const auto draw = [&] {
        Tensor<double, 2> t(batch, units);
        random.fill(t.data(), t.size());
        return t;
    };
    L::State initial{draw(), draw()};
    const L::State up{draw(), draw()};
    const Tensor<double, 2> dy = draw();
    L::Cache cache;
    const auto loss = [&] {
        const auto y = layer.forward(x, initial, cache, Training{});
        const auto& end = layer.final_state(cache);
        double sum = 0;
        for (Index i = 0; i < y.size(); ++i)
            sum += dy.data()[i] * y.data()[i] + up.h.data()[i] * end.h.data()[i] + up.c.data()[i] * end.c.data()[i];
        return sum;
    };
    loss();
    auto gradients = layer.zero_gradients();
    layer.backward(dy, up, cache, gradients);
    const L::State found = layer.initial_state_gradient(cache);
    const auto check = [&](Tensor<double, 2>& state, const Tensor<double, 2>& gradient) {
        for (Index i = 0; i < state.size(); ++i) {
            const double value = state.data()[i], h = 1e-5;
            state.data()[i] = value + h;
            const double above = loss();
            state.data()[i] = value - h;
            const double slope = (above - loss()) / (2 * h);
            state.data()[i] = value;
            CHECK(std::abs(slope - gradient.data()[i]) < 1e-6 * std::max(1e-2, std::abs(slope)));
        }
    };
    check(initial.h, found.h);
    check(initial.c, found.c);
}

TEST_CASE("LSTM: masked steps repeat the output, zero before the first kept one, and the mask travels on", "[lstm]") {
    LSTM<double, ReturnSequences> layer{4};
    layer.build({5, 2}, Seed{1});
    const Tensor<double, 3> x = random_sequences(1, 5, 2);
    Tensor<std::uint8_t, 2> mask(1, 5);
    mask.setValues({{0, 1, 0, 1, 0}});
    LSTM<double, ReturnSequences>::Cache cache;
    LSTM<double, ReturnSequences>::State initial;
    initial.h.resize(1, 4);
    initial.c.resize(1, 4);
    initial.h.setConstant(0.5);
    initial.c.setConstant(0.25);
    const auto y = layer.forward(masked(x, mask), initial, cache);
    CHECK(y.mask.keep == mask.data());
    for (Index u = 0; u < 4; ++u) {
        CHECK(y(0, 0, u) == 0.0);
        CHECK(y(0, 1, u) != 0.0);
        CHECK(y(0, 2, u) == y(0, 1, u));
        CHECK(y(0, 3, u) != y(0, 1, u));
        CHECK(y(0, 4, u) == y(0, 3, u));
    }
    mask.setZero();
    const auto nothing = layer.forward(masked(x, mask), initial, cache);
    for (Index i = 0; i < nothing.size(); ++i) CHECK(nothing.data()[i] == 0.0);
    check_equal(layer.final_state(cache).h, initial.h);
    check_equal(layer.final_state(cache).c, initial.c);
}

TEST_CASE("LSTM: a state is streamed without allocations", "[lstm]") {
    LSTM<float> layer{9};
    layer.build({3, 4}, Seed{1});
    Tensor<float, 3> x(2, 3, 4);
    x.setConstant(0.5F);
    LSTM<float>::Cache cache;
    LSTM<float>::State state;
    const auto stream = [&] {
        layer.forward(x, state, cache);
        state = layer.final_state(cache);
    };
    stream();
    stream();
    CHECK(support::allocations_in(stream) == 0);
}

TEST_CASE("LSTM: threads that share a sample change no bit and allocate nothing", "[lstm][threads]") {
    Sequential model{LSTM{130, return_sequences}, LSTM{128}, Dense{1, sigmoid}};
    model.build({7, 4}, Seed{1});
    Tensor<float, 3> x(1, 7, 4);
    battery::Random random(3);
    random.fill(x.data(), x.size());
    decltype(model)::Cache one, shared;
    const float expected = model.forward(x, one).data()[0];
    ThreadPool pool(2);
    const auto forward = [&] { CHECK(model.forward(x, shared, Inference{&pool}).data()[0] == expected); };
    for (int call = 0; call < 20; ++call) forward();
    float y = 0;
    CHECK(support::allocations_in([&] { y = model.forward(x, shared, Inference{&pool}).data()[0]; }) == 0);
    CHECK(y == expected);
    model.forward(x, one);
    CHECK(model.forward(x, one, Inference{&pool}).data()[0] == expected);  // a cache that has seen a pass without
}

TEST_CASE("LSTM says what is wrong", "[lstm]") {
    const auto error_of = []<class E>(E*, auto&& f) -> std::string {
        try {
            f();
        } catch (const E& error) {
            return error.what();
        }
        return "no error";
    };
    ShapeError* const shape = nullptr;
    ArgumentError* const argument = nullptr;
    CHECK(error_of(argument, [] { LSTM{0}; }) == "LSTM: expected a positive units, received 0");

    LSTM<float> layer{3};
    CHECK(error_of(shape, [&] { layer.build({4}, Seed{1}); }) ==
          "LSTM: expected samples of shape [time, features], received [4]");
    layer.build({4, 2}, Seed{1});
    LSTM<float>::Cache cache;
    Tensor<float, 3> wide(2, 4, 3), none(2, 0, 2), x(2, 4, 2);
    x.setZero();
    CHECK(error_of(shape, [&] { layer.forward(wide, cache); }) == "LSTM: built for 2 input features, received 3");
    CHECK(error_of(shape, [&] { layer.forward(none, cache); }) ==
          "LSTM: expected sequences of at least one step, received none");
    LSTM<float>::State state;
    state.h.resize(2, 4);
    CHECK(error_of(shape, [&] { layer.forward(x, state, cache); }) ==
          "LSTM: expected initial h of [2, 3] or an empty one, received [2, 4]");

    auto gradients = layer.zero_gradients();
    Tensor<float, 2> dy(2, 3), short_dy(1, 3);
    layer.forward(x, cache);
    CHECK(error_of(argument, [&] { layer.backward(dy, cache, gradients); }) ==
          "LSTM: backward needs a forward(x, cache, Training{...}) before it");
    layer.forward(x, cache, Training{});
    CHECK(error_of(shape, [&] { layer.backward(dy, state, cache, gradients); }) ==
          "LSTM: expected gradient of h of [2, 3] or an empty one, received [2, 4]");
    CHECK(error_of(shape, [&] { layer.backward(short_dy, cache, gradients); }) ==
          "LSTM: expected a gradient of [2, 3], received [1, 3]");
}
