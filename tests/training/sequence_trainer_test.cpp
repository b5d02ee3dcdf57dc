#include <deeprec/data/interactions.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>
#include <deeprec/training/sequence_trainer.hpp>

#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
template <class Model>
std::map<std::string, std::vector<double>> weights(const Model& model) {
    std::map<std::string, std::vector<double>> all;
    for_each_parameter(model, [&](std::string_view name, const auto& p) {
        all[std::string(name)].assign(p.data(), p.data() + p.size());
    });
    return all;
}
template <class Data>
auto first_batch(const Data& data, Index n) {
    std::vector<Index> indices(static_cast<std::size_t>(n));
    std::iota(indices.begin(), indices.end(), Index(0));
    return data.batch(indices);
}
}  // namespace

TEST_CASE("The gradient of a training step is that of its loss", "[sequence_trainer]") {
    const Sequences train = sequences::walks(40, 11);
    const SequenceSamples samples{train, 6};
    const auto [scale, id_dropout] = GENERATE(std::pair(0.0, 0.0), std::pair(3.0, 0.0), std::pair(3.0, 0.5));
    SequenceRecommender model{13,
                              sequences::double_tower(4),
                              {.width = 4,
                               .scale = scale,
                               .attributes = sequences::attributes(13),
                               .id_dropout = id_dropout,
                               .cold = {12, 13}}};  // 12 has no attributes and stays
    model.build(6, Seed{5});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        const Index padding = name.starts_with("tower") ? 0 : p.dimension(0) ? p.size() / p.dimension(0) : 0;
        for (Index i = padding; i < p.size(); ++i) p.data()[i] = std::sin(static_cast<double>(i) * 1.7);
    });
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const auto batch = first_batch(samples, 37);  // two shards
    const auto loss = [&] { return trainer.gradient(model, batch, Seed{8}).mean(); };
    loss();
    std::map<std::string, std::vector<double>> gradients;
    for_each_parameter(std::as_const(model), trainer.gradients(), [&](std::string_view name, const auto&, auto& g) {
        if constexpr (requires { g.data(); }) gradients[std::string(name)].assign(g.data(), g.data() + g.size());
    });
    CHECK(gradients.size() == 3 + 7);
    for (const auto& entry : gradients) {
        const std::string& name = entry.first;
        double largest = 1e-3, worst = 0;
        for (std::size_t i = 0; i < entry.second.size(); i += 3) {
            const auto shift = [&](double by) {
                for_each_parameter(model, [&](std::string_view n, auto& p) {
                    if (n == name) p.data()[i] += by;
                });
            };
            const std::size_t width = name == "bias" ? 1 : 4;
            const bool cold = (name == "bias" || name == "items") && i >= 13 * width;
            if (cold || (!name.starts_with("tower") && i < width)) {  // or padding
                CHECK(entry.second[i] == 0);
                continue;
            }
            shift(1e-5);
            const double above = loss();
            shift(-2e-5);
            const double slope = (above - loss()) / 2e-5;
            shift(1e-5);
            largest = std::max(largest, std::abs(slope));
            worst = std::max(worst, std::abs(slope - entry.second[i]));
        }
        INFO(name);
        CHECK(worst / largest < 1e-6);
    }
}

TEST_CASE("Cold items rank by their attributes alone, as high as warm ones", "[sequence_trainer]") {
    // People stay within one of eight kinds of items, of ten each; the first of every kind is never trained on.
    const std::int32_t n = 80;
    Interactions x;
    std::vector<std::vector<std::int32_t>> kinds(1);
    for (std::int32_t item = 1; item <= n; ++item) {
        x.items.add(std::to_string(item));
        kinds.push_back({1 + item % 8, 9 + item % 5});
    }
    const RandomStream random(Seed{4});
    for (std::int32_t user = 1; user <= 300; ++user) {
        x.users.add(std::to_string(user));
        for (std::uint64_t i = 0; i < 6; ++i) {
            const auto draw = random.below(static_cast<std::uint64_t>(user) * 6 + i, 9);
            x.add(user, user % 8 == 0 ? 16 + 8 * static_cast<std::int32_t>(draw)
                                      : 8 + user % 8 + 8 * static_cast<std::int32_t>(draw));
        }
    }
    const Sequences train(x);
    REQUIRE(train.cold_items() == std::vector<std::int32_t>{1, 2, 3, 4, 5, 6, 7, 8});
    std::vector<Query> queries;
    for (std::int32_t user = 1; user <= 80; ++user)
        queries.push_back({user, train[user], user % 8 == 0 ? 8 : user % 8});
    const auto auc = [&](bool hybrid) {
        SequenceRecommenderOptions options{.width = 8, .scale = 8, .attributes = kinds};
        if (hybrid) options.id_dropout = 0.5, options.cold = train.cold_items();
        SequenceRecommender model{n, sequences::rnn_tower(8), options};
        model.build(6, Seed{1});
        Adam adam{{.learning_rate = 0.02}};
        SequenceSamples samples{train};
        fit(model, samples, NextItemSoftmax{}, adam,
            FitOptions<SequenceSamples>{.epochs = 15, .batch_size = 50, .threads = 1});
        return evaluate_ranking(SequenceIndex{model}, queries, n, {.threads = 1}).auc;
    };
    CHECK(auc(true) > 0.93);  // the other items of the kind may stand above: 0.95 is a place in their midst
    CHECK(auc(false) < 0.8);  // ids and the softmax speak against them
}

TEST_CASE("Training data has no item that the options call cold", "[sequence_trainer]") {
    const Sequences train = sequences::walks(20, 10);
    SequenceRecommender model{
        10, sequences::cnn_tower(4), {.width = 4, .attributes = sequences::attributes(10), .cold = {7}}};
    model.build(50, Seed{1});
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const SequenceSamples samples{train};
    const auto batch = first_batch(samples, samples.size());
    CHECK(support::message_of<DataError>([&] { trainer.gradient(model, batch, Seed{1}); }) ==
          "NextItemSoftmax: item 7 is cold by the model's options, but the training data has it");
    CHECK(std::isfinite(trainer.evaluate(model, batch).mean()));
}

TEST_CASE("A target that the model does not have is refused", "[sequence_trainer]") {
    const Sequences train = sequences::walks(20, 10);
    SequenceRecommender model{9, sequences::cnn_tower(4), {.width = 4}};
    model.build(50, Seed{1});
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const std::vector<std::int32_t> unknown_last{1, 2, 10}, nothing_last{1, 2, 0};
    for (const auto& events : {unknown_last, nothing_last}) {
        const std::vector<std::span<const std::int32_t>> sequences{events};
        CHECK(support::message_of<DataError>([&] { trainer.gradient(model, SequenceBatch{sequences}, Seed{1}); }) ==
              "NextItemSoftmax: expected items 1 to 9, received " + std::to_string(events.back()));
    }
}

TEST_CASE("The loss of an untrained model with equal scores is log of the number of items", "[sequence_trainer]") {
    const Sequences train = sequences::walks(20, 30);
    SequenceRecommender model{30, sequences::cnn_tower(8), {.width = 8}};
    model.build(50, Seed{1});
    for_each_parameter(model, [](std::string_view, auto& p) { p.setZero(); });
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const SequenceSamples samples{train};
    CHECK(trainer.evaluate(model, first_batch(samples, samples.size())).mean() == Approx(std::log(30.0)));
}

TEST_CASE("Training gives the same bits on any number of threads, and a warm step allocates nothing",
          "[sequence_trainer][threads]") {
    const Sequences train = sequences::walks(150, 40);
    const auto trained = [&](int threads) {
        SequenceRecommender model{40,
                                  sequences::rnn_tower(8, 0.3),
                                  {.width = 8, .scale = 8, .attributes = sequences::attributes(40), .id_dropout = 0.4}};
        model.build(50, Seed{1});
        Adam adam;
        SequenceSamples samples{train};
        fit(model, samples, NextItemSoftmax{}, adam,
            FitOptions<SequenceSamples>{.epochs = 2, .batch_size = 70, .threads = threads, .seed = 3});
        return weights(model);
    };
    CHECK(trained(1) == trained(3));

    SequenceRecommender model{
        40, sequences::cnn_tower(8, 0.3), {.width = 8, .attributes = sequences::attributes(40), .id_dropout = 0.4}};
    model.build(50, Seed{1});
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const SequenceSamples samples{train};
    const auto batch = first_batch(samples, 100);
    trainer.gradient(model, batch, Seed{1});
    trainer.gradient(model, batch, Seed{1});
    CHECK(support::allocations_in([&] { trainer.gradient(model, batch, Seed{2}); }) == 0);
}

TEST_CASE("Metrics see the scores of all items at every target", "[training]") {
    Interactions events;
    for (int i = 1; i <= 12; ++i) events.items.add(std::to_string(i));
    for (int u = 1; u <= 150; ++u) {
        events.users.add(std::to_string(u));
        for (int t = 0; t < 2 + u % 7; ++t) events.add(u, 1 + (u + t) % 12);  // each item is followed by the next
    }
    const Sequences all{events};
    SequenceSamples samples{all, 6};
    SequenceRecommender model{12, Sequential{GRU{16, return_sequences}, Dense{16}}, {.width = 16}};
    model.build(6, Seed{3});
    Adam optimizer{{.learning_rate = 0.01}};
    const History history =
        fit(model, samples, NextItemSoftmax{}, optimizer,
            {.epochs = 30, .batch_size = 50, .validation = &samples, .threads = 2}, TopKAccuracy{{.k = 1}});
    CHECK(history.series("accuracy@1").front() < 0.5);
    CHECK(history.series("accuracy@1").back() > 0.95);
    CHECK(history.series("val_accuracy@1").back() > 0.95);
}
