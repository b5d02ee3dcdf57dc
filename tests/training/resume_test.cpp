/// A training that is interrupted and goes on leaves the files of one that was not.
#include <deeprec/training/checkpoint.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/auc.hpp>
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

auto pairs() {
    const auto x = worlds::ids(120, 6, 20, 3), v = worlds::ids(120, 4, 20, 4);
    Tensor<float, 2> y(120, 1);
    for (Index i = 0; i < 120; ++i) y(i, 0) = static_cast<float>((x(i, 5) + v(i, 0)) % 2);
    return TensorDataset{Pair{x, v}, y};
}
/// Two towers with dropout, validation, early stopping, a schedule by plateau and a history, as people train.
History train_pairs(const std::filesystem::path& run, int threads, Index epochs, bool resume = true) {
    TwoTower model{Sequential{Embedding{21, 8}, GRU{8}, Dropout{0.2}}, Sequential{Embedding{21, 8}, GRU{8}},
                   Sequential{Dense{8, relu}, Dense{1, sigmoid}}};
    model.build({{6}, {4}}, Seed{1});
    const auto data = pairs();
    Adam optimizer{{.learning_rate = 0.01}};
    return fit(model, data, BinaryCrossEntropy{}, optimizer,
               {.epochs = epochs,
                .batch_size = 16,
                .validation = &data,
                .threads = threads,
                .seed = 5,
                .accumulate = 2,
                .resume = resume ? (run / "last.state").string() : ""},
               Auc{}, EarlyStopping{.monitor = "val_auc", .patience = 30, .restore_best_weights = true},
               ReduceLROnPlateau{.factor = 0.5, .patience = 2}, Checkpoint{.directory = run.string(), .keep = 2},
               HistoryFile{(run / "history.csv").string()});
}
/// A next-item model on sequences.
History train_sequences(const std::filesystem::path& run, int threads, Index epochs, bool resume = true) {
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
               {.epochs = epochs,
                .batch_size = 16,
                .threads = threads,
                .seed = 5,
                .resume = resume ? (run / "last.state").string() : ""},
               Checkpoint{.directory = run.string(), .monitor = "loss"}, HistoryFile{(run / "history.jsonl").string()});
}

using Train = History (*)(const std::filesystem::path&, int, Index, bool);

/// Runs a training in a process of its own, and kills it after so many microseconds (negative: never).
void run_process(Train training, const std::filesystem::path& run, int threads, Index epochs, long kill_after) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int failed = 0;
        try {
            training(run, threads, epochs, true);
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
    if (kill_after < 0) CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

}  // namespace

TEST_CASE("Killed at random moments and started again, a training leaves the same files", "[training]") {
    constexpr Index epochs = 12;
    const RandomStream random(Seed{static_cast<std::uint64_t>(::getpid())});
    std::uint64_t next = 0;
    for (const Train training : {&train_pairs, &train_sequences}) {
        const support::TemporaryDirectory directory;
        const auto whole = directory.path() / "whole";
        const auto start = std::chrono::steady_clock::now();
        training(whole, 1, epochs, false);
        const double micros =
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        const auto expected = contents(whole);
        CHECK(expected.count("last.state") == 1);
        for (const int threads : {1, 2, 3}) {
            const auto run = directory.path() / ("run-" + std::to_string(threads));
            std::filesystem::create_directories(run);
            for (int kills = 0; kills < 4; ++kills)
                run_process(training, run, threads, epochs, static_cast<long>(random.uniform(next++, 0, micros)));
            run_process(training, run, threads, epochs, -1);
            auto found = contents(run);
            std::erase_if(found, [](const auto& file) { return file.first.ends_with(".tmp"); });
            for (const auto& [name, bytes] : expected) {
                INFO(name << ", " << threads << " threads");
                CHECK(found[name] == bytes);
            }
            CHECK(found.size() == expected.size());
        }
    }
}

TEST_CASE("Ten epochs after ten are twenty", "[training]") {
    const support::TemporaryDirectory directory;
    const auto once = directory.path() / "once", twice = directory.path() / "twice";
    const History all = train_pairs(once, 1, 20, false);
    train_pairs(twice, 2, 10);
    const History after = train_pairs(twice, 2, 20);
    CHECK(contents(once) == contents(twice));
    REQUIRE(after.epochs.size() == all.epochs.size());  // the history is whole
    for (std::size_t e = 0; e < all.epochs.size(); ++e) CHECK(after.epochs[e].figures == all.epochs[e].figures);
}

TEST_CASE("A training that was complete goes on with nothing", "[training]") {
    const support::TemporaryDirectory directory;
    train_sequences(directory.path(), 1, 3);
    const auto before = contents(directory.path());
    CHECK(train_sequences(directory.path(), 1, 3).epochs.size() == 3);
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
    CHECK(go(worlds::classifier(), data, {.epochs = 3}, AdamW{}) == begin + "optimizer 'Adam', this one 'AdamW'");
    CHECK(go(worlds::classifier(), worlds::points(65), {.epochs = 3}, Adam{}).starts_with(begin + "data '"));
    Sequential other{Dense{9, relu}, Dense{1, sigmoid}};
    other.build({4}, Seed{1});
    CHECK(go(other, data, {.epochs = 3}, Adam{}).starts_with(begin + "layer (deeprec."));
    CHECK(go(worlds::classifier(), data, {.epochs = 3}, Adam{}).empty());
    directory.write("last.state", "not a state");
    CHECK(go(worlds::classifier(), data, {.epochs = 4}, Adam{}).find("header") != std::string::npos);
}

TEST_CASE("A damaged state is refused, and the model stays as it was", "[training]") {
    const support::TemporaryDirectory directory;
    train_pairs(directory.path(), 1, 2);
    const std::string good = contents(directory.path()).at("last.state");
    const RandomStream random(Seed{7});
    int refused = 0;
    for (std::uint64_t trial = 0; trial < 60; ++trial) {
        std::string bytes = good;
        std::uint64_t at = 0;
        std::memcpy(&at, bytes.data(), 8);
        const std::uint64_t place = random.below(2 * trial, 8 + at);
        bytes[place] = static_cast<char>(bytes[place] ^ (1 << random.below(2 * trial + 1, 8)));
        directory.write("last.state", bytes);
        try {
            train_pairs(directory.path(), 1, 2);
        } catch (const Error&) {
            ++refused;
        }
    }
    CHECK(refused > 20);
    for (const auto& [from, to] : {std::pair{"\"finished\":\"0\"", "\"finished\":\"x\""},
                                   {"\"learning_rate\":\"0.01\"", "\"learning_rate\":\"-.01\""},
                                   {"\"step\":\"", "\"step\":\"-"}}) {
        std::string bytes = good;
        const std::size_t at = bytes.find(from);
        REQUIRE(at != std::string::npos);
        bytes.replace(at, std::strlen(to), to);
        directory.write("last.state", bytes);
        INFO(from);
        CHECK_THROWS_AS(train_pairs(directory.path(), 1, 2), FormatError);
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
