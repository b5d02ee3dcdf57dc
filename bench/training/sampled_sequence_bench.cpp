// A step of NextItemSampled, by the number of items: 64 people with 32 targets each, towers and tables of width 64,
// Adam. All that `fit` does between two batches is in it: the median, and that of processor time. Memory is what the
// process has grown by since the model was built, less what it has to: tables, the two moments of Adam and, of
// gradients by rows, 4 bytes an item for each table; ten million items take 8 GB.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

namespace {
using namespace deeprec;
constexpr Index width = 64, people = 64, targets = 32;

double megabytes() {
    long pages = 0, resident = 0;
    if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Zipf: item of rank r with weight 1 / r, the ranks scattered over the ids.
struct ZipfPeople {
    Index items, steps;
    std::vector<std::vector<std::int32_t>> events;
    mutable std::vector<std::span<const std::int32_t>> batch_;

    ZipfPeople(Index n, Index batches) : items(n), steps(batches), events(static_cast<std::size_t>(batches * people)) {
        const RandomStream random(Seed{1});
        std::uint64_t draw = 0;
        for (auto& own : events)
            for (Index t = 0; t <= targets; ++t) {
                const auto rank = static_cast<std::uint64_t>(std::pow(static_cast<double>(n), random.uniform(draw++)));
                own.push_back(static_cast<std::int32_t>(rank * 7919 % static_cast<std::uint64_t>(n)) + 1);
            }
    }
    Index size() const { return static_cast<Index>(events.size()); }
    SequenceBatch batch(std::span<const Index> indices) const {
        batch_.clear();
        for (const Index i : indices) batch_.push_back(events[static_cast<std::size_t>(i)]);
        return {batch_};
    }
};

template <class Loss>
void train(benchmark::State& state, const Loss& loss) {
    const Index items = state.range(0);
    Sequential tower{Residual{Conv1D{width, 3, relu, {.padding = Padding::causal}}}, Dense{width}};
    const double start = megabytes();
    SequenceRecommender model{items, tower, {.width = width}};
    model.build(targets, Seed{1});
    const ZipfPeople data{items, 60};
    Adam adam;
    std::vector<double> times, cpu_times;
    for (auto _ : state) {
        auto last = std::chrono::steady_clock::now();
        double largest = 0, last_cpu = cpu_seconds();
        fit(model, data, loss, adam,
            FitOptions<ZipfPeople>{.batch_size = people, .threads = static_cast<int>(state.range(1)), .shuffle = false},
            [&](const BatchEnd& e) {
                const auto now = std::chrono::steady_clock::now();
                times.push_back(std::chrono::duration<double>(now - last).count());
                last = now;
                cpu_times.push_back(cpu_seconds() - last_cpu);
                last_cpu = cpu_seconds();
                if (e.progress.sample == e.progress.samples) largest = megabytes();
            });
        std::sort(times.begin(), times.end());
        std::sort(cpu_times.begin(), cpu_times.end());
        state.SetIterationTime(times[times.size() / 2]);
        state.counters["cpu_ms"] = 1000 * cpu_times[cpu_times.size() / 2];
        state.counters["MB"] = largest - start;
        const double needed = static_cast<double>(items + 1) * (3 * 4 * (width + 1) + 2 * 4) / 1e6;
        state.counters["beyond_tables_and_state_MB"] = largest - start - needed;
    }
}
void sampled(benchmark::State& state) { train(state, NextItemSampled{}); }
void full(benchmark::State& state) { train(state, NextItemSoftmax{}); }
}  // namespace

BENCHMARK(sampled)
    ->ArgNames({"items", "threads"})
    ->ArgsProduct({{10'000, 100'000, 1'000'000, 10'000'000}, {1, 2}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(full)
    ->ArgNames({"items", "threads"})
    ->ArgsProduct({{2'000, 10'000, 30'000}, {1, 2}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
