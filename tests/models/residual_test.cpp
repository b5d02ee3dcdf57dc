#include <deeprec/models/residual.hpp>

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Residual passes the battery", "[residual][threads]") {
    battery::check<3>(
        [](battery::Random& random) {
            const Index width = random.between(1, 5);
            const Conv1DOptions causal{.padding = Padding::causal, .dilation_rate = random.between(1, 3)};
            return battery::Subject{Residual{Conv1D<double, Tanh>{width, 2, {}, causal}},
                                    {random.between(1, 6), width}};
        },
        30);
    battery::check<2>(
        [](battery::Random& random) {
            const Index width = random.between(1, 5);
            return battery::Subject{Residual{Sequential{Dense<double, Tanh>{3}, Dense<double>{width}}}, {width}};
        },
        20);
}

TEST_CASE("Residual adds its input, and a mask travels on around the inner layer", "[residual]") {
    Residual layer{Conv1D{2, 1}};
    layer.build({3, 2}, Seed{1});
    battery::check_parameters(layer, {{"inner.kernel", {1, 2, 2}}, {"inner.bias", {2}}});
    for_each_parameter(layer, [](std::string_view, auto& p) { p.setConstant(1); });
    Tensor<float, 3> x(1, 3, 2);
    x.setConstant(2);
    Tensor<std::uint8_t, 2> mask(1, 3);
    mask.setConstant(1);
    decltype(layer)::Cache cache;
    const auto y = layer.forward(masked(x, mask), cache);
    CHECK(y.mask.keep == mask.data());
    for (Index i = 0; i < y.size(); ++i) CHECK(y.data()[i] == 2 + (2 + 2 + 1));
}

TEST_CASE("Residual refuses an inner layer that changes the shape", "[residual]") {
    Residual layer{Dense{3}};
    CHECK(message_of<ShapeError>([&] { layer.build({4}, Seed{}); }) ==
          "Residual: expected Dense to keep the shape [4], received [3]");
    Residual strided{Conv1D{2, 1, linear, {.strides = 2}}};  // one step stays one step
    strided.build({1, 2}, Seed{});
    Tensor<float, 3> x(1, 64, 2);
    x.setZero();
    decltype(strided)::Cache cache;
    CHECK(message_of<ShapeError>([&] { strided.forward(x, cache); }) ==
          "Residual: expected Conv1D to keep the shape [1, 64, 2], received [1, 32, 2]");
}
