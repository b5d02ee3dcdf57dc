/// Losses, metrics and steps are those of all samples, however they are cut into batches, under masks, weights, ignored
/// classes and every reduction.
#include <deeprec/training/fit.hpp>

#include <cmath>
#include <vector>

#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/evaluate.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using support::message_of;
using worlds::weights;

namespace {

/// Takes no step.
struct Still {
    template <class M>
    void step(M&, typename M::Gradients&, ThreadPool*) {}
};

constexpr Index people = 60, steps = 6;

/// Sequences of very different lengths, short ones first, with a target for each step.
auto uneven(Tensor<float, 2> sample_weights = {}) {
    Tensor<std::int32_t, 2> x(people, steps);
    Tensor<float, 2> y(people, steps);
    for (Index i = 0; i < people; ++i) {
        const Index length = i < people / 2 ? 1 : steps;
        for (Index t = 0; t < steps; ++t) {
            x(i, t) = t < length ? static_cast<std::int32_t>(1 + (i * 7 + t * 3) % 9) : 0;
            y(i, t) = i < people / 2 ? 1.0f : 0.0f;
        }
    }
    return TensorDataset{x, y, sample_weights};
}
auto tagger() {
    Sequential model{Embedding{10, 4, {.mask_zero = true}}, LSTM{5, return_sequences}, Dense{1, sigmoid}};
    model.build({steps}, Seed{1});
    return model;
}
struct Trained {
    std::vector<float> weights;
    double loss, val_loss;
};
template <class Loss, class Data>
Trained trained(const Loss& loss, const Data& data, Index batch_size, Index accumulate,
                std::vector<Regularizer> regularizers = {}, std::vector<double> class_weight = {}) {
    auto model = tagger();
    SGD optimizer{{.learning_rate = 0.5}};
    const History history = fit(model, data, loss, optimizer,
                                {.batch_size = batch_size,
                                 .validation = &data,
                                 .threads = 1,
                                 .shuffle = false,
                                 .accumulate = accumulate,
                                 .class_weight = class_weight,
                                 .regularizers = regularizers});
    CHECK(optimizer.iterations() == 1);
    return {weights(model), history.epochs[0].at("loss"), history.epochs[0].at("val_loss")};
}
void check_same(const Trained& one, const Trained& several) {
    REQUIRE(one.weights.size() == several.weights.size());
    for (std::size_t i = 0; i < one.weights.size(); ++i)
        CHECK(several.weights[i] == Approx(one.weights[i]).margin(2e-6));
    CHECK(several.loss == Approx(one.loss).epsilon(1e-6));
    CHECK(several.val_loss == Approx(one.val_loss).epsilon(1e-6));
}

}  // namespace

TEST_CASE("Accumulated steps are the step of the whole batch, for masks, weights and reductions", "[training]") {
    Tensor<float, 2> by_sample(people, 1), by_step(people, steps);
    for (Index i = 0; i < people; ++i) {
        by_sample(i, 0) = static_cast<float>(i % 4);
        for (Index t = 0; t < steps; ++t) by_step(i, t) = static_cast<float>((i + t) % 3);
    }
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::mean_with_sample_weight})
        for (const Tensor<float, 2>& w : {Tensor<float, 2>{}, by_sample, by_step})
            for (const Index batch : {30, 20, 7}) {
                CAPTURE(static_cast<int>(reduction), w.size(), batch);
                BinaryCrossEntropyOptions options;
                options.reduction = reduction;
                const BinaryCrossEntropy loss{options};
                const auto data = uneven(w);
                const Index accumulate = (people + batch - 1) / batch;
                check_same(trained(loss, data, people, 1), trained(loss, data, batch, accumulate));
                check_same(trained(loss, data, people, 1, {}, {0.5, 2}),
                           trained(loss, data, batch, accumulate, {}, {0.5, 2}));
            }
}

TEST_CASE("Accumulated steps of a sequence model are divided by all targets", "[training]") {
    const Sequences train = sequences::walks(60, 12);  // of 4 to 12 events: batches have other numbers of targets
    const SequenceSamples samples{train, 8};
    const auto check = [&](const auto& loss) {
        const auto trained = [&](Index batch_size, Index accumulate) {
            SequenceRecommender model{12, sequences::rnn_tower(6), {.width = 6, .scale = 3}};
            model.build(8, Seed{1});
            SGD optimizer{{.learning_rate = 0.5}};
            const History history =
                fit(model, samples, loss, optimizer,
                    {.batch_size = batch_size, .threads = 1, .shuffle = false, .accumulate = accumulate});
            CHECK(optimizer.iterations() == 1);
            return std::pair{weights(model), history.epochs[0].at("loss")};
        };
        const auto [one, loss_of_one] = trained(samples.size(), 1);
        for (const Index batch_size : {30, 7}) {
            const auto [several, loss_of_several] = trained(batch_size, (samples.size() + batch_size - 1) / batch_size);
            CHECK(loss_of_several == Approx(loss_of_one).epsilon(1e-6));
            for (std::size_t i = 0; i < one.size(); ++i) CHECK(several[i] == Approx(one[i]).margin(2e-6));
        }
    };
    check(NextItemSoftmax{});
    check(NextItemSampled{{.negatives = 12}});  // each step draws all items
}

TEST_CASE("Penalties are in a step once, however many batches it has", "[training]") {
    const std::vector<Regularizer> penalties{{"kernel", L2{0.1}}, {"embeddings", L1{0.05}}};
    check_same(trained(BinaryCrossEntropy{}, uneven(), people, 1, penalties),
               trained(BinaryCrossEntropy{}, uneven(), 15, 4, penalties));
}

TEST_CASE("The loss of an epoch and of validation data is that of all samples, for any batch size", "[training]") {
    Tensor<float, 2> z(people, 3), c(people, 1);
    for (Index i = 0; i < people; ++i) {
        c(i, 0) = i < 25 ? -100.0f : static_cast<float>(i % 3);
        z(i, 0) = 0.1f * static_cast<float>(i);
        z(i, 1) = 1;
        z(i, 2) = static_cast<float>(i % 3);
    }
    const TensorDataset classes{z, c};
    Sequential classifier{Dense{3, softmax}};
    classifier.build({3}, Seed{1});
    const auto data = uneven();
    auto model = tagger();
    const auto losses = [&](auto& m, const auto& d, const auto& loss, Index batch) {
        Still still;
        const EpochLog log =
            fit(m, d, loss, still, {.batch_size = batch, .validation = &d, .threads = 1}).epochs.front();
        CHECK(log.at("loss") == Approx(log.at("val_loss")).epsilon(1e-6));
        return log.at("val_loss");
    };
    for (const Index batch : {30, 10, 7}) {
        CAPTURE(batch);
        const BinaryCrossEntropy mean;
        CHECK(losses(model, data, mean, batch) == Approx(losses(model, data, mean, people)));
        const SparseCategoricalCrossEntropy sparse;
        CHECK(losses(classifier, classes, sparse, batch) == Approx(losses(classifier, classes, sparse, people)));
        const SparseCategoricalCrossEntropy sum{{.reduction = Reduction::sum}};
        CHECK(losses(classifier, classes, sum, batch) == Approx(losses(classifier, classes, sum, people)));
    }
    // and it is the loss as computed in one go
    const auto y = predict(classifier, z);
    CHECK(losses(classifier, classes, SparseCategoricalCrossEntropy{}, 7) ==
          Approx(SparseCategoricalCrossEntropy{}.forward(y, c)).epsilon(1e-5));
}

TEST_CASE("Metrics see masks and weights as the loss does, in fit and in evaluate", "[training]") {
    // right on every kept step, wrong on every padded one
    const auto make = [](Index pad, float weight_of_padding) {
        Tensor<std::int32_t, 2> x(40, 5 + pad);
        Tensor<float, 2> y(40, 5 + pad), w(40, 5 + pad);
        y.setConstant(1);
        w.setConstant(weight_of_padding);
        for (Index i = 0; i < 40; ++i)
            for (Index t = 0; t < 5; ++t) {
                x(i, t) = static_cast<std::int32_t>(1 + (i + t) % 2);
                y(i, t) = static_cast<float>(x(i, t) == 1);
                w(i, t) = 1;
            }
        return TensorDataset{x, y, w};
    };
    Sequential model{Embedding{3, 2, {.mask_zero = true}}, Dense{1, sigmoid}};
    model.build({5}, Seed{1});
    const auto plain = make(0, 1), padded = make(15, 1), heavy = make(15, 7);
    SGD optimizer{{.learning_rate = 1}};
    fit(model, plain, BinaryCrossEntropy{}, optimizer, {.epochs = 60, .threads = 1});
    Still still;
    const auto figures = [&](const auto& data) {
        return fit(model, data, BinaryCrossEntropy{}, still, {.validation = &data, .threads = 2}, BinaryAccuracy{},
                   LogLoss{})
            .epochs.front();
    };
    const EpochLog expected = figures(plain);
    CHECK(expected.at("binary_accuracy") == 1);
    for (const auto* data : {&padded, &heavy}) {
        const EpochLog log = figures(*data);
        for (const auto& [name, value] : expected.figures) {
            INFO(name);
            CHECK(log.at(name) == Approx(value).epsilon(1e-6));
        }
        const Report report = evaluate(model, *data, BinaryAccuracy{}, LogLoss{});
        CHECK(report["binary_accuracy"] == 1);
        CHECK(report["log_loss"] == Approx(expected.at("log_loss")).epsilon(1e-6));
    }
}

TEST_CASE("Class numbers at every step reach metrics of classes, with weights", "[training]") {
    constexpr Index n = 6, time = 40, classes = 3;
    Tensor<float, 3> x(n, time, classes);
    Tensor<float, 2> y(n, time);
    Tensor<float, 1> w(n);
    w.setConstant(1);
    for (Index i = 0; i < n; ++i)
        for (Index t = 0; t < time; ++t) {
            const Index c = (i + t) % classes;
            x(i, t, c) = 9;
            y(i, t) = static_cast<float>(t % 4 ? c : (c + 1) % classes);
        }
    Sequential model{Activation{softmax}};
    model.build({time, classes}, Seed{1});
    Still still;
    const TensorDataset plain{x, y}, weighted{x, y, w};
    const auto check = [&](const auto& data, double expected) {
        const TopKAccuracy metric{{.k = 1}};
        CHECK(evaluate(model, data, metric).figures[0].second == Approx(expected));
        CHECK(fit(model, data, SparseCategoricalCrossEntropy{}, still, {.threads = 1}, TopKAccuracy{{.k = 1}})
                  .epochs[0]
                  .at("accuracy@1") == Approx(expected));
    };
    check(plain, 0.75);
    check(weighted, 0.75);
    Tensor<float, 2> late(n, time);
    for (Index i = 0; i < n; ++i)
        for (Index t = 0; t < time; ++t) late(i, t) = t % 4 ? 0.0f : 1.0f;
    check(TensorDataset{x, y, late}, 0);
    CHECK(message_of<ShapeError>([&] {
              Tensor<float, 2> odd(n, 7);
              fit(model, TensorDataset{x, y, odd}, SparseCategoricalCrossEntropy{}, still, {.threads = 1});
          }) == "fit: expected weights [B] or [B, 40], received [B, 7]");
    Tensor<float, 1> bad = w;
    bad(3) = std::nanf("");
    CHECK_THROWS_AS(fit(model, TensorDataset{x, y, bad}, SparseCategoricalCrossEntropy{}, still, {.threads = 1}),
                    DataError);
}

TEST_CASE("Class weights go by step where every step is a prediction", "[training]") {
    const auto data = uneven();
    Tensor<float, 2> by_hand(people, steps);
    for (Index i = 0; i < people; ++i)
        for (Index t = 0; t < steps; ++t) by_hand(i, t) = i < people / 2 ? 2.0f : 0.5f;
    check_same(trained(BinaryCrossEntropy{}, uneven(by_hand), people, 1),
               {trained(BinaryCrossEntropy{}, data, people, 1, {}, {0.5, 2}).weights,
                trained(BinaryCrossEntropy{}, uneven(by_hand), people, 1).loss,
                trained(BinaryCrossEntropy{}, uneven(by_hand), people, 1).val_loss});
}
