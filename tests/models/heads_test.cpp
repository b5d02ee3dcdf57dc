#include <deeprec/models/heads.hpp>

#include <limits>
#include <sstream>

#include <deeprec/data/batch.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/multi_head_attention.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/losses/losses.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/regression.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/fit.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

using battery::Random;
constexpr float missing_target = std::numeric_limits<float>::quiet_NaN();

/// Two fields, and three tasks that depend on them: a click where the first id and number say so, a class of three, a
/// rating that a third of the samples has.
struct TaskWorld {
    Record x, y;
    static TaskWorld make(Index samples) {
        Tensor<std::int32_t, 2> ids(samples, 3);
        Tensor<float, 2> numbers(samples, 2), click(samples, 1), rating(samples, 1);
        Tensor<std::int32_t, 1> kind(samples);
        Random random(5);
        for (Index i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int32_t>(random.between(1, 5));
        random.fill(numbers.data(), numbers.size());
        for (Index i = 0; i < samples; ++i) {
            click(i, 0) = numbers(i, 0) > 0 ? 1 : 0;
            kind(i) = ids(i, 2) % 3;
            rating(i, 0) = i % 3 == 0 ? 2 * numbers(i, 1) + 1 : missing_target;
        }
        return {Record{{"item", ids}, {"price", numbers}},
                Record{{"rating", rating}, {"click", click}, {"kind", kind}}};  // not in the order of the heads
    }
};
auto task_model() {
    return Sequential{
        Branches{Sequential{Branches{field("item", Embedding{6, 4})}, LSTM{6}}, field("price", Dense{6, Tanh{}})},
        Dense{8, Tanh{}},
        Heads{head("click", Dense{1, sigmoid}), head("kind", Sequential{Dense{5, relu}, Dense{3, softmax}}),
              head("rating", Dense{1})}};
}
const RecordShape task_shapes{{"item", {3}}, {"price", {2}}};

}  // namespace

TEST_CASE("Heads pass the battery", "[heads][threads]") {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{Heads{head("a", Dense<double, Tanh>{random.between(1, 4)}),
                                      head("b", Sequential{Dense<double, Tanh>{3}, Dense<double>{2}})},
                                {random.between(1, 6)}};
    });
}

TEST_CASE("Losses: the gradient is that of each loss by itself, weighted and added up", "[heads][losses]") {
    const TaskWorld world = TaskWorld::make(70);  // two shards
    auto model = task_model();
    model.build(task_shapes, Seed{3});
    const TensorDataset data{world.x, world.y};
    const auto batch = data.batch(detail::all_indices(70));
    ThreadPool pool(1);
    const Losses losses{on("kind", SparseCategoricalCrossEntropy{}, 2), on("rating", MeanSquaredError{}, 0.25),
                        on("click", BinaryCrossEntropy{})};
    Trainer<decltype(model), std::remove_const_t<decltype(losses)>> trainer(model, losses, pool);
    const double loss = trainer.gradient(model, batch, Seed{1}).mean();
    CHECK(support::allocations_in([&] { trainer.gradient(model, batch, Seed{1}); }) == 0);
    CHECK(trainer.evaluate(model, batch).mean() == Approx(loss).epsilon(1e-6));

    // By hand: the three losses on the columns of the model's output, rows without a rating left out.
    decltype(model)::Cache cache;
    auto gradients = model.zero_gradients();
    const auto y = model.forward(world.x, cache, Training{Seed{1}});
    Tensor<float, 2> dy(70, 5), click(70, 1), kinds(70, 3), rating(24, 1), wanted_click(70, 1), wanted_rating(24, 1),
        wanted_kind(70, 1);
    Index rated = 0;
    for (Index i = 0; i < 70; ++i) {
        click(i, 0) = y(i, 0);
        for (Index j = 0; j < 3; ++j) kinds(i, j) = y(i, 1 + j);
        wanted_click(i, 0) = batch.targets(i, 1);
        wanted_kind(i, 0) = batch.targets(i, 2);
        if (i % 3 != 0) continue;
        rating(rated, 0) = y(i, 4);
        wanted_rating(rated++, 0) = batch.targets(i, 0);
    }
    REQUIRE(rated == 24);
    CHECK(loss == Approx(BinaryCrossEntropy{}.forward(click, wanted_click) +
                         2 * SparseCategoricalCrossEntropy{}.forward(kinds, wanted_kind) +
                         0.25 * MeanSquaredError{}.forward(rating, wanted_rating))
                      .epsilon(1e-5));
    const auto dclick = BinaryCrossEntropy{}.gradient(click, wanted_click);
    const auto dkind = SparseCategoricalCrossEntropy{}.gradient(kinds, wanted_kind);
    const auto drating = MeanSquaredError{}.gradient(rating, wanted_rating);
    dy.setZero();
    for (Index i = 0; i < 70; ++i) {
        dy(i, 0) = dclick(i, 0);
        for (Index j = 0; j < 3; ++j) dy(i, 1 + j) = 2 * dkind(i, j);
        if (i % 3 == 0) dy(i, 4) = drating(i / 3, 0) / 4;
    }
    model.backward(dy, cache, gradients);
    const auto theirs = battery::detail::copy_gradients(model, gradients);
    const auto ours = battery::detail::copy_gradients(model, trainer.gradients());
    REQUIRE(ours.size() == theirs.size());
    for (const auto& [name, expected] : theirs) {
        INFO(name);
        CHECK(battery::detail::difference(ours.at(name), expected) < 1e-4);
    }
}

TEST_CASE("A model of three tasks is trained, measured, predicted from and saved by name", "[heads][fit][io]") {
    const TaskWorld world = TaskWorld::make(300);
    auto model = task_model();
    model.build(task_shapes, Seed{3});
    const TensorDataset data{world.x, world.y};
    const Losses losses{on("click", BinaryCrossEntropy{}), on("kind", SparseCategoricalCrossEntropy{}),
                        on("rating", MeanSquaredError{})};
    Adam adam{{.learning_rate = 0.02}};
    const History history = fit(model, data, losses, adam, {.epochs = 30, .batch_size = 64, .validation = &data},
                                on("click", Auc{}), on("rating", Mae{}));
    const EpochLog& last = history.epochs.back();
    const Report report = evaluate(model, data, on("click", Auc{}), on("rating", Mae{}));
    CHECK(last.at("val_click_auc") == report["click_auc"]);
    CHECK(last.at("val_rating_mae") == Approx(report["rating_mae"]));
    CHECK(report["click_auc"] > 0.98);
    CHECK(report["rating_mae"] < 0.3);
    CHECK(last.at("click_auc") > 0.95);
    CHECK(last.at("val_loss") < 0.5);

    const Record y = predict(model, world.x);
    REQUIRE(y.shape() == RecordShape{{"click", {1}, ElementType::float32},
                                     {"kind", {3}, ElementType::float32},
                                     {"rating", {1}, ElementType::float32}});
    const auto kinds = view(y).get<float>(y.fields()[1]).as<2>();
    decltype(model)::Cache cache;
    const auto all = model.forward(world.x, cache);
    for (Index i = 0; i < 300; ++i) {
        CHECK(kinds(i, 0) + kinds(i, 1) + kinds(i, 2) == Approx(1));
        CHECK(kinds(i, 1) == all(i, 2));
    }
    const support::TemporaryDirectory folder;
    save(model, folder.path() / "m.safetensors");
    const auto same = load<decltype(model)>(folder.path() / "m.safetensors");
    const Record again = predict(same, world.x);
    for (std::size_t f = 0; f < 3; ++f)
        CHECK(std::memcmp(again.fields()[f].data, y.fields()[f].data,
                          static_cast<std::size_t>(300 * y.fields()[f].row_bytes())) == 0);
    std::ostringstream table;
    model.summary(table);
    CHECK_THAT(table.str(), ContainsSubstring("2.kind Sequential") && ContainsSubstring("2.rating Dense"));

    // A missing target is as good as no sample: its value changes nothing, and neither does a wrong one of weight 0.
    const auto refuses = [&](const auto& other, const auto& source, const std::string& words, auto... metrics) {
        CHECK_THROWS_WITH(fit(model, source, other, adam, {}, metrics...), words);
    };
    refuses(
        Losses{on("clicks", BinaryCrossEntropy{}), on("kind", SparseCategoricalCrossEntropy{}),
               on("rating", MeanSquaredError{})},
        data,
        "Losses: expected a loss for each task; the model has the heads 'click', 'kind', 'rating', the losses are on "
        "'clicks', 'kind', 'rating'");
    refuses(losses, TensorDataset{world.x, Record{{"click", Tensor<float, 2>(300, 1)}}},
            "Losses: expected a loss for each task; the targets are 'click', the losses are on 'click', 'kind', "
            "'rating'");
    refuses(losses, TensorDataset{world.x, Tensor<float, 2>(300, 3)},
            "Losses: expected a loss for each task; the targets are none by name, the losses are on 'click', 'kind', "
            "'rating'");
    refuses(MeanSquaredError{}, data,
            "fit: targets by name, 'rating', 'click', 'kind', need Heads and Losses{on(\"rating\", ...), ...}");
    refuses(losses, data,
            "fit: the metric auc needs a task, on(\"rating\", ...); the targets are 'rating', 'click', 'kind'", Auc{});
    refuses(losses, data,
            "buy_auc: expected the task 'buy' among the model's heads, there are 'click', 'kind', 'rating'",
            on("buy", Auc{}));
    CHECK_THROWS_WITH(evaluate(model, data, Auc{}), ContainsSubstring("evaluate: the metric auc needs a task"));
    CHECK_THROWS_WITH((Losses{on("a", MeanSquaredError{}), on("a", MeanSquaredError{})}),
                      "Losses: two losses of the task 'a'");
    CHECK_THROWS_WITH((Losses{on("a", MeanSquaredError{}, -1)}), "Losses: expected a weight of 'a' >= 0, received -1");
    CHECK_THROWS_WITH((Heads{head("a", Dense{1}), head("a", Dense{2})}), "Heads: two parts have the name 'a'");
    CHECK_THROWS_WITH((TensorDataset{world.x, Record{{"a", Tensor<float, 3>(300, 1, 1)}}}),
                      ContainsSubstring("expected targets [N] or [N, outputs], received samples of [1, 1] of 'a'"));
}

TEST_CASE("Heads at the end of two towers", "[heads][two_tower]") {
    Tensor<std::int32_t, 1> users(200), items(200);
    Tensor<float, 2> click(200, 1), buy(200, 1);
    Random random(8);
    for (Index i = 0; i < 200; ++i) {
        users(i) = static_cast<std::int32_t>(random.between(0, 4));
        items(i) = static_cast<std::int32_t>(random.between(0, 4));
        click(i, 0) = users(i) == items(i) ? 1 : 0;
        buy(i, 0) = click(i, 0) > 0 ? static_cast<float>(items(i) > 1) : missing_target;  // known after a click alone
    }
    TwoTower model{
        Sequential{Branches{field("user", Embedding{5, 8})}}, Sequential{Branches{field("item", Embedding{5, 8})}},
        Sequential{Dense{16, relu}, Heads{head("click", Dense{1, sigmoid}), head("buy", Dense{1, sigmoid})}}};
    model.build({{{"user", {}}}, {{"item", {}}}}, Seed{2});
    const Pair x{Record{{"user", users}}, Record{{"item", items}}};
    const TensorDataset data{x, Record{{"click", click}, {"buy", buy}}};
    Adam adam{{.learning_rate = 0.02}};
    fit(model, data, Losses{on("click", BinaryCrossEntropy{}), on("buy", BinaryCrossEntropy{})}, adam,
        {.epochs = 40, .batch_size = 32});
    const Report report = evaluate(model, data, on("click", Auc{}), on("buy", Auc{}));
    CHECK(report["click_auc"] > 0.99);
    CHECK(report["buy_auc"] > 0.99);
    const support::TemporaryDirectory folder;
    save(model, folder.path() / "m.safetensors");
    const auto same = load<decltype(model)>(folder.path() / "m.safetensors");
    CHECK(evaluate(same, data, on("buy", Auc{}))["buy_auc"] == report["buy_auc"]);
    CHECK(predict(same, x).shape()[1].name == "buy");
}

TEST_CASE("The heads of attention are no Heads", "[heads]") {
    Sequential model{Embedding{5, 4}, MultiHeadAttention{2, 2}};
    static_assert(!HasHeads<decltype(model)>);
    model.build({3}, Seed{1});
    std::ostringstream out;
    model.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("MultiHeadAttention"));
    Tensor<std::int32_t, 2> x(2, 3);
    x.setConstant(1);
    const Tensor<float, 3> y = predict(model, x);
    decltype(model)::Cache cache;
    const auto expected = model.forward(x, cache);
    CHECK(std::equal(y.data(), y.data() + y.size(), expected.data(), expected.data() + expected.size()));
}
