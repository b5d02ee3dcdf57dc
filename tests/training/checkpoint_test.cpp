#include <deeprec/training/checkpoint.hpp>

#include <cstring>
#include <limits>
#include <set>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/layers/dense.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/callbacks.hpp>
#include <deeprec/training/fit.hpp>

#include "training/still_training.hpp"
#include "training/worlds.hpp"

using namespace deeprec;

namespace {

std::set<std::string> files(const std::filesystem::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename());
    return names;
}
EpochLog figures(long epoch, double value) { return {epoch, 0, {{"val_loss", value}}}; }
/// A training that saves this model.
template <class Model>
struct Saving : support::StillTraining {
    explicit Saving(const Model& m) : model(m) {}
    const Model& model;
    void show(const TrainingVisitor& visitor) override {
        deeprec::detail::TrainingState<float> state;
        state.fields = deeprec::detail::named_fields(model);
        visitor.see(state);
    }
};

}  // namespace

TEST_CASE("checkpoints of every epoch and of the best", "[io]") {
    const support::TemporaryDirectory directory;
    Checkpoint checkpoint{directory.path() / "a" / "b"};
    auto model = worlds::classifier();
    using Model = decltype(model);
    Saving<Model> training(model);
    const auto end_epoch = [&](long epoch, double value) {
        for_each_parameter(model, [&](std::string_view, auto& p) { p.setConstant(static_cast<float>(epoch)); });
        EpochLog log = figures(epoch, value);
        checkpoint.on(EpochEnd{{training}, log});
    };
    checkpoint.on(TrainBegin{{training}});
    end_epoch(0, std::numeric_limits<double>::quiet_NaN());
    CHECK(files(checkpoint.directory) == std::set<std::string>{"epoch-001.safetensors"});
    end_epoch(1, 0.5);
    end_epoch(2, 0.4);
    end_epoch(3, 0.4);
    CHECK(checkpoint.best_epoch == 2);
    CHECK(checkpoint.best_value == 0.4);
    CHECK(files(checkpoint.directory) == std::set<std::string>{"best.safetensors", "epoch-001.safetensors",
                                                               "epoch-002.safetensors", "epoch-003.safetensors",
                                                               "epoch-004.safetensors"});
    CHECK(worlds::weights(load<Model>(checkpoint.best_path())).front() == 2);
    CHECK(worlds::weights(load<Model>(checkpoint.epoch_path(3))).front() == 3);
    CHECK(SafetensorsReader(checkpoint.best_path()).metadata().at("epoch") == "3");
    CHECK(SafetensorsReader(checkpoint.best_path()).metadata().at("val_loss") == "0.4");
    CHECK(checkpoint.epoch_path(1233).filename() == "epoch-1234.safetensors");

    checkpoint.on(TrainBegin{{training}});  // a new training forgets the old best
    end_epoch(0, 0.9);
    CHECK(checkpoint.best_epoch == 0);
    checkpoint.on(TrainBegin{{training}, true});  // one that goes on does not
    end_epoch(1, 0.95);
    CHECK(checkpoint.best_epoch == 0);
}

TEST_CASE("a training that begins afresh does not replace a better model", "[io]") {
    const support::TemporaryDirectory directory;
    const auto model = worlds::classifier();
    Saving<std::remove_const_t<decltype(model)>> training(model);
    const auto train = [&](double value, const std::string& monitor = "val_loss") {
        Checkpoint checkpoint{.directory = directory.path(), .monitor = monitor, .save_best_only = true};
        checkpoint.on(TrainBegin{{training}});
        for (const long epoch : {0, 1}) {
            EpochLog log{epoch, 0, {{monitor, value + 0.01 * static_cast<double>(epoch)}}};
            checkpoint.on(EpochEnd{{training}, log});
        }
        return files(directory.path());
    };
    const auto kept = [&](const char* name, const char* figure) {
        return SafetensorsReader(directory.path() / name).metadata().at(figure);
    };
    const std::set<std::string> one{"best.safetensors"}, two{"best.safetensors", "best-1.safetensors"};
    CHECK(train(0.5) == one);
    CHECK(train(0.4) == one);
    CHECK(train(0.4) == one);  // as one that was killed before its first state and begins again
    CHECK(train(0.6) == two);
    CHECK(kept("best.safetensors", "val_loss") == "0.6");
    CHECK(kept("best-1.safetensors", "val_loss") == "0.4");
    CHECK(train(0.3, "val_auc") == two);  // nobody can say which is better
    CHECK(train(0.2, "val_auc").size() == 3);
    CHECK(kept("best-2.safetensors", "val_auc") == "0.31");
    std::filesystem::resize_file(directory.path() / "best.safetensors", 7);
    CHECK(train(0.1, "val_auc").size() == 3);
}

TEST_CASE("at most `keep` files of epochs stay", "[io]") {
    const support::TemporaryDirectory directory;
    Checkpoint checkpoint{.directory = directory.path(), .keep = 2};
    const auto model = worlds::classifier();
    Saving<std::remove_const_t<decltype(model)>> training(model);
    checkpoint.on(TrainBegin{{training}});
    for (long epoch = 0; epoch < 5; ++epoch) {
        EpochLog log = figures(epoch, 1 - 0.1 * static_cast<double>(epoch == 1));
        checkpoint.on(EpochEnd{{training}, log});
    }
    CHECK(files(directory.path()) ==
          std::set<std::string>{"best.safetensors", "epoch-004.safetensors", "epoch-005.safetensors"});
    CHECK(SafetensorsReader(checkpoint.best_path()).metadata().at("epoch") == "2");
    for (const long keep : {5, 2}) {  // fewer from now on
        checkpoint.keep = keep;
        for (long epoch = 5; epoch < 9; ++epoch) {
            EpochLog log = figures(epoch, 1);
            checkpoint.on(EpochEnd{{training}, log});
        }
    }
    CHECK(files(directory.path()) ==
          std::set<std::string>{"best.safetensors", "epoch-008.safetensors", "epoch-009.safetensors"});
}

TEST_CASE("only the best, by a figure that grows", "[io]") {
    const support::TemporaryDirectory directory;
    Checkpoint checkpoint{
        .directory = directory.path(), .monitor = "auc", .save_best_only = true, .mode = EarlyStopping::Mode::max};
    const auto model = worlds::classifier();
    Saving<std::remove_const_t<decltype(model)>> training(model);
    checkpoint.on(TrainBegin{{training}});
    EpochLog first{0, 0, {{"auc", 0.7}}}, second{1, 0, {{"auc", 0.6}}}, third = figures(2, 0.1);
    checkpoint.on(EpochEnd{{training}, first});
    checkpoint.on(EpochEnd{{training}, second});
    CHECK(checkpoint.best_epoch == 0);
    CHECK(files(directory.path()) == std::set<std::string>{"best.safetensors"});
    CHECK_THROWS_AS(checkpoint.on(EpochEnd{{training}, third}), ArgumentError);
}

TEST_CASE("fit saves through the callback", "[io]") {
    const support::TemporaryDirectory directory;
    auto model = worlds::classifier();
    const auto data = worlds::points(64);
    Adam optimizer{{.learning_rate = 1e-2}};
    Checkpoint checkpoint{directory.path()};
    fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 2, .threads = 1}, checkpoint);
    CHECK(files(directory.path()) ==
          std::set<std::string>{"epoch-001.safetensors", "epoch-002.safetensors", "last.state"});
    const auto last = load<decltype(model)>(checkpoint.epoch_path(1));
    CHECK(worlds::same_bits(worlds::weights(last), worlds::weights(model)));

    Checkpoint nowhere{directory.write("file", "") / "below"};
    support::StillTraining training;
    CHECK_THROWS_AS(nowhere.on(TrainBegin{{training}}), FileError);
}
