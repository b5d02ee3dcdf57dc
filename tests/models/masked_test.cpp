#include <deeprec/models/masked.hpp>

#include <sstream>

#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Masked passes the battery", "[masked][threads]") {
    battery::check<3>(
        [](battery::Random& random) {
            const Index width = random.between(1, 5);
            const Conv1DOptions causal{.padding = Padding::causal, .dilation_rate = random.between(1, 3)};
            return battery::Subject{Masked{Conv1D<double, Tanh>{random.between(1, 4), 2, {}, causal}},
                                    {random.between(1, 6), width}};
        },
        20);
}

TEST_CASE("Masked reads zeros at masked steps, gives them no gradient and passes the mask on", "[masked]") {
    Masked layer{Conv1D{1, 2, linear, {.padding = Padding::causal}}};
    layer.build({4, 1}, Seed{1});
    battery::check_parameters(layer, {{"inner.kernel", {2, 1, 1}}, {"inner.bias", {1}}});
    for_each_parameter(layer, [](std::string_view name, auto& p) { p.setConstant(name == "inner.bias" ? 10 : 1); });
    Tensor<float, 3> x(1, 4, 1), dy(1, 4, 1);
    x.setValues({{{100}, {1}, {200}, {2}}});
    dy.setConstant(1);
    Tensor<std::uint8_t, 2> mask(1, 4);
    mask.setValues({{0, 1, 0, 1}});
    decltype(layer)::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(masked(x, mask), cache, Training{1});
    CHECK(y.mask.keep == mask.data());
    CHECK(std::vector<float>(y.data(), y.data() + 4) == std::vector<float>{10, 11, 11, 12});
    const auto dx = layer.backward(dy, cache, gradients);
    CHECK(std::vector<float>(dx.data(), dx.data() + 4) == std::vector<float>{0, 2, 0, 1});
    const auto plain = layer.forward(x, cache, Training{1});
    CHECK(!plain.mask);
    CHECK(plain(0, 3, 0) == 212);
    CHECK(layer.backward(dy, cache, gradients)(0, 0, 0) == 2);
}

TEST_CASE("Masked comes back from its file", "[masked][io]") {
    Sequential model{Masked{Conv1D{3, 2, relu, {.padding = Padding::same}}}};
    model.build({4, 2}, Seed{1});
    std::ostringstream out;
    save(model, out);
    SafetensorsReader file(std::make_unique<std::istringstream>(out.str()), "model.safetensors");
    const auto again = load<decltype(model)>(file);
    Tensor<float, 3> x(2, 4, 2);
    fill_uniform(x, 1, Seed{2});
    decltype(model)::Cache a, b;
    CHECK(battery::detail::same_bits(model.forward(x, a), again.forward(x, b)));
}

TEST_CASE("Masked refuses an inner layer that changes the steps", "[masked]") {
    Masked layer{Conv1D{3, 2}};
    CHECK(message_of<ShapeError>([&] {
              layer.build({4, 2}, Seed{});
          }) == "Masked: expected Conv1D to keep the 4 steps, received [3, 3]");
    Masked strided{Conv1D{3, 1, linear, {.strides = 2}}};  // one step stays one step
    strided.build({1, 2}, Seed{});
    Tensor<float, 3> x(2, 8, 2);
    x.setZero();
    decltype(strided)::Cache cache;
    CHECK(message_of<ShapeError>([&] { strided.forward(x, cache); }) ==
          "Masked: expected Conv1D to keep the 8 steps, received [2, 4, 3]");
}
