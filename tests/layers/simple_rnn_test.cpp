#include <deeprec/layers/simple_rnn.hpp>

#include "layers/recurrent_checks.hpp"

using namespace deeprec;
using namespace deeprec::test;

namespace {

template <class L>
battery::Subject<L> random_subject(battery::Random& random) {
    const SimpleRNNOptions options{.go_backwards = random.coin(), .use_bias = random.coin()};
    return {L{random.between(1, 11), {}, options}, {random.between(1, 5), random.between(1, 9)}};
}

}  // namespace

TEMPLATE_TEST_CASE("SimpleRNN passes the battery", "[simple_rnn][threads]", ReturnLast, ReturnSequences) {
    battery::check<3>([](auto& random) { return random_subject<SimpleRNN<double, TestType>>(random); });
}

TEST_CASE("SimpleRNN passes the battery with another activation", "[simple_rnn][threads]") {
    battery::check<3>([](auto& random) { return random_subject<SimpleRNN<double, ReturnSequences, Swish>>(random); },
                      12);
}

TEST_CASE("SimpleRNN has Keras' parameters and tags", "[simple_rnn]") {
    SimpleRNN last{5};
    SimpleRNN sequences{5, return_sequences, {.go_backwards = true}};
    static_assert(std::is_same_v<decltype(last), SimpleRNN<float, ReturnLast>>);
    static_assert(std::is_same_v<decltype(sequences), SimpleRNN<float, ReturnSequences>>);
    CHECK(last.build({7, 3}, Seed{1}) == Shape{5});
    CHECK(sequences.build({7, 3}, Seed{1}) == Shape{7, 5});
    battery::check_parameters(last, {{"kernel", {3, 5}}, {"recurrent_kernel", {5, 5}}, {"bias", {5}}});
    SimpleRNN without{5, return_last, {.use_bias = false}};
    without.build({7, 3}, Seed{1});
    battery::check_parameters(without, {{"kernel", {3, 5}}, {"recurrent_kernel", {5, 5}}});
}

TEST_CASE("SimpleRNN carries its state", "[simple_rnn]") {
    check_streaming(SimpleRNN<double, ReturnSequences>{6});
    check_state_gradients(SimpleRNN<double>{5});
    check_states_after_errors(SimpleRNN<double>{5});
    check_masks(SimpleRNN<double, ReturnSequences>{4});
}

TEST_CASE("SimpleRNN says what is wrong", "[simple_rnn]") {
    CHECK_THROWS_WITH(SimpleRNN{0}, "SimpleRNN: expected a positive units, received 0");
    SimpleRNN layer{3};
    layer.build({4, 2}, Seed{1});
    SimpleRNN<>::Cache cache;
    const Tensor<float, 3> wide(2, 4, 3);
    CHECK_THROWS_WITH(layer.forward(wide, cache), "SimpleRNN: built for 2 input features, received 3");
    SimpleRNN unbuilt{3};
    CHECK_NOTHROW(for_each_parameter(unbuilt, [](std::string_view, auto&) {}));
    CHECK_THROWS_WITH(unbuilt.forward(wide, cache), "SimpleRNN: built for 0 input features, received 3");
    CHECK_THROWS_WITH(SimpleRNN<>{}.build({4, 2}, Seed{1}), "SimpleRNN: expected a positive units, received 0");
}

TEST_CASE("Recurrent layers know an activation by its type alone", "[simple_rnn]") {
    SimpleRNN<float, ReturnLast, LeakyReLU> layer{3};
    CHECK_NOTHROW(layer.build({4, 2}, Seed{1}));
    decltype(layer)::Gradients none;
    Fields<float> fields(Fields<float>::With::names);
    fields.model(layer, none);
    const Option& option = fields.layers().at(0).options.at(2);
    CHECK(option.name == "activation");
    *static_cast<double*>(option.value) = 0.5;  // as a file may
    CHECK_THROWS_WITH(layer.build({4, 2}, Seed{1}),
                      "SimpleRNN: expected leaky_relu with negative_slope 0.2, received 0.5");
}

TEST_CASE("Recurrent layers start as their initialisers say", "[simple_rnn]") {
    SimpleRNN layer{2, return_last, {.kernel_initializer = Constant{3}, .recurrent_initializer = Constant{-1}}};
    layer.build({4, 3}, Seed{1});
    for (Index i = 0; i < 6; ++i) CHECK(layer.parameters().kernel.data()[i] == 3);
    for (Index i = 0; i < 4; ++i) CHECK(layer.parameters().recurrent_kernel.data()[i] == -1);
}
