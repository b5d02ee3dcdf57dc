#include <deeprec/training/callbacks.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/learning_rate.hpp>
#include <deeprec/training/predict.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using support::message_of;

namespace {

/// Sets the figure that EarlyStopping looks at.
auto figures(std::vector<double> values) {
    return [values](const EpochEnd& e) { e.log.set("figure", values.at(static_cast<std::size_t>(e.log.epoch))); };
}
/// Epochs that a training makes whose figure takes these values.
std::size_t epochs_until_stop(const std::vector<double>& values, EarlyStopping& stopping) {
    auto model = classifier();
    Adam optimizer;
    stopping.monitor = "figure";
    if (stopping.mode == MonitorMode::automatic) stopping.mode = MonitorMode::min;
    return fit(model, points(20), BinaryCrossEntropy{}, optimizer,
               {.epochs = static_cast<Index>(values.size()), .threads = 1}, figures(values), stopping)
        .epochs.size();
}
std::size_t epochs_until_stop(const std::vector<double>& values, EarlyStopping&& stopping) {
    return epochs_until_stop(values, stopping);
}

/// Writes down its calls.
struct Diary {
    std::string name;
    std::vector<std::string>* entries;
    long stop_after = 100;
    void on(const TrainBegin&) { entries->push_back(name + " begin"); }
    void on(const BatchEnd& e) {
        entries->push_back(message(name, " batch ", e.progress.sample, "/", e.progress.samples, " of ",
                                   e.progress.epoch + 1, "/", e.progress.epochs));
    }
    void on(const EpochEnd& e) {
        entries->push_back(message(name, " epoch ", e.log.epoch));
        if (e.log.epoch >= stop_after) e.stop();
    }
    void on(const TrainEnd&) { entries->push_back(name + " end"); }
};

}  // namespace

TEST_CASE("EarlyStopping waits for patience epochs without improvement, as Keras does", "[training]") {
    CHECK(epochs_until_stop({3, 2, 2, 1, 5}, {.patience = 0}) == 3);  // 0 acts as 1
    CHECK(epochs_until_stop({3, 2, 2, 1, 5}, {.patience = 1}) == 3);
    CHECK(epochs_until_stop({3, 2, 2, 1, 5, 5, 0, 0}, {.patience = 2}) == 6);
    CHECK(epochs_until_stop({3, 2, 1}, {.patience = 1}) == 3);
    CHECK(epochs_until_stop({3, 2.95, 2.9, 2.85}, {.patience = 2, .min_delta = 0.12}) == 3);
    CHECK(epochs_until_stop({1, 2, 3, 2, 9}, {.patience = 1, .mode = EarlyStopping::Mode::max}) == 4);
    const double nan = std::nan("");
    CHECK(epochs_until_stop({nan, nan, nan, 1}, {.patience = 2}) == 2);
    CHECK(epochs_until_stop({nan, 2, nan, 1, 1, 1}, {.patience = 2}) == 6);
    EarlyStopping stopping{.patience = 2};
    epochs_until_stop({3, 1, 2, 2, 2}, stopping);
    CHECK(stopping.best_epoch == 1);
    CHECK(stopping.best_value == 1);
}

TEST_CASE("Callbacks refuse to wait for less than nothing", "[training]") {
    const auto refused = [](auto callback) {
        auto model = classifier();
        Adam optimizer;
        return message_of<ArgumentError>(
            [&] { fit(model, points(20), BinaryCrossEntropy{}, optimizer, {.threads = 1}, callback); });
    };
    CHECK(refused(EarlyStopping{.patience = -1}) ==
          "EarlyStopping: expected a patience and a min_delta of at least 0, received -1 and 0");
    CHECK(refused(ReduceLROnPlateau{.cooldown = -2}) ==
          "ReduceLROnPlateau: expected a patience, cooldown, min_delta and min_lr of at least 0, received 10, -2, "
          "0.0001 and 0");
    CHECK(refused(TimeLimit{.seconds = -1}) == "TimeLimit: expected seconds from 0, received -1");
}

TEST_CASE("EarlyStopping may serve several trainings", "[training]") {
    EarlyStopping stopping{.patience = 1};
    CHECK(epochs_until_stop({1, 2, 3}, stopping) == 2);
    CHECK(epochs_until_stop({9, 8, 7, 7, 7}, stopping) == 4);  // not compared with the 1 of before
    CHECK(stopping.best_value == 7);
}

TEST_CASE("EarlyStopping brings back the best weights if asked", "[training]") {
    for (const bool restore : {true, false}) {
        auto model = classifier();
        Adam optimizer{{.learning_rate = 0.1}};
        std::vector<std::vector<float>> seen;
        EarlyStopping stopping{
            .monitor = "figure", .patience = 2, .mode = MonitorMode::min, .restore_best_weights = restore};
        const History history = fit(
            model, points(60), BinaryCrossEntropy{}, optimizer, {.epochs = 10, .threads = 1}, figures({5, 3, 4, 4, 4}),
            [&](const EpochEnd&) { seen.push_back(weights(model)); }, stopping);
        CHECK(history.stopped_early);
        REQUIRE(seen.size() == 4);
        CHECK(same_bits(weights(model), seen[restore ? 1 : 3]));
        // the packed copies too
        auto copy = model;
        copy.parameters_changed();
        CHECK(same_bits(numbers(predict(model, points(5).inputs())), numbers(predict(copy, points(5).inputs()))));
    }
}

TEST_CASE("EarlyStopping brings back what a layer keeps besides parameters", "[training]") {
    Sequential model{BatchNorm{}, Dense{1, sigmoid}};
    model.build({48}, Seed{1});
    Adam optimizer;
    std::vector<std::vector<float>> seen;
    EarlyStopping stopping{.monitor = "figure", .patience = 2, .mode = MonitorMode::min, .restore_best_weights = true};
    const auto means = [&] {
        const auto& mean = model.template layer<0>().moving_mean();
        return std::vector<float>(mean.data(), mean.data() + mean.size());
    };
    Tensor<float, 2> x(64, 48), y(64, 1);
    fill_uniform(x, 1, Seed{2});
    y.setConstant(1);
    fit(
        model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1}, figures({2, 1, 3}),
        [&](const EpochEnd&) { seen.push_back(means()); }, stopping);
    REQUIRE(seen.size() == 3);
    CHECK(seen[1] != seen[2]);
    CHECK(means() == seen[1]);
}

TEST_CASE("The direction of a figure is known from its name, or asked for", "[training]") {
    const auto minimises = [](const char* figure) { return Monitor{figure}.minimises("test"); };
    CHECK(minimises("val_loss"));
    CHECK(minimises("loss"));
    CHECK(minimises("val_log_loss"));
    CHECK(minimises("rmse"));
    CHECK(minimises("val_calibration_error"));
    for (const char* large : {"val_auc", "binary_accuracy", "accuracy@5", "val_ndcg@10", "hr@10", "recall", "f1_score",
                              "r2_score", "mrr", "average_precision"})
        CHECK(!minimises(large));
    for (const char* least : {"val_mape", "val_msle", "mse", "val_logloss"}) CHECK(Monitor{least}.minimises("test"));
    for (const char* large : {"val_map@10", "map", "val_hits@5", "hr@1"}) CHECK(!Monitor{large}.minimises("test"));
    CHECK_THROWS_AS(Monitor{"val_mapping"}.minimises("test"), ArgumentError);  // no word of another's
    CHECK(Monitor{"figure", MonitorMode::min}.minimises("test"));
    CHECK(support::message_of<ArgumentError>([&] { minimises("figure"); }) ==
          "test: is a small or a large 'figure' good? Please say .mode = MonitorMode::min or MonitorMode::max");
    auto model = classifier();
    Adam optimizer;
    const auto train = points(60), valid = points(40, 4, 9);
    EarlyStopping stopping{.monitor = "val_auc", .patience = 20};
    fit(model, train, BinaryCrossEntropy{}, optimizer, {.epochs = 6, .validation = &valid, .threads = 1}, Auc{},
        stopping);
    CHECK(stopping.best_value > 0);
    CHECK_THROWS_AS(
        fit(model, train, BinaryCrossEntropy{}, optimizer, {.threads = 1}, EarlyStopping{.monitor = "something"}),
        ArgumentError);
}

TEST_CASE("EarlyStopping names a figure that is not there", "[training]") {
    auto model = classifier();
    Adam optimizer;
    CHECK(support::message_of<ArgumentError>([&] {
              fit(model, points(20), BinaryCrossEntropy{}, optimizer, {.epochs = 2, .threads = 1}, EarlyStopping{});
          }) == "History: no figure named 'val_loss'; there are: loss");
}

TEST_CASE("Callbacks are called in the order in which they were given", "[training]") {
    auto model = classifier();
    Adam optimizer;
    std::vector<std::string> entries;
    const History history = fit(model, points(50), BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1},
                                Diary{"a", &entries, 1}, Diary{"b", &entries});
    CHECK(entries == std::vector<std::string>{"a begin", "b begin",  //
                                              "a batch 32/50 of 1/3", "b batch 32/50 of 1/3", "a batch 50/50 of 1/3",
                                              "b batch 50/50 of 1/3",    //
                                              "a epoch 0", "b epoch 0",  //
                                              "a batch 32/50 of 2/3", "b batch 32/50 of 2/3", "a batch 50/50 of 2/3",
                                              "b batch 50/50 of 2/3",    //
                                              "a epoch 1", "b epoch 1",  // a stops; b still hears it
                                              "a end", "b end"});
    CHECK(history.stopped_early);
    CHECK(history.epochs.size() == 2);
}

TEST_CASE("A callback adds figures to the history and may change the model", "[training]") {
    auto model = classifier();
    Adam optimizer;
    const History history = fit(
        model, points(50), BinaryCrossEntropy{}, optimizer, {.epochs = 2, .threads = 1},
        [&](const EpochEnd& e) {
            e.log.set("parameters", static_cast<double>(parameter_count(model)));
            for_each_parameter(model, [](std::string_view, auto& p) { p.setZero(); });
        },
        [](const EpochEnd& e) { e.training.set_learning_rate(0.5 * e.training.learning_rate()); });
    CHECK(history.series("parameters") == std::vector<double>{49, 49});
    CHECK(weights(model) == std::vector<float>(49, 0.0f));
    CHECK(optimizer.learning_rate() == Approx(0.00025));
}

TEST_CASE("Every event can stop the training", "[training]") {
    const auto epochs = [](auto callback) {
        auto model = classifier();
        Adam optimizer;
        const History history =
            fit(model, points(96), BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1}, callback);
        CHECK(history.stopped_early);
        return std::pair(history.epochs.size(), optimizer.iterations());
    };
    CHECK(epochs([](const TrainBegin& e) { e.stop(); }) == std::pair(std::size_t{0}, Index{0}));
    CHECK(epochs([](const EpochBegin& e) {
              if (e.epoch == 1) e.stop();
          }) == std::pair(std::size_t{1}, Index{3}));
    CHECK(epochs([n = 0](const StepBegin& e) mutable {
              if (++n == 2) e.stop();
          }) == std::pair(std::size_t{0}, Index{2}));
    CHECK(epochs([](const BatchEnd& e) {
              if (e.progress.sample == 64) e.stop();
          }) == std::pair(std::size_t{0}, Index{2}));
    CHECK(epochs([](const BatchEnd& e) {
              if (e.progress.sample == 96) e.stop();
          }) == std::pair(std::size_t{1}, Index{3}));  // the last batch: the epoch is complete
    CHECK(epochs([](const EpochEnd& e) { e.stop(); }) == std::pair(std::size_t{1}, Index{3}));
}

TEST_CASE("TimeLimit ends a training after the batch in which it runs out", "[training]") {
    auto model = classifier();
    Adam optimizer;
    const History history =
        fit(model, points(96), BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1}, TimeLimit{0});
    CHECK(history.stopped_early);
    CHECK(optimizer.iterations() == 1);
}

TEST_CASE("A list of parameters is made anew: a callback may build the model again", "[training]") {
    auto model = classifier();
    Adam optimizer;
    CHECK_NOTHROW(
        fit(model, points(96), BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1}, [&](const BatchEnd&) {
            auto other = classifier();
            model = std::move(other);
        }));
}
