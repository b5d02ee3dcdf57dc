#include <deeprec/training/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/predict.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using deeprec::detail::all_indices;
using support::message_of;

namespace {

/// Allocations of one training step once the batch was seen.
template <class Model, class Data>
long warm_allocations(Model& model, const Data& data) {
    ThreadPool pool(1);
    Trainer<Model, BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    Adam optimizer{{.clipping = {.global_norm = 1}}};
    const auto indices = all_indices(data.size());
    const auto step = [&] {
        trainer.gradient(model, data.batch(indices), Seed{1});
        optimizer.step(model, trainer.gradients(), &pool);
    };
    step();
    step();
    return support::allocations_in(step);
}
Tensor<float, 3> sequences(Index rows, Index steps, Index features) {
    Tensor<float, 3> x(rows, steps, features);
    fill_uniform(x, 1, Seed{1});
    return x;
}
Tensor<float, 2> labels(Index rows) {
    Tensor<float, 2> y(rows, 1);
    for (Index r = 0; r < rows; ++r) y(r, 0) = static_cast<float>(r % 2);
    return y;
}
template <class Gradients, class Model>
std::vector<float> flat(const Model& model, Gradients& gradients) {
    std::vector<float> all;
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, const auto& g) {
        const auto append = [&](const auto& dense) {
            all.insert(all.end(), dense.data(), dense.data() + dense.size());
        };
        if constexpr (requires { g.dense(); })
            append(g.dense());
        else
            append(g);
    });
    return all;
}

}  // namespace

TEST_CASE("A warm training step allocates nothing", "[training]") {
    SECTION("CNN") {
        Sequential cnn{Conv1D{32, 3, relu}, MaxPool1D{2},    Conv1D{32, 3, relu},
                       GlobalMaxPool1D{},   Dense{10, relu}, Dense{1, sigmoid}};
        cnn.build({20, 6}, Seed{1});
        CHECK(warm_allocations(cnn, TensorDataset{sequences(70, 20, 6), labels(70)}) == 0);
    }
    SECTION("LSTM") {
        Sequential rnn{LSTM{9, return_sequences}, LSTM{5}, Dense{1, sigmoid}};
        rnn.build({12, 6}, Seed{1});
        CHECK(warm_allocations(rnn, TensorDataset{sequences(70, 12, 6), labels(70)}) == 0);
    }
    SECTION("two towers with embeddings, masks and dropout") {
        auto model = two_tower();
        CHECK(warm_allocations(model, pairs(100)) == 0);
    }
}

TEST_CASE("A small batch is cut in two where that is worth it, unless its statistics or large weights say one",
          "[training]") {
    const auto shards = [](auto model, Index width, Index batch) {
        model.build({width}, Seed{1});
        ThreadPool pool(1);
        Trainer<decltype(model), BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
        trainer.keep_predictions();
        Tensor<float, 2> x(batch, width);
        fill_uniform(x, 1, Seed{2});
        const TensorDataset data{x, labels(batch)};
        const auto samples = data.batch(all_indices(batch));
        trainer.gradient(model, samples, Seed{1});
        std::vector<Index> rows;
        trainer.each_prediction(samples,
                                [&](const auto& prediction, auto&&...) { rows.push_back(prediction.batch()); });
        return rows;
    };
    const Sequential plain{Dense{8, relu}, Dense{1, sigmoid}};
    const Sequential normed{Dense{8, relu}, BatchNorm{}, Dense{1, sigmoid}};
    const Sequential large{Dense{1000, relu}, Dense{1, sigmoid}};
    using Rows = std::vector<Index>;
    CHECK(shards(plain, 4, 31) == Rows{31});
    CHECK(shards(plain, 4, 32) == Rows{16, 16});
    CHECK(shards(plain, 4, 41) == Rows{21, 20});
    CHECK(shards(plain, 4, 80) == Rows{40, 40});
    CHECK(shards(plain, 4, 100) == Rows{25, 25, 25, 25});
    CHECK(shards(normed, 4, 32) == Rows{32});
    CHECK(shards(normed, 4, 41) == Rows{21, 20});
    CHECK(shards(large, 200, 32) == Rows{32});
    const Sequential wide{Dense{500, relu}, Dense{1, sigmoid}};  // 100,000 weights
    CHECK(shards(wide, 200, 31) == Rows{16, 15});
    CHECK(shards(wide, 200, 8) == Rows{8});  // is done before a second thread is awake
}

TEST_CASE("From 8 samples on an LSTM's step has work for two threads", "[training][threads]") {
    Sequential model{LSTM{64}, Dense{1, sigmoid}};
    model.build({30, 6}, Seed{1});
    const TensorDataset data{sequences(31, 30, 6), labels(31)};
    for (const Index samples : {7, 8, 31}) {
        std::vector<std::vector<float>> gradients;
        for (const int threads : {1, 2, 3}) {
            ThreadPool pool(threads);
            Trainer<decltype(model), BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
            trainer.keep_predictions();
            const auto batch = data.batch(all_indices(samples));
            trainer.gradient(model, batch, Seed{1});
            std::vector<Index> rows;
            trainer.each_prediction(batch, [&](const auto& y, auto&&...) { rows.push_back(y.batch()); });
            CHECK(rows ==
                  (samples < 8 ? std::vector<Index>{samples} : std::vector<Index>{(samples + 1) / 2, samples / 2}));
            gradients.push_back(flat(model, trainer.gradients()));
        }
        CHECK(gradients[1] == gradients[0]);
        CHECK(gradients[2] == gradients[0]);
    }
}

TEST_CASE("Each step of a sequence is a prediction of its own, and masked steps are none", "[training][threads]") {
    const Index samples = 70, steps = 4;  // two shards
    const auto check = [&](auto model, const auto& loss, const auto& x, const Tensor<float, 2>& y) {
        using Model = decltype(model);
        ThreadPool pool(2);
        const TensorDataset data{x, y};
        Trainer<Model, std::decay_t<decltype(loss)>> trainer(model, loss, pool);
        const auto batch = data.batch(all_indices(samples));
        const double got = trainer.gradient(model, batch, Seed{1}).mean();
        const auto gradient = flat(model, trainer.gradients());
        CHECK(trainer.evaluate(model, batch).mean() == Approx(got));

        typename Model::Cache cache;
        auto gradients = model.zero_gradients();
        const auto p = model.forward(x, cache, Training{});
        Tensor<float, 3> target(p.extents());
        std::copy_n(y.data(), y.size(), target.data());
        CHECK(got == Approx(loss.forward(p, target)).epsilon(1e-5));
        model.backward(loss.gradient(p, target), cache, gradients);
        const auto expected = flat(model, gradients);
        for (std::size_t i = 0; i < expected.size(); ++i)
            REQUIRE(gradient[i] == Approx(expected[i]).epsilon(1e-4).margin(1e-7));
    };
    SECTION("a softmax a step") {
        Sequential model{Dense{3, softmax}};
        model.build({steps, 2}, Seed{1});
        Tensor<float, 2> y(samples, steps * 3);
        y.setZero();
        for (Index i = 0; i < samples * steps; ++i) y.data()[i * 3 + i % 3] = 1;
        check(model, CategoricalCrossEntropy{}, sequences(samples, steps, 2), y);
    }
    SECTION("a mask that differs from shard to shard") {
        Sequential model{Embedding{10, 4, {.mask_zero = true}}, Dense{1, sigmoid}};
        model.build({steps}, Seed{1});
        Tensor<std::int32_t, 2> x(samples, steps);
        for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<std::int32_t>(i < 40 ? i % 2 : i % 7);
        Tensor<float, 2> y(samples, steps);
        for (Index i = 0; i < y.size(); ++i) y.data()[i] = static_cast<float>(i % 3 == 0);
        check(model, BinaryCrossEntropy{}, x, y);
        check(model, MeanSquaredError{}, x, y);
    }
    SECTION("a weight is that of all steps of its sample") {
        Sequential model{Dense{1}};
        model.build({steps, 2}, Seed{1});
        const auto x = sequences(samples, steps, 2);
        Tensor<float, 2> y(samples, steps);
        y.setZero();
        Tensor<float, 1> weights(samples), by_step(samples * steps);
        for (Index i = 0; i < by_step.size(); ++i) by_step(i) = weights(i / steps) = static_cast<float>(i / steps % 3);
        ThreadPool pool(1);
        Trainer<decltype(model), MeanSquaredError> trainer(model, MeanSquaredError{}, pool);
        const TensorDataset data{x, y, weights};
        Tensor<float, 3> target(samples, steps, Index(1));
        target.setZero();
        const auto p = predict(model, x);
        CHECK(trainer.gradient(model, data.batch(all_indices(samples)), Seed{1}).mean() ==
              Approx(MeanSquaredError{}.forward(p, target, by_step)).epsilon(1e-5));
    }
}

TEST_CASE("Smaller batches in between do not make a warm step allocate", "[training]") {
    auto model = two_tower();
    const auto data = pairs(100);
    ThreadPool pool(1);
    Trainer<decltype(model), BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    const auto all = all_indices(100), some = all_indices(33);
    trainer.gradient(model, data.batch(all), Seed{1});
    trainer.gradient(model, data.batch(some), Seed{1});
    CHECK(support::allocations_in([&] {
              trainer.gradient(model, data.batch(some), Seed{1});
              trainer.gradient(model, data.batch(all), Seed{1});
          }) == 0);
}

TEST_CASE("Loss and gradient of the shards are those of the whole batch", "[training][threads]") {
    Sequential model{Dense{8, tanh}, Dense{3, sigmoid}};
    model.build({4}, Seed{3});
    const Index rows = 301;  // eight shards, the last smaller
    Tensor<float, 2> x(rows, 4), y(rows, 3);
    Tensor<float, 1> w(rows);
    fill_uniform(x, 1, Seed{5});
    fill_uniform(w, 1, Seed{6});
    for (Index i = 0; i < y.size(); ++i) y.data()[i] = static_cast<float>(i % 2);
    const TensorDataset data{x, y, w};
    ThreadPool pool(2);
    using Model = decltype(model);
    Trainer<Model, BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    const double loss = trainer.gradient(model, data.batch(all_indices(rows)), Seed{}).mean();
    const auto got = flat(model, trainer.gradients());

    Model::Cache cache;
    auto gradients = model.zero_gradients();
    const auto p = model.forward(x, cache, Training{});
    CHECK(loss == Approx(BinaryCrossEntropy{}.forward(p, y, w)).epsilon(1e-5));
    const auto dy = BinaryCrossEntropy{}.gradient(p, y, w);
    model.backward(dy, cache, gradients);
    const auto expected = flat(model, gradients);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-4).margin(1e-6));
    CHECK(trainer.evaluate(model, data.batch(all_indices(rows))).mean() == Approx(loss).epsilon(1e-6));
}

TEST_CASE("A gradient does not remember the batch before", "[training]") {
    auto model = two_tower();
    const auto data = pairs(200);
    ThreadPool pool(1);
    using Model = decltype(model);
    Trainer<Model, BinaryCrossEntropy> used(model, BinaryCrossEntropy{}, pool),
        fresh(model, BinaryCrossEntropy{}, pool);
    const auto all = all_indices(200), some = all_indices(40);
    used.gradient(model, data.batch(all), Seed{1});
    used.gradient(model, data.batch(some), Seed{2});
    fresh.gradient(model, data.batch(some), Seed{2});
    CHECK(same_bits(flat(model, used.gradients()), flat(model, fresh.gradients())));
    fresh.gradient(model, data.batch(some), Seed{3});
    CHECK(!same_bits(flat(model, used.gradients()), flat(model, fresh.gradients())));  // other dropout
}

TEST_CASE("A saturated sigmoid still has its gradient, through the logits", "[training]") {
    Sequential model{Dense{1, sigmoid}};
    model.build({1}, Seed{1});
    for_each_parameter(model, [](std::string_view, auto& p) { p.setConstant(100); });  // sigmoid(200) is 1
    Tensor<float, 2> x(1, 1), y(1, 1);
    x.setConstant(1);
    y.setZero();
    const TensorDataset data{x, y};
    ThreadPool pool(1);
    Trainer<decltype(model), BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    CHECK(trainer.gradient(model, data.batch(all_indices(1)), Seed{}).mean() == Approx(200));
    CHECK(flat(model, trainer.gradients()) == std::vector<float>{1, 1});
}

TEST_CASE("A sigmoid of a convolution that ends a model is met in logits too", "[training]") {
    Sequential model{Conv1D{1, 1, sigmoid}};
    model.build({3, 1}, Seed{1});
    for_each_parameter(model, [](std::string_view, auto& p) { p.setConstant(100); });
    Tensor<float, 3> x(2, 3, 1);
    Tensor<float, 2> y(2, 3);
    x.setConstant(1);
    y.setZero();
    const TensorDataset data{x, y};
    ThreadPool pool(1);
    Trainer<decltype(model), BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    CHECK(trainer.gradient(model, data.batch(all_indices(2)), Seed{}).mean() == Approx(200));
    const auto gradient = flat(model, trainer.gradients());
    CHECK((gradient[0] == Approx(1) && gradient[1] == Approx(1)));
    SGD sgd;
    CHECK(fit(model, data, BinaryCrossEntropy{}, sgd, {.threads = 1}).epochs[0].at("loss") == Approx(200));
}

TEST_CASE("A batch whose parts do not fit is named, from any thread", "[training][threads]") {
    const auto model = classifier();
    const auto data = points(300);
    ThreadPool pool(2);
    Trainer<std::decay_t<decltype(model)>, BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    auto batch = data.batch(all_indices(300));
    const Tensor<float, 2> few(7, 1), wide(300, 2);
    Batch<View<const float, 2>, float> wrong{batch.inputs, view(few)};
    CHECK(message_of<ShapeError>([&] { trainer.gradient(model, wrong, Seed{}); }) ==
          "fit: a batch of 300 samples came with 7 targets");
    Batch<View<const float, 2>, float> too_wide{batch.inputs, view(wide)};
    CHECK(message_of<ShapeError>([&] { trainer.gradient(model, too_wide, Seed{}); }) ==
          "fit: the model gives 1 outputs a sample, the targets have 2");
    const auto nothing = data.batch({});
    CHECK(message_of<DataError>([&] { trainer.gradient(model, nothing, Seed{}); }) == "fit: a batch has no samples");
}
