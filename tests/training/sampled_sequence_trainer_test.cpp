#include <deeprec/training/sampled_sequence_trainer.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/training/checkpoint.hpp>
#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
using SampledModel = decltype(SequenceRecommender{13, sequences::double_tower(4)});
using SampledTrainer = Trainer<SampledModel, NextItemSampled>;

/// Whether row 0 of a parameter is padding.
bool has_padding(std::string_view name) { return name == "items" || name == "attributes" || name == "bias"; }
template <class Model>
void spread_weights(Model& model) {
    for_each_parameter(model, [](std::string_view name, auto& p) {
        const Index padding = has_padding(name) && p.dimension(0) ? p.size() / p.dimension(0) : 0;
        for (Index i = padding; i < p.size(); ++i) p.data()[i] = std::sin(static_cast<double>(i) * 1.7);
    });
}
SampledModel sampled_model(Index items, const SequenceRecommenderOptions& options) {
    SampledModel model{items, sequences::double_tower(4), options};
    model.build(6, Seed{5});
    spread_weights(model);
    return model;
}
SequenceBatch sampled_batch(const SequenceSamples& samples, Index n = 37) {
    std::vector<Index> indices(static_cast<std::size_t>(n));
    std::iota(indices.begin(), indices.end(), Index(0));
    return samples.batch(indices);
}
/// The gradients of a list, those by rows as full tables.
template <class Model>
std::map<std::string, std::vector<double>> dense_gradients(const Model& model, typename Model::Gradients& from) {
    std::map<std::string, std::vector<double>> all;
    for (const Parameter<double>& p : parameter_list(model, from)) {
        std::vector<double>& to = all[p.path];
        if (!p.rows) {
            to.assign(p.gradient, p.gradient + p.size());
            continue;
        }
        to.resize(static_cast<std::size_t>(p.size()));
        for (std::size_t i = 0; i < p.rows->ids().size(); ++i)
            std::copy_n(p.rows->values(i), p.rows->width(), to.begin() + p.rows->ids()[i] * p.rows->width());
    }
    return all;
}
/// Checks every third slope of the loss against differences; the gradients by the parameters' names.
template <class Model>
std::map<std::string, std::vector<double>> check_slopes(Model& model, const NextItemSampled& loss_of, ThreadPool& pool,
                                                        const SequenceBatch& batch) {
    Trainer<Model, NextItemSampled> trainer(model, loss_of, pool);
    const auto loss = [&] { return trainer.gradient(model, batch, Seed{8}).mean(); };
    loss();
    const auto gradients = dense_gradients(model, trainer.gradients());
    for (const auto& [name, gradient] : gradients) {
        double largest = 1e-3, worst = 0;
        for (std::size_t i = 0; i < gradient.size(); i += 3) {
            const auto shift = [&, n = name](double by) {
                for_each_parameter(model, [&](std::string_view path, auto& p) {
                    if (path == n) p.data()[i] += by;
                });
            };
            shift(1e-5);
            const double above = loss();
            shift(-2e-5);
            const double slope = (above - loss()) / 2e-5;
            shift(1e-5);
            const bool padding = has_padding(name) && i < (name == "bias" ? 1u : 4u);
            if (padding) {
                CHECK(gradient[i] == 0);
                continue;
            }
            largest = std::max(largest, std::abs(slope));
            worst = std::max(worst, std::abs(slope - gradient[i]));
        }
        INFO(name);
        CHECK(worst / largest < 1e-6);
    }
    return gradients;
}
std::vector<double> sampled_weights(const SampledModel& model) {
    std::vector<double> all;
    for_each_parameter(model,
                       [&](std::string_view, const auto& p) { all.insert(all.end(), p.data(), p.data() + p.size()); });
    return all;
}
}  // namespace

TEST_CASE("The gradient of each sampled loss is that of its value", "[sampled_sequences]") {
    const Sequences train = sequences::walks(40, 11);
    const SequenceSamples samples{train, 6};
    const auto kind = GENERATE(SampledLoss::sampled_softmax, SampledLoss::gbce, SampledLoss::bce, SampledLoss::bpr);
    const double scale = kind == SampledLoss::sampled_softmax || kind == SampledLoss::gbce ? 3 : 0;
    SampledModel model = sampled_model(
        13,
        {.width = 4,
         .scale = scale,
         .attributes = kind == SampledLoss::bpr ? std::vector<std::vector<std::int32_t>>{} : sequences::attributes(13),
         .id_dropout = kind == SampledLoss::sampled_softmax ? 0.5 : 0,
         .cold = {12, 13}});
    auto counts = train.item_counts();
    counts.resize(14);  // items that training does not have
    const NextItemSampled loss_of{
        {.loss = kind, .negatives = 9, .alpha = 0.5, .in_batch = kind == SampledLoss::sampled_softmax}, counts};
    ThreadPool pool(1);
    CAPTURE(static_cast<int>(kind));
    const auto gradients = check_slopes(model, loss_of, pool, sampled_batch(samples));
    CHECK(gradients.size() == (kind == SampledLoss::bpr ? 2 : 3) + 7);
}

TEST_CASE("The gradient of each sampled loss by fields of events and users is that of its value",
          "[sampled_sequences][branches]") {
    const Sequences train = sequences::walks(40, 11);
    const auto events = train.size();
    Tensor<std::int32_t, 1> type(events);
    Tensor<double, 2> price(events, 2), age(41, 1);
    for (Index i = 0; i < events; ++i) {
        type(i) = static_cast<std::int32_t>(i) % 3;
        price(i, 0) = std::sin(static_cast<double>(i));
        price(i, 1) = i % 5 == 0;
    }
    for (Index i = 0; i < 41; ++i) age(i, 0) = std::cos(static_cast<double>(i));
    const SequenceFields fields{train, Record{{"type", type}, {"price", price}}, Record{{"age", age}}};
    const SequenceSamples samples{train, 6, &fields};
    const auto kind = GENERATE(SampledLoss::sampled_softmax, SampledLoss::gbce, SampledLoss::bce, SampledLoss::bpr);
    const double scale = kind == SampledLoss::sampled_softmax || kind == SampledLoss::gbce ? 3 : 0;
    SequenceRecommender model{
        11,
        sequences::double_tower(4),
        {.width = 4,
         .scale = scale,
         .step = Branches{field("type", Embedding<double>{3, 2}), field("price", Dense<double, Tanh>{2})},
         .user = field("age", Dense<double, Tanh>{4})}};
    model.build(6, Seed{5}, fields.events().shape(), fields.users().shape());
    spread_weights(model);
    ThreadPool pool(1);
    CAPTURE(static_cast<int>(kind));
    const auto gradients = check_slopes(model, NextItemSampled{{.loss = kind, .negatives = 9}, train.item_counts()},
                                        pool, sampled_batch(samples));
    for (const std::string name :
         {"step.type.embeddings", "step.price.kernel", "step.price.bias", "user.age.kernel", "user.age.bias"}) {
        INFO(name);
        REQUIRE(gradients.count(name) == 1);
        CHECK(std::any_of(gradients.at(name).begin(), gradients.at(name).end(), [](double g) { return g != 0; }));
    }
}

TEST_CASE("The sampled softmax of all items is the softmax", "[sampled_sequences]") {
    const Sequences train = sequences::walks(40, 11);
    const SequenceSamples samples{train, 6};
    const SampledModel model = sampled_model(
        13, {.width = 4, .scale = 3, .attributes = sequences::attributes(13), .id_dropout = 0.5, .cold = {12, 13}});
    ThreadPool pool(1);
    SampledTrainer sampled(model, NextItemSampled{{.negatives = 13}}, pool);
    Trainer<SampledModel, NextItemSoftmax> full(model, {}, pool);
    const auto batch = sampled_batch(samples);
    CHECK(sampled.evaluate(model, batch).mean() != Approx(full.evaluate(model, batch).mean()).epsilon(1e-6));  // cold
    CHECK(sampled.gradient(model, batch, Seed{8}).mean() ==
          Approx(full.gradient(model, batch, Seed{8}).mean()).epsilon(1e-12));
    const auto a = dense_gradients(model, sampled.gradients()), b = dense_gradients(model, full.gradients());
    REQUIRE(a.size() == b.size());
    for (const auto& [name, gradient] : a) {
        double worst = 0;
        for (std::size_t i = 0; i < gradient.size(); ++i)
            worst = std::max(worst, std::abs(gradient[i] - b.at(name)[i]));
        INFO(name);
        CHECK(worst < 1e-14);
    }
}

TEST_CASE("The sampled softmax estimates the sum over all items without a bias", "[sampled_sequences]") {
    const Sequences train = sequences::walks(60, 30);
    const SampledModel model = sampled_model(30, {.width = 4});
    const std::vector<std::int32_t> events{3, 4, 5};
    const std::vector<std::span<const std::int32_t>> one{std::span(events).first(2)};
    ThreadPool pool(1);
    Trainer<SampledModel, NextItemSoftmax> full(model, {}, pool);
    for (const double alpha : {0.0, 0.75}) {
        SampledTrainer sampled(model, NextItemSampled{{.negatives = 8, .alpha = alpha}, train.item_counts()}, pool);
        double sum = 0;
        constexpr int draws = 1500;
        for (std::uint64_t i = 0; i < draws; ++i)  // the same dropout for both
            sum += std::exp(sampled.gradient(model, {one}, Seed{i}).sum - full.gradient(model, {one}, Seed{i}).sum);
        INFO(alpha);
        CHECK(sum / draws == Approx(1).epsilon(0.03));
    }
}

TEST_CASE("The sampled losses of pairs are those of their formulas", "[sampled_sequences]") {
    const auto kind = GENERATE(SampledLoss::gbce, SampledLoss::bce, SampledLoss::bpr);
    const Index drawn = GENERATE(9, 13);
    const SampledModel model = sampled_model(13, {.width = 4});
    const std::vector<std::int32_t> events{3, 4, 5};
    const std::vector<std::span<const std::int32_t>> one{events};
    const NextItemSampled loss{{.loss = kind, .negatives = drawn, .calibration = 0.6}};
    std::vector<std::int32_t> negatives;
    loss.draw(13, Seed{}, negatives);
    SampledModel::Cache cache;
    const auto h = model.forward(View<const std::int32_t, 2>{events.data(), {1, 2}}, cache);
    const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
    double expected = 0;
    for (Index t = 0; t < 2; ++t) {
        const auto score = [&](std::int32_t item) {
            return std::inner_product(&h(0, t, 0), &h(0, t, 0) + 4, model.vectors() + item * 4, model.bias()[item]);
        };
        const std::int32_t target = events[static_cast<std::size_t>(t) + 1];
        const auto others = std::count_if(negatives.begin(), negatives.end(), [&](auto id) { return id != target; });
        const double k = static_cast<double>(others), a = k / 12, p = score(target);
        const double beta = kind == SampledLoss::gbce ? a * (0.6 * (1 - 1 / a) + 1 / a) : 1, s = std::log(k / beta);
        double sum = kind == SampledLoss::bpr ? 0 : beta * softplus(s - p);
        for (const std::int32_t id : negatives)
            if (id != target) sum += softplus(score(id) - (kind == SampledLoss::bpr ? p : s));
        expected += sum / (kind == SampledLoss::bpr ? k : k + 1);
    }
    ThreadPool pool(1);
    SampledTrainer trainer(model, loss, pool);
    CHECK(trainer.evaluate(model, {one}).mean() == Approx(expected / 2).epsilon(1e-12));
}

TEST_CASE("Each sampled loss learns a ring with a scaled cosine", "[sampled_sequences]") {
    const auto kind = GENERATE(SampledLoss::sampled_softmax, SampledLoss::gbce, SampledLoss::bce, SampledLoss::bpr);
    const Sequences train = sequences::walks(400, 500);
    SequenceRecommender model{500, sequences::rnn_tower(16), {.width = 16, .scale = 12}};
    model.build(6, Seed{5});
    Adam adam{{.learning_rate = 0.01}};
    fit(model, SequenceSamples{train, 6}, NextItemSampled{{.loss = kind, .negatives = 128}}, adam,
        {.epochs = 20, .batch_size = 50, .threads = 1});
    double hits = 0, asked = 0;
    const SequenceIndex index{model, 6};
    for (const Query& query : train.next_item_queries()) {
        const auto list = index.recommend(query.history, 10);
        hits += std::any_of(list.begin(), list.end(), [&](const auto& r) { return r.item == query.target; });
        ++asked;
    }
    INFO(static_cast<int>(kind));
    CHECK(hits / asked > 0.9);
}

TEST_CASE("A sampled training has the same bits on any number of threads, touches its rows alone, and resumes",
          "[sampled_sequences][threads]") {
    const Sequences train = sequences::walks(90, 400);
    const auto trained = [&](int threads, Index epochs, const std::string& folder, Index negatives = 16) {
        SampledModel model = sampled_model(400, {.width = 4, .scale = 8});
        Adam adam;
        SequenceSamples samples{train, 6};
        const NextItemSampled loss{{.negatives = negatives, .alpha = 0.5, .in_batch = true}, train.item_counts()};
        const FitOptions<SequenceSamples> options{
            .epochs = epochs, .batch_size = 40, .threads = threads, .seed = 3, .resume = folder + "/last.state"};
        fit(model, samples, loss, adam, options, Checkpoint{.directory = folder, .monitor = "loss"});
        return sampled_weights(model);
    };
    const support::TemporaryDirectory a, b, c;
    const auto whole = trained(1, 3, a.path().string());
    CHECK(trained(3, 3, b.path().string()) == whole);
    trained(2, 1, c.path().string());
    CHECK(support::message_of<ArgumentError>([&] { trained(1, 3, c.path().string(), 17); })
              .ends_with(
                  "it has the loss 'NextItemSampled (sampled_softmax, 16 negatives, alpha 0.5, in-batch, calibration "
                  "0.75)', this one 'NextItemSampled (sampled_softmax, 17 negatives, alpha 0.5, in-batch, calibration "
                  "0.75)'"));
    CHECK(trained(1, 3, c.path().string()) == whole);

    SampledModel model = sampled_model(400, {.width = 4, .scale = 8});
    ThreadPool pool(1);
    SampledTrainer trainer(model, NextItemSampled{{.negatives = 16}}, pool);
    SequenceSamples samples{train, 6};
    const auto batch = sampled_batch(samples, 5);
    const auto before = sampled_weights(model);
    trainer.gradient(model, batch, Seed{1});
    const std::size_t touched = trainer.gradients().item_rows.ids().size();
    CHECK(touched > 16);
    CHECK(touched < 60);
    Adam adam;
    adam.step(trainer.list());
    trainer.stepped(model);
    CHECK_THROWS_AS(model.vectors(), ArgumentError);  // not those of the weights
    const auto after = sampled_weights(model);
    std::size_t moved = 0;
    for (std::size_t row = 0; row <= 400; ++row)
        moved += !std::equal(&before[row * 4], &before[row * 4] + 4, &after[row * 4]);
    CHECK(moved == touched);
    trainer.gradient(model, batch, Seed{1});
    CHECK(support::allocations_in([&] { trainer.gradient(model, batch, Seed{1}); }) == 0);
    model.parameters_changed();
    CHECK(model.vectors() != nullptr);
}

TEST_CASE("Sampled losses without meaning are refused", "[sampled_sequences]") {
    using support::message_of;
    CHECK(message_of<ArgumentError>([] { NextItemSampled{{.negatives = 0}}; }) ==
          "NextItemSampled: expected a positive number of negatives (0 with in_batch), received 0");
    CHECK(message_of<ArgumentError>([] { NextItemSampled{{.alpha = -1}}; }) ==
          "NextItemSampled: expected a finite alpha >= 0, received -1");
    CHECK(message_of<ArgumentError>([] { NextItemSampled{{.calibration = 2}}; }) ==
          "NextItemSampled: expected a calibration in [0, 1], received 2");
    CHECK(message_of<ArgumentError>([] { NextItemSampled{{.in_batch = true}}; }) ==
          "NextItemSampled: alpha and in_batch need the items' counts: NextItemSampled{{...}, train.item_counts()}");
    const std::vector<std::int64_t> counts{0, 100'000, 5, 0};
    CHECK(message_of<ArgumentError>([&] { NextItemSampled{{.alpha = 70}, counts}; }) ==
          "NextItemSampled: expected an alpha that keeps the sum of counts^alpha finite, received 70");
    const NextItemSampled steep{{.negatives = 2, .alpha = 9}, counts};  // 1e45, which no float holds
    CHECK(steep.expected(1, 3, 1) == 2);
    const Sequences train = sequences::walks(20, 12);
    const SampledModel model = sampled_model(13, {.width = 4});
    ThreadPool pool(1);
    SampledTrainer trainer(model, NextItemSampled{{.alpha = 1}, train.item_counts()}, pool);
    const SequenceSamples samples{train, 6};
    const auto batch = sampled_batch(samples, 9);
    CHECK(message_of<DataError>([&] { trainer.gradient(model, batch, Seed{1}); }) ==
          "NextItemSampled: expected counts of 13 items, received those of 12");
    CHECK(message_of<ArgumentError>([&] {
              trainer.gradient(model, batch, Seed{1}, ClassWeights{{1, 2}});
          }) == "fit: class_weight needs data with targets that are classes");
}
