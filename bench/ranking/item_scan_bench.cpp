// A request to an index of many items beside the floor: reading the bytes that it must read, once. By storage, and with
// a filter (an ItemSet made once) that one in a hundred items passes. Arguments: items, threads.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/layers/cumulative_average1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/ranking/sequence_index.hpp>

using namespace deeprec;

namespace {

constexpr Index width = 64, best = 100;

/// Of one number of items at a time: ten million take 2.6 GB.
const auto& model(Index items) {
    using Tower = decltype(Sequential{CumulativeAverage1D{}, Dense{width}});
    static SequenceRecommender<Tower> built;
    if (built.items() != items) {
        built = {items, Sequential{CumulativeAverage1D{}, Dense{width}}, {.width = width}};
        built.build(10, Seed{1});
    }
    return built;
}

// Adds up what lies in memory as the vectors do: nothing can answer sooner that reads as many bytes.
void floor_of(benchmark::State& state, Index bytes_an_item) {
    using V = kernels::Batch<float>;
    constexpr Index lanes = kernels::lanes<float>, at_once = 8 * lanes;
    const Index items = state.range(0), n = items * bytes_an_item / Index{sizeof(float)};
    const float* const x = model(items).vectors();
    for (auto _ : state) {
        V sums[8];
        for (V& sum : sums) sum = V(0.0f);
        for (Index i = 0; i + at_once <= n; i += at_once)
            for (Index j = 0; j < 8; ++j) sums[j] = sums[j] + kernels::load<V>(x + i + j * lanes);
        for (Index j = 1; j < 8; ++j) sums[0] = sums[0] + sums[j];
        benchmark::DoNotOptimize(kernels::reduce_add(sums[0]));
    }
    state.counters["GB/s"] = benchmark::Counter(static_cast<double>(items * bytes_an_item) * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void request(benchmark::State& state, ItemStorage storage, bool filtered) {
    const Index items = state.range(0);
    const SequenceIndex index{model(items), {.length = 10, .storage = storage}};
    ThreadPool pool(static_cast<int>(state.range(1)));
    RecommendOptions options;
    options.pool = &pool;
    if (filtered)
        options.eligible = ItemSet::where(static_cast<std::int32_t>(items), [](std::int32_t item) {
            return mix64(static_cast<std::uint64_t>(item)) % 100 == 0;
        });
    const std::vector<std::int32_t> history{5, 900, 77};
    for (auto _ : state) benchmark::DoNotOptimize(recommend(index, {0, history, 0}, best, options));
}

}  // namespace

#define ITEM_SCAN(function, name, ...)              \
    BENCHMARK_CAPTURE(function, name, __VA_ARGS__)  \
        ->Name("item_scan<" #function " " #name ">") \
        ->ArgNames({"items", "threads"})            \
        ->Unit(benchmark::kMillisecond)             \
        ->UseRealTime()
ITEM_SCAN(floor_of, float32, Index{4 * width})->Args({1'000'000, 1});
ITEM_SCAN(request, float32, ItemStorage::float32, false)->Args({1'000'000, 1});
ITEM_SCAN(request, float32_filtered, ItemStorage::float32, true)->Args({1'000'000, 1});
ITEM_SCAN(request, int8_filtered, ItemStorage::int8, true)->Args({1'000'000, 1});
ITEM_SCAN(request, int8, ItemStorage::int8, false)->Args({1'000'000, 1})->Args({10'000'000, 1})->Args({10'000'000, 2});
ITEM_SCAN(floor_of, int8, Index{width + 12})->Args({10'000'000, 1})->Args({1'000'000, 1});
