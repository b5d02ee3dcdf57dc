#include <deeprec/layers/batch_norm.hpp>

#include <deeprec/layers/dense.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("BatchNorm passes the battery", "[batch_norm][threads]") {
    const auto subject = [](battery::Random& random, bool frozen) {
        return battery::Subject{
            BatchNorm<double>{{.center = random.coin(), .scale = random.coin(), .frozen_statistics = frozen}},
            {random.between(1, 4), random.between(1, 19)}};
    };
    // through the statistics of the rows that count, which make a sample depend on its batch
    battery::check<3>([&](battery::Random& random) { return subject(random, false); }, 50, battery::Samples::together);
    battery::check<3>([&](battery::Random& random) { return subject(random, true); });
}

TEST_CASE("BatchNorm allocates nothing when warm and takes its states along", "[batch_norm]") {
    BatchNorm layer;
    static_assert(std::is_same_v<decltype(layer), BatchNorm<float>>);
    CHECK(layer.build({7, 3}, Seed{1}) == Shape{7, 3});
    battery::check_parameters(layer, {{"gamma", {3}}, {"beta", {3}}});
    BatchNorm bare{{.center = false, .scale = false}};
    bare.build({3}, Seed{1});
    battery::check_parameters(bare, {});
    std::vector<std::string> states;
    for_each_state(bare, [&](std::string_view name, const auto& state) {
        states.emplace_back(name);
        CHECK(state.data()[2] == (name == "moving_variance"));
    });
    CHECK(states == std::vector<std::string>{"moving_mean", "moving_variance"});

    Tensor<float, 3> x(5, 7, 3);
    fill_uniform(x, 1, Seed{3});
    BatchNorm<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto list = parameter_list(layer, gradients);
    SGD optimizer;
    const auto step = [&] {
        const auto y = layer.forward(x, cache, Training{});
        clear_gradients(list);
        layer.backward(y, cache, gradients);
        optimizer.step(layer, gradients);
    };
    step();
    CHECK(support::allocations_in(step) == 0);
    const BatchNorm copy = layer;
    step();
    CHECK(copy.moving_mean()(0) != layer.moving_mean()(0));
    for (int i = 0; i < 2000; ++i) step();  // the moving values arrive at those of the only batch
    for (Index j = 0; j < 3; ++j) {
        CHECK(std::abs(layer.moving_mean()(j) - cache.mean.data()[j]) < 1e-5f);
        CHECK(std::abs(layer.moving_variance()(j) - cache.variance.data()[j]) < 1e-5f);
    }
}

TEST_CASE("BatchNorm leaves its states where there is nothing to learn", "[batch_norm]") {
    const auto moved = [](BatchNormOptions options, Index rows, std::uint8_t keep) {
        BatchNorm<double> layer{options};
        layer.build({1, 2}, Seed{1});
        Tensor<double, 3> x(rows, 1, 2);
        x.setConstant(3);
        Tensor<std::uint8_t, 2> mask(rows, 1);
        mask.setConstant(keep);
        BatchNorm<double>::Cache cache;
        auto gradients = layer.zero_gradients();
        const auto y = layer.forward(masked(x, mask), cache, Training{});
        CHECK(y.mask.keep == mask.data());
        layer.backward(y, cache, gradients);
        SGD{}.step(layer, gradients);
        return std::pair{layer.moving_mean()(1), layer.moving_variance()(1)};
    };
    CHECK(moved({.momentum = 0.5, .frozen_statistics = true}, 4, 1) == std::pair{0.0, 1.0});
    CHECK(moved({.momentum = 0.5}, 4, 0) == std::pair{0.0, 1.0});
    CHECK(moved({.momentum = 0.5}, 4, 1) == std::pair{1.5, 0.5});
    CHECK(moved({.momentum = 0.5, .rule = BatchNormRule::torch}, 1, 1) == std::pair{1.5, 1.0});  // one row: no variance
}

TEST_CASE("fit moves the states by all shards and batches of a step", "[batch_norm][threads]") {
    constexpr Index samples = 80;  // shards of 32, 32 and 16
    Tensor<double, 2> x(samples, 2), y(samples, 1);
    fill_uniform(x, 1, Seed{1});
    fill_uniform(y, 1, Seed{2});
    double mean = 0;
    for (Index i = 0; i < samples; ++i) mean += x(i, 1) / samples;
    const auto trained = [&](FitOptions<TensorDataset<Tensor<double, 2>, double>> options) {
        Sequential model{BatchNorm<double>{{.momentum = 0}}, Dense<double>{1}};
        model.build({2}, Seed{3});
        SGD optimizer;
        const TensorDataset data(x, y);
        fit(model, data, MeanSquaredError{}, optimizer, options);
        return model;
    };
    const auto one = trained({.batch_size = samples, .threads = 1});
    CHECK(std::abs(one.layer<0>().moving_mean()(1) - mean) < 1e-14);
    CHECK(trained({.batch_size = samples, .threads = 3}).layer<0>().moving_mean()(1) ==
          one.layer<0>().moving_mean()(1));
    const auto accumulated = trained({.batch_size = 30, .accumulate = 3});  // of 30, 30 and 20 samples
    CHECK(std::abs(accumulated.layer<0>().moving_mean()(1) - mean) < 1e-14);
}

TEST_CASE("BatchNorm says what is wrong", "[batch_norm]") {
    CHECK_THROWS_WITH(BatchNorm({.epsilon = 0}), "BatchNorm: expected a positive epsilon, received 0");
    CHECK_THROWS_WITH(BatchNorm({.momentum = 1.5}), "BatchNorm: expected momentum in [0, 1], received 1.5");
    CHECK_THROWS_WITH(BatchNorm{}.build({}, Seed{1}),
                      "BatchNorm: expected samples of shape [..., features], received []");
    BatchNorm layer;
    layer.build({2}, Seed{1});
    BatchNorm<>::Cache cache;
    auto gradients = layer.zero_gradients();
    const Tensor<float, 2> wide(1, 4), dy(1, 2);
    CHECK_THROWS_WITH(layer.forward(wide, cache), "BatchNorm: built for 2 input features, received 4");
    CHECK_THROWS_WITH(layer.backward(dy, cache, gradients),
                      "BatchNorm: backward needs a forward(x, cache, Training{...}) before it");
}
