#include <deeprec/models/sequential.hpp>

#include <sstream>

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/max_pool1d.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

auto small_cnn() {
    return Sequential{Conv1D<double, Tanh>{3, 3}, MaxPool1D<double>{2}, Conv1D<double, Tanh>{2, 3},
                      Flatten<double>{},          Dense<double, ReLU>{4}, Dense<double, Sigmoid>{1}};
}

}  // namespace

TEST_CASE("Sequential is a layer: a CNN passes the battery", "[sequential][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{small_cnn(), {random.between(8, 12), random.between(1, 4)}};
    });
}

TEST_CASE("Sequential on ids passes the battery", "[sequential][threads]") {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{Sequential{Embedding<double>{6, 3, {.mask_zero = true}}, Dropout<double>{0.3},
                                           Dense<double, Tanh>{4}, GlobalAveragePool1D<double>{}, Dense<double>{2}},
                                {random.between(1, 7)}, 6};
    });
}

TEST_CASE("Sequential knows at compile time what it is", "[sequential]") {
    using Cnn = decltype(small_cnn());
    static_assert(Layer<Cnn>);
    static_assert(std::is_same_v<Cnn::Scalar, double>);
    static_assert(std::is_same_v<Cnn::InputElement, double>);
    static_assert(Cnn::output_rank<double, 3>() == 2);
    static_assert(std::is_same_v<FinalActivationOf<Cnn>::type, Sigmoid>);
    using Ids = Sequential<Embedding<float>, Dense<float, ReLU>>;
    static_assert(std::is_same_v<Ids::InputElement, std::int32_t>);
    static_assert(Ids::output_rank<std::int32_t, any_rank>() == any_rank);  // ids [B] or [B, T]
    static_assert(Sequential<Embedding<float>, Dense<float>, Flatten<float>>::output_rank<std::int32_t, any_rank>() ==
                  2);
    static_assert(std::is_same_v<FinalActivationOf<Sequential<Flatten<float>>>::type, void>);
    SUCCEED();
}

TEST_CASE("The article's CNN: shapes, names, summary", "[sequential]") {
    Sequential cnn{Conv1D{64, 3, relu}, MaxPool1D{2}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}, Dense{100, relu}, Dense{1, sigmoid}};
    CHECK(cnn.build({50, 64}, Seed{42}) == Shape{1});
    battery::check_parameters(cnn, {{"0.kernel", {3, 64, 64}}, {"0.bias", {64}}, {"2.kernel", {3, 64, 64}}, {"2.bias", {64}},
                                    {"5.kernel", {704, 100}}, {"5.bias", {100}}, {"6.kernel", {100, 1}}, {"6.bias", {1}}});
    std::ostringstream out;
    cnn.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("0 Conv1D") && ContainsSubstring("[48, 64]") && ContainsSubstring("4 Flatten") &&
                              ContainsSubstring("[704]") && ContainsSubstring("70500"));
    CHECK_THAT(out.str(), ContainsSubstring(std::to_string(2 * (3 * 64 * 64 + 64) + 70500 + 101)));
}

TEST_CASE("Sequential in Sequential has paths for names", "[sequential]") {
    Sequential inner{Dense{3, relu}, Dense{2}};
    Sequential outer{std::move(inner), Dense{1, sigmoid}};
    CHECK(outer.build({4}, Seed{1}) == Shape{1});
    battery::check_parameters(outer, {{"0.0.kernel", {4, 3}}, {"0.0.bias", {3}}, {"0.1.kernel", {3, 2}},
                                      {"0.1.bias", {2}}, {"1.kernel", {2, 1}}, {"1.bias", {1}}});
}

TEST_CASE("Layers of one Sequential start from different numbers", "[sequential]") {
    Sequential model{Dense{4}, Dense{4}};
    model.build({4}, Seed{1});
    CHECK_FALSE(battery::detail::same_bits(model.layer<0>().parameters().kernel, model.layer<1>().parameters().kernel));
}

TEST_CASE("Sequential stops before the last activation for losses on logits", "[sequential]") {
    auto model = small_cnn();
    model.build({9, 2}, Seed{3});
    Tensor<double, 3> x(4, 9, 2);
    battery::Random(1).fill(x.data(), x.size());
    decltype(model)::Cache a, b;
    const auto y = model.forward(x, a, Training{});
    const auto z = model.forward(x, b, Training{}.on_logits());
    Tensor<double, 2> dy(4, 1), dz(4, 1);
    battery::Random(2).fill(dy.data(), dy.size());
    for (Index r = 0; r < 4; ++r) {
        CHECK(std::abs(y(r, 0) - 1 / (1 + std::exp(-z(r, 0)))) < 1e-14);
        dz(r, 0) = dy(r, 0) * y(r, 0) * (1 - y(r, 0));
    }
    auto ga = model.zero_gradients(), gb = model.zero_gradients();
    const auto da = model.backward(dy, a, ga), db = model.backward(dz, b, gb);
    for (Index i = 0; i < x.size(); ++i) CHECK(std::abs(da.data()[i] - db.data()[i]) < 1e-14);
    const auto all_a = battery::detail::copy_gradients(model, ga), all_b = battery::detail::copy_gradients(model, gb);
    for (const auto& [name, gradient] : all_a) CHECK(battery::detail::difference(gradient, all_b.at(name)) < 1e-12);
}

TEST_CASE("A mask goes through Dense and Dropout to the pooling that uses it", "[sequential]") {
    Sequential model{Embedding<double>{5, 3, {.mask_zero = true}}, Dropout<double>{0.5}, Dense<double>{3}, GlobalAveragePool1D<double>{}};
    model.build({4}, Seed{1});
    Tensor<std::int32_t, 2> padded(1, 4), bare(1, 2);
    padded.setValues({{0, 0, 3, 4}});
    bare.setValues({{3, 4}});
    decltype(model)::Cache a, b;
    const auto y = model.forward(padded, a), z = model.forward(bare, b);
    for (Index u = 0; u < 3; ++u) CHECK(y(0, u) == z(0, u));
}

TEST_CASE("Sequential names the layer that does not fit", "[sequential]") {
    Sequential model{Conv1D{8, 3, relu}, MaxPool1D{4}, Flatten{}};
    CHECK_THROWS_AS((model.build({5, 2}, Seed{1})), ShapeError);
    CHECK_THROWS_WITH((model.build({5, 2}, Seed{1})), "layer 1: MaxPool1D: a window of 4 steps needs at least as many, received 3");
    CHECK_THROWS_WITH((model.build({5}, Seed{1})), "layer 0: Conv1D: expected samples of shape [time, features], received [5]");
}
