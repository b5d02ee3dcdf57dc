#include <deeprec/training/callbacks.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;

namespace {

/// One parameter and one number besides.
struct WithState {
    Tensor<float, 1> parameter{1}, state{1};
    template <class Visitor, class Self>
    static void visit(Visitor& visitor, Self& self) {
        visitor("parameter", self.parameter);
    }
    template <class Visitor, class Self>
    static void visit_state(Visitor& visitor, Self& self) {
        visitor("state", self.state);
    }
    void parameters_changed() {}
};
/// Sets the figure that EarlyStopping looks at.
auto figures(std::vector<double> values) {
    return OnEpochEnd{
        [values](const auto&, EpochLog& log) { log.set("figure", values.at(static_cast<std::size_t>(log.epoch))); }};
}
/// Epochs that a training makes whose figure takes these values.
std::size_t epochs_until_stop(const std::vector<double>& values, EarlyStopping& stopping) {
    auto model = classifier();
    Adam optimizer;
    stopping.monitor = "figure";
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
    void on_train_begin() { entries->push_back(name + " begin"); }
    void on_batch_end(const TrainingProgress& progress) {
        entries->push_back(message(name, " batch ", progress.sample, "/", progress.samples, " of ", progress.epoch + 1,
                                   "/", progress.epochs));
    }
    template <class Model>
    bool on_epoch_end(const Model&, EpochLog& log) {
        entries->push_back(message(name, " epoch ", log.epoch));
        return log.epoch >= stop_after;
    }
    template <class Model>
    void on_train_end(Model&) {
        entries->push_back(name + " end");
    }
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
        EarlyStopping stopping{.monitor = "figure", .patience = 2, .restore_best_weights = restore};
        const History history = fit(
            model, points(60), BinaryCrossEntropy{}, optimizer, {.epochs = 10, .threads = 1}, figures({5, 3, 4, 4, 4}),
            OnEpochEnd{[&](const auto& m, EpochLog&) { seen.push_back(weights(m)); }}, stopping);
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
    WithState model;
    EarlyStopping stopping{.monitor = "figure", .patience = 2, .restore_best_weights = true};
    for (const long epoch : {0, 1, 2}) {
        model.parameter.setConstant(static_cast<float>(epoch));
        model.state.setConstant(static_cast<float>(10 * epoch));
        EpochLog log{epoch, 0, {{"figure", std::abs(1.0 - static_cast<double>(epoch))}}};
        stopping.on_epoch_end(model, log);
    }
    stopping.on_train_end(model);
    CHECK(model.parameter(0) == 1);
    CHECK(model.state(0) == 10);
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
    const History history =
        fit(model, points(50), BinaryCrossEntropy{}, optimizer, {.epochs = 2, .threads = 1},
            OnEpochEnd{[](auto& m, EpochLog& log) {
                log.set("parameters", static_cast<double>(parameter_count(m)));
                for_each_parameter(m, [](std::string_view, auto& p) { p.setZero(); });
            }},
            OnEpochEnd{[&](const auto&, EpochLog&) { optimizer.set_learning_rate(0.5 * optimizer.learning_rate()); }});
    CHECK(history.series("parameters") == std::vector<double>{49, 49});
    CHECK(weights(model) == std::vector<float>(49, 0.0f));
    CHECK(optimizer.learning_rate() == Approx(0.00025));
}
