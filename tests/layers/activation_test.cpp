#include <deeprec/layers/activation.hpp>

#include <deeprec/layers/dense.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEMPLATE_TEST_CASE("Activation passes the battery", "[activation][threads]", Linear, ReLU, Sigmoid, Tanh, HardSigmoid) {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{Activation<double, TestType>{}, {random.between(1, 5), random.between(1, 19)}};
    });
    battery::check<2>(
        [](battery::Random& random) {
            return battery::Subject{Activation<double, TestType>{}, {random.between(1, 40)}};
        },
        10);
}

TEMPLATE_TEST_CASE("every activation passes the battery", "[activation][threads]", ReLU6, LeakyReLU, ELU, SELU, Gelu,
                   GeluTanh, Swish, Softplus, Softsign, Exponential, Softmax) {
    battery::check<2>(
        [](battery::Random& random) {
            return battery::Subject{Activation<double, TestType>{}, {random.between(1, 40)}};
        },
        8);
}

TEST_CASE("Activation is what the fused one gives, and passes a mask on", "[activation]") {
    Activation layer{sigmoid};
    static_assert(std::is_same_v<decltype(layer), Activation<float, Sigmoid>>);
    Dense fused{5, sigmoid};
    Dense plain{5};
    fused.build({3}, Seed{1});
    plain.build({3}, Seed{1});
    Tensor<float, 3> x(2, 4, 3);
    battery::Random(1).fill(x.data(), x.size());
    Tensor<std::uint8_t, 2> mask(2, 4);
    mask.setConstant(1);
    Dense<float, Sigmoid>::Cache a;
    Dense<float, Linear>::Cache b;
    Activation<float, Sigmoid>::Cache cache;
    const auto y = layer.forward(plain.forward(masked(x, mask), b), cache);
    CHECK(battery::detail::same_bits(fused.forward(x, a), y));
    CHECK(y.mask.keep == mask.data());
}

TEST_CASE("Activation hands logits over without a copy", "[activation]") {
    static_assert(std::is_same_v<FinalActivationOf<Activation<float, Sigmoid>>::type, Sigmoid>);
    Activation layer{sigmoid};
    Tensor<float, 2> x(1, 2);
    x.setConstant(3);
    Activation<float, Sigmoid>::Cache cache;
    auto none = layer.zero_gradients();
    CHECK(layer.forward(x, cache, Training{}.on_logits()).data() == x.data());
    CHECK(layer.backward(x, cache, none).data() == x.data());
    CHECK(layer.forward(x, cache, Training{})(0, 1) == Approx(1 / (1 + std::exp(-3.0))));
    CHECK(layer.backward(x, cache, none)(0, 1) < 1);
}

TEST_CASE("Activation says what is wrong", "[activation]") {
    Activation layer{relu};
    Activation<float, ReLU>::Cache cache;
    auto none = layer.zero_gradients();
    const Tensor<float, 2> dy(1, 2);
    CHECK_THROWS_WITH(layer.backward(dy, cache, none), "Activation: backward needs a forward(x, cache, Training{...}) before it");
}
