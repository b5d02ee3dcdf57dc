/// A training that is interrupted and goes on leaves the files of one that was not.
#include <deeprec/training/checkpoint.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/calibration_error.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/adamw.hpp>
#include <deeprec/training/callbacks.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/history_file.hpp>
#include <deeprec/training/learning_rate.hpp>
#include <deeprec/training/stop_on_signal.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using support::message_of;

namespace {

std::map<std::string, std::string> contents(const std::filesystem::path& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        files[entry.path().filename()] = std::move(text).str();
    }
    return files;
}

/// A run of a training into a directory.
struct Run {
    std::filesystem::path directory{};
    int threads = 1;
    Index epochs = 3;
    bool resume = true;
    long every_batches = 0;
    Index stop_after = 0;  // batches; 0 = never

    std::string state() const { return resume ? (directory / "last.state").string() : ""; }
    auto stop() const {
        return [done = Index{0}, last = stop_after](const BatchEnd& e) mutable {
            if (++done == last) e.stop();
        };
    }
};

auto interrupted_pairs() {
    const auto x = worlds::ids(120, 6, 20, 3), v = worlds::ids(120, 4, 20, 4);
    Tensor<float, 2> y(120, 1);
    for (Index i = 0; i < 120; ++i) y(i, 0) = static_cast<float>((x(i, 5) + v(i, 0)) % 2);
    return TensorDataset{Pair{x, v}, y};
}
/// Two towers with dropout, batch norm, penalties, two batches a step, metrics, validation, early stopping, a schedule
/// by plateau and a history, as people train: 8 batches an epoch.
History train_pairs(const Run& run) {
    TwoTower model{Sequential{Embedding{21, 8}, GRU{8}, Dropout{0.2}}, Sequential{Embedding{21, 8}, GRU{8}},
                   Sequential{Dense{8, relu}, BatchNorm{}, Dense{1, sigmoid}}};
    model.build({{6}, {4}}, Seed{1});
    const auto data = interrupted_pairs();
    Adam optimizer{{.learning_rate = 0.01}};
    return fit(model, data, BinaryCrossEntropy{}, optimizer,
               {.epochs = run.epochs,
                .batch_size = 16,
                .validation = &data,
                .threads = run.threads,
                .seed = 5,
                .accumulate = 2,
                .regularizers = {{"kernel", L2{1e-3}}},
                .resume = run.state()},
               Auc{}, Unweighted{BinaryAccuracy{}}, CalibrationError{},
               EarlyStopping{.monitor = "val_auc", .patience = 30, .restore_best_weights = true},
               ReduceLROnPlateau{.factor = 0.5, .patience = 2}, run.stop(),
               Checkpoint{.directory = run.directory.string(), .keep = 2, .every_batches = run.every_batches},
               HistoryFile{(run.directory / "history.csv").string()});
}
/// A next-item model on sequences, two batches a step too, shuffled by blocks: 13 batches an epoch.
History train_sequences(const Run& run) {
    Interactions events;
    for (int i = 1; i <= 30; ++i) events.items.add(std::to_string(i));
    for (int u = 1; u <= 40; ++u) {
        events.users.add(std::to_string(u));
        for (int t = 0; t < 3 + u % 20; ++t) events.add(u, 1 + (u * 7 + t * 3 + t * t) % 30);
    }
    const Sequences all{events};
    SequenceSamples samples{all, 8};
    SequenceRecommender model{30, Sequential{GRU{8, return_sequences}, Dropout{0.1}}, {.width = 8}};
    model.build(8, Seed{3});
    Adam optimizer{{.learning_rate = 0.01}};
    return fit(model, samples, NextItemSoftmax{}, optimizer,
               {.epochs = run.epochs,
                .batch_size = 8,
                .validation = &samples,
                .threads = run.threads,
                .seed = 5,
                .shuffle_block = 1,  // 64 samples among each other
                .accumulate = 2,
                .resume = run.state()},
               TopKAccuracy{}, EarlyStopping{.patience = 30, .restore_best_weights = true},
               LearningRateSchedule{ExponentialDecay{0.01, 2, 0.8}, ScheduleUnit::epoch},
               Checkpoint{.directory = run.directory.string(), .every_batches = run.every_batches},
               HistoryFile{(run.directory / "history.jsonl").string()}, run.stop());
}

using Train = History (*)(const Run&);
const std::pair<const char*, Train> trainings[] = {{"TwoTower", &train_pairs},
                                                   {"SequenceRecommender", &train_sequences}};

void check_same_files(const std::filesystem::path& directory, const std::map<std::string, std::string>& expected) {
    auto found = contents(directory);
    std::erase_if(found, [](const auto& file) { return file.first.ends_with(".tmp"); });
    for (const auto& [name, bytes] : expected) {
        INFO(name);
        CHECK((found[name] == bytes));
    }
    CHECK(found.size() == expected.size());
}

/// Runs a training in a process of its own, and kills it after so many microseconds (negative: never). Returns whether
/// that came before its end.
bool run_process(Train training, const Run& run, long kill_after) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int failed = 0;
        try {
            training(run);
        } catch (...) {
            failed = 1;
        }
        _exit(failed);
    }
    if (kill_after >= 0) {
        ::usleep(static_cast<useconds_t>(kill_after));
        ::kill(child, SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK((killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
    return killed;
}

/// Kills each training so many times, with 1, 2 and 3 threads, that its states are written every two batches.
void kill_trainings(int kills, Index epochs) {
    const RandomStream random(Seed{static_cast<std::uint64_t>(::getpid())});
    std::uint64_t next = 0;
    for (const auto& [name, training] : trainings) {
        const support::TemporaryDirectory directory;
        const auto whole = directory.path() / "whole";
        const auto start = std::chrono::steady_clock::now();
        training({.directory = whole, .epochs = epochs, .resume = false, .every_batches = 2});
        const double micros =
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        const auto expected = contents(whole);
        CHECK(expected.count("last.state") == 1);
        for (const int threads : {1, 2, 3}) {
            const Run run{.directory = directory.path() / ("run-" + std::to_string(threads)),
                          .threads = threads,
                          .epochs = epochs,
                          .every_batches = 2};
            std::filesystem::create_directories(run.directory);
            int killed = 0, in_save = 0, in_epoch = 0;
            for (int i = 0; i < kills; ++i) {
                killed += run_process(training, run, static_cast<long>(random.uniform(next++, 0, 2 * micros / kills)));
                const auto left = contents(run.directory);
                in_save +=
                    std::any_of(left.begin(), left.end(), [](const auto& f) { return f.first.ends_with(".tmp"); });
                in_epoch += left.count("last.state") != 0 &&
                            left.at("last.state").find("\"samples\":\"0\"") == std::string::npos;
            }
            run_process(training, run, -1);
            std::printf(
                "%s, %d threads: of %d runs %d were killed, %d of them while a file was written; %d left a state "
                "inside an epoch\n",
                name, threads, kills, killed, in_save, in_epoch);
            INFO(name << ", " << threads << " threads");
            CHECK(killed > 0);
            check_same_files(run.directory, expected);
        }
    }
}

}  // namespace

TEST_CASE("Killed at random moments and started again, a training leaves the same files", "[training]") {
    kill_trainings(3, 4);
}

TEST_CASE("Killed twenty times", "[.kills]") { kill_trainings(20, 12); }

TEST_CASE("Stopped after any batch, a training goes on inside the epoch to the same files", "[training]") {
    for (const auto& [name, training] : trainings)
        for (const Index every : {3, 7}) {  // batches of a run
            const support::TemporaryDirectory directory;
            const auto once = directory.path() / "once", often = directory.path() / "often";
            const History all = training({.directory = once, .resume = false});
            History after;
            Index runs = 0;
            do {
                after = training({.directory = often, .threads = static_cast<int>(1 + runs % 3), .stop_after = every});
            } while (++runs < 100 && after.stopped_early);
            INFO(name << ", " << every << " batches a run");
            CHECK(runs > 1);
            check_same_files(often, contents(once));
            REQUIRE(after.epochs.size() == all.epochs.size());
            for (std::size_t e = 0; e < all.epochs.size(); ++e) CHECK(after.epochs[e].figures == all.epochs[e].figures);
        }
}

TEST_CASE("Ten epochs after ten are twenty", "[training]") {
    const support::TemporaryDirectory directory;
    const auto once = directory.path() / "once", twice = directory.path() / "twice";
    const History all = train_pairs({.directory = once, .epochs = 20, .resume = false});
    train_pairs({.directory = twice, .threads = 2, .epochs = 10});
    const History after = train_pairs({.directory = twice, .threads = 2, .epochs = 20});
    CHECK(contents(once) == contents(twice));
    REQUIRE(after.epochs.size() == all.epochs.size());  // the history is whole
    for (std::size_t e = 0; e < all.epochs.size(); ++e) CHECK(after.epochs[e].figures == all.epochs[e].figures);
}

TEST_CASE("A training that was complete goes on with nothing", "[training]") {
    const support::TemporaryDirectory directory;
    train_sequences({directory.path()});
    const auto before = contents(directory.path());
    CHECK(train_sequences({directory.path()}).epochs.size() == 3);
    CHECK(contents(directory.path()) == before);
}

TEST_CASE("A state of another training is refused with both values", "[training]") {
    const support::TemporaryDirectory directory;
    const std::string state = directory.path() / "last.state";
    const auto data = worlds::points(64);
    const auto go = [&](auto model, const auto& train, FitOptions<std::decay_t<decltype(data)>> options,
                        auto optimizer) {
        options.threads = 1;
        options.resume = state;
        return message_of<Error>(
            [&] { fit(model, train, BinaryCrossEntropy{}, optimizer, options, Checkpoint{directory.path()}); });
    };
    CHECK(go(worlds::classifier(), data, {.epochs = 2}, Adam{}).empty());
    const std::string begin = "fit: " + state + " is the state of another training: it has the ";
    CHECK(go(worlds::classifier(), data, {.epochs = 3, .batch_size = 16}, Adam{}) ==
          begin + "batch_size '32', this one '16'");
    CHECK(go(worlds::classifier(), data, {.epochs = 3, .seed = 9}, Adam{}) == begin + "seed '0', this one '9'");
    CHECK(go(worlds::classifier(), data, {.epochs = 3, .shuffle_block = 8}, Adam{}) ==
          begin + "shuffle 'true', this one 'blocks of 8'");
    CHECK(go(worlds::classifier(), data, {.epochs = 3}, AdamW{}) == begin + "optimizer 'Adam', this one 'AdamW'");
    CHECK(go(worlds::classifier(), worlds::points(65), {.epochs = 3}, Adam{}).starts_with(begin + "data '"));
    CHECK(go(worlds::classifier(), data, {.epochs = 3, .validation = &data}, Adam{})
              .starts_with(begin + "validation 'none', this one '"));
    Sequential other{Dense{9, relu}, Dense{1, sigmoid}};
    other.build({4}, Seed{1});
    CHECK(go(other, data, {.epochs = 3}, Adam{}).starts_with(begin + "layer (deeprec."));
    CHECK(go(worlds::classifier(), data, {.epochs = 3}, Adam{}).empty());
    directory.write("last.state", "not a state");
    CHECK(go(worlds::classifier(), data, {.epochs = 4}, Adam{}).find("header") != std::string::npos);
}

TEST_CASE("A state inside an epoch has the metrics it was made with", "[training]") {
    const support::TemporaryDirectory directory;
    const std::string state = directory.path() / "last.state";
    const auto data = worlds::points(96);
    struct Mine : BinaryAccuracy {  // without a state
        void state(int) {}
    };
    const auto go = [&](long every_batches, Index stop_after, auto metric) {
        auto model = worlds::classifier();
        Adam optimizer;
        return message_of<Error>([&] {
            fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 2, .threads = 1, .resume = state}, metric,
                Checkpoint{.directory = directory.path(), .every_batches = every_batches},
                Run{.stop_after = stop_after}.stop());
        });
    };
    const auto samples_done = [&] { return SafetensorsReader(state).metadata().at("samples"); };
    CHECK(go(0, 2, BinaryAccuracy{}).empty());
    CHECK(samples_done() == "64");
    const std::string begin = "fit: " + state + " is the state of another training: it has ";
    CHECK(go(0, 2, Precision{}) == begin + "the metrics 'binary_accuracy', this one 'precision'");
    CHECK(go(0, 2, BinaryAccuracy{{.threshold = 0.25}}) == begin + "metric.0.threshold 0.5, this one 0.25");
    CHECK(go(0, 2, Mine{}).find("binary_accuracy has no state(CheckpointState&)") != std::string::npos);
    CHECK(go(0, 2, BinaryAccuracy{}).empty());
    CHECK(samples_done() == "32");

    std::filesystem::remove(state);  // what has no state is saved at the end of epochs
    CHECK(go(0, 4, Mine{}).empty());
    CHECK(samples_done() == "0");
    CHECK(
        go(2, 1, Mine{}).starts_with("Checkpoint: every_batches saves metrics too, but binary_accuracy has no state("));
}

TEST_CASE("A damaged state is refused, and the model stays as it was", "[training]") {
    const support::TemporaryDirectory directory;
    for (const Index stop_after : {0, 13}) {  // at the end of an epoch, and inside one
        train_pairs({.directory = directory.path(), .epochs = 2, .resume = false, .stop_after = stop_after});
        const std::string good = contents(directory.path()).at("last.state");
        const RandomStream random(Seed{7});
        int refused = 0;
        for (std::uint64_t trial = 0; trial < 40; ++trial) {
            std::string bytes = good;
            std::uint64_t at = 0;
            std::memcpy(&at, bytes.data(), 8);
            const std::uint64_t place = random.below(2 * trial, 8 + at);
            bytes[place] = static_cast<char>(bytes[place] ^ (1 << random.below(2 * trial + 1, 8)));
            directory.write("last.state", bytes);
            try {
                train_pairs({.directory = directory.path(), .epochs = 2});
            } catch (const Error&) {
                ++refused;
            }
        }
        CHECK(refused > 15);
        for (const auto& [from, to] : {std::pair{"\"finished\":\"0\"", "\"finished\":\"x\""},
                                       {"\"learning_rate\":\"0.01\"", "\"learning_rate\":\"-.01\""},
                                       {"\"samples\":\"", "\"samples\":\"1"},
                                       {"\"step\":\"", "\"step\":\"-"}}) {
            std::string bytes = good;
            const std::size_t at = bytes.find(from);
            REQUIRE(at != std::string::npos);
            bytes.replace(at, std::strlen(to), to);
            directory.write("last.state", bytes);
            INFO(from);
            CHECK_THROWS_AS(train_pairs({.directory = directory.path(), .epochs = 2}), FormatError);
        }
    }
    CHECK_THROWS_AS(Resume(directory.path() / std::string(300, 'n')).exists(), FileError);
}

TEST_CASE("StopOnSignal ends a training after the batch and puts the handlers back", "[training]") {
    const auto before = std::signal(SIGINT, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
    auto model = worlds::classifier();
    Adam optimizer;
    StopOnSignal stop;
    const History history = fit(model, worlds::points(96), BinaryCrossEntropy{}, optimizer, {.epochs = 3, .threads = 1},
                                stop, [n = 0](const StepBegin&) mutable {
                                    if (++n == 5) std::raise(SIGINT);
                                });
    CHECK(history.stopped_early);
    CHECK(history.epochs.size() == 1);
    CHECK(optimizer.iterations() == 5);
    CHECK(stop.signal() == SIGINT);
    CHECK(std::signal(SIGINT, before) == SIG_IGN);
}

TEST_CASE("HistoryFile has a line for each epoch", "[training]") {
    const support::TemporaryDirectory directory;
    const std::string csv = directory.path() / "a.csv", jsonl = directory.path() / "a.jsonl";
    auto model = worlds::classifier();
    Adam optimizer;
    const auto data = worlds::points(32);
    const History history = fit(model, data, BinaryCrossEntropy{}, optimizer,
                                {.epochs = 2, .validation = &data, .threads = 1}, HistoryFile{csv}, HistoryFile{jsonl});
    const auto files = contents(directory.path());
    const auto text = [&](std::size_t e, const char* name) {
        return deeprec::detail::option_text(history.epochs[e].at(name));
    };
    CHECK(files.at("a.csv") == "epoch,loss,val_loss\n1," + text(0, "loss") + "," + text(0, "val_loss") + "\n2," +
                                   text(1, "loss") + "," + text(1, "val_loss") + "\n");
    CHECK(files.at("a.jsonl") ==
          "{\"epoch\": 1, \"loss\": " + text(0, "loss") + ", \"val_loss\": " + text(0, "val_loss") +
              "}\n{\"epoch\": 2, \"loss\": " + text(1, "loss") + ", \"val_loss\": " + text(1, "val_loss") + "}\n");
}

TEST_CASE("HistoryFile refuses figures whose names no CSV file can have", "[training]") {
    const support::TemporaryDirectory directory;
    auto model = worlds::classifier();
    Adam optimizer;
    const auto data = worlds::points(32);
    const auto train = [&](const char* file) {
        fit(
            model, data, BinaryCrossEntropy{}, optimizer, {.threads = 1},
            [](const EpochEnd& e) { e.log.set("auc, click", 0.5); }, HistoryFile{directory.path() / file});
    };
    CHECK(support::message_of<ArgumentError>([&] { train("a.csv"); }) ==
          "HistoryFile: expected figures without comma, quote and line end in their names in a CSV file, received "
          "'auc, click'; a .jsonl file has any names");
    train("a.jsonl");
    CHECK(contents(directory.path()).at("a.jsonl").find("\"auc, click\": 0.5}") != std::string::npos);
}
