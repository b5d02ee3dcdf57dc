// A request to an index of many items, with one thread, beside the floor: reading the bytes that it must read, once. By
// storage, and with a filter (an ItemSet made once) that one in a hundred items passes.
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

constexpr Index items = 1000000, width = 64;

const auto& model() {
    static const auto built = [] {
        SequenceRecommender m{items, Sequential{CumulativeAverage1D{}, Dense{width}}, {.width = width}};
        m.build(10, Seed{1});
        return m;
    }();
    return built;
}

// Adds up what lies in memory as the vectors do: nothing can answer sooner that reads as many bytes.
void floor_of(benchmark::State& state, Index bytes_an_item) {
    using V = kernels::Batch<float>;
    constexpr Index lanes = kernels::lanes<float>, at_once = 8 * lanes;
    const Index n = items * bytes_an_item / Index{sizeof(float)};
    const float* const x = model().vectors();
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
    const SequenceIndex index{model(), {.length = 10, .storage = storage}};
    RecommendOptions options;
    if (filtered)
        options.eligible =
            ItemSet::where(items, [](std::int32_t item) { return mix64(static_cast<std::uint64_t>(item)) % 100 == 0; });
    const std::vector<std::int32_t> history{5, 900, 77};
    for (auto _ : state) benchmark::DoNotOptimize(recommend(index, {0, history, 0}, 10, options));
}

}  // namespace

BENCHMARK_CAPTURE(floor_of, float32, Index{4 * width})
    ->Name("item_scan<floor of float32>")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(request, float32, ItemStorage::float32, false)
    ->Name("item_scan<float32>")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(request, float32, ItemStorage::float32, true)
    ->Name("item_scan<float32, 1 % pass>")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(floor_of, int8, Index{width + 12})->Name("item_scan<floor of int8>")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(request, int8, ItemStorage::int8, false)->Name("item_scan<int8>")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(request, int8, ItemStorage::int8, true)
    ->Name("item_scan<int8, 1 % pass>")
    ->Unit(benchmark::kMillisecond);
