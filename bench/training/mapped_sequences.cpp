// Training on a log in a mapped file beside the same log in memory, each in a process of its own:
//
//     mapped_sequences make FILE 100000000       writes so many events of users with 50 each, of 100,000 items (Zipf)
//     mapped_sequences mapped FILE [BLOCK]       trains 400 batches; BLOCK is the option shuffle_block
//     mapped_sequences memory FILE               the same on a copy in memory
//
// Prints events a second and what the process has at most beside the file's pages (RssAnon), and thereof what is beyond
// tables, their gradients by rows and the optimizer's state.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/data/tables/sequence_file.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

using namespace deeprec;

namespace {
constexpr Index items = 100'000, events_of_one = 50, width = 64, batch = 256, batches = 400;

Interactions log_of(Index events) {
    Interactions log;
    for (Index i = 1; i <= items; ++i) log.items.add("i" + std::to_string(i));
    const RandomStream random(Seed{1});
    for (Index e = 0; e < events; ++e) {
        if (e % events_of_one == 0) log.users.add("u" + std::to_string(e / events_of_one));
        const double rank = std::pow(static_cast<double>(items), random.uniform(static_cast<std::uint64_t>(e)));
        log.add(log.users.size(), static_cast<std::int32_t>(static_cast<Index>(rank) * 7919 % items) + 1);
    }
    return log;
}
double own_megabytes() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "RssAnon:") {
            double kilobytes = 0;
            status >> kilobytes;
            return kilobytes / 1000;
        }
    throw std::runtime_error("no RssAnon in /proc/self/status");
}

void train(const Sequences& log, Index block) {
    SequenceSamples samples(log, events_of_one - 1);
    SequenceRecommender model{items,
                              Sequential{Residual{Conv1D{width, 3, relu, {.padding = Padding::causal}}}, Dense{width}},
                              {.width = width}};
    model.build(events_of_one - 1, Seed{1});
    Adam adam;
    double most = 0;
    Index trained = 0;
    auto start = std::chrono::steady_clock::now();
    fit(model, samples, NextItemSampled{}, adam, {.batch_size = batch, .shuffle_block = block}, [&](const BatchEnd& e) {
        if (++trained == 10) start = std::chrono::steady_clock::now();  // the first ones make buffers
        if (trained % 50 == 0) most = std::max(most, own_megabytes());
        if (trained == batches) e.stop();
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double tables = static_cast<double>(items + 1) * (3 * 4 * (width + 1) + 2 * 4) / 1e6;
    std::printf("%.0f events a second, %.0f MB, %.0f MB beyond tables and state\n",
                static_cast<double>((trained - 10) * batch * events_of_one) / seconds, most, most - tables);
}
}  // namespace

int main(int argc, char** argv) try {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "make" && argc == 4) {
        save_sequences(EventTable(log_of(std::atol(argv[3]))), argv[2]);
    } else if (what == "mapped") {
        train(load_sequences(argv[2]), argc > 3 ? std::atol(argv[3]) : 0);
    } else if (what == "memory") {
        const Index events = load_sequences(argv[2]).size();
        train(Sequences(log_of(events)), 0);
    } else {
        std::fprintf(stderr, "usage: mapped_sequences make FILE EVENTS | mapped FILE [BLOCK] | memory FILE\n");
        return 2;
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "mapped_sequences: %s\n", error.what());
    return 1;
}
