// The best 100 of many items by inner product, from int8 codes beside the vectors alone. Normal numbers; GB/s of what
// the scan reads, and the share of items that are scored with their vectors.
#include <benchmark/benchmark.h>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/ranking/quantized_items.hpp>

using namespace deeprec;

namespace {

constexpr Index best = 100;

struct Vectors {
    Vectors(Index n, std::uint64_t seed) {
        const RandomStream random(Seed{seed});
        float* const x = buffer.need(n);
        for (Index i = 0; i < n; ++i) x[i] = static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
    }
    const float* data() const { return buffer.data(); }
    Buffer<float> buffer;
};

void report(benchmark::State& state, Index bytes_an_item) {
    const double bytes = static_cast<double>(state.range(0) * bytes_an_item);
    state.counters["GB/s"] =
        benchmark::Counter(bytes * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void quantized(benchmark::State& state) {
    const Index count = state.range(0), width = state.range(1);
    const Vectors items(count * width, 1), query(width, 2);
    ThreadPool pool(static_cast<int>(state.range(2)));
    const QuantizedItems codes(items.data(), count, width, &pool);
    Index rescored = 0;
    for (auto _ : state) benchmark::DoNotOptimize(codes.top_k(query.data(), best, AcceptAll{}, &pool, &rescored));
    report(state, width + 8);
    state.counters["rescored %"] = 100.0 * static_cast<double>(rescored) / static_cast<double>(count);
}

void floats(benchmark::State& state) {
    const Index count = state.range(0), width = state.range(1);
    const Vectors items(count * width, 1), query(width, 2);
    ThreadPool pool(static_cast<int>(state.range(2)));
    for (auto _ : state)
        benchmark::DoNotOptimize(top_k_scan(query.data(), items.data(), count, width, best, AcceptAll{}, &pool));
    report(state, 4 * width);
}

void sizes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"N", "D", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
    b->Args({1000000, 64, 1})->Args({1000000, 64, 2})->Args({100000, 64, 1})->Args({12102, 64, 1});
}

}  // namespace

BENCHMARK(quantized)->Name("quantized_items<int8>")->Apply(sizes);
BENCHMARK(floats)->Name("quantized_items<top_k_scan>")->Apply(sizes);
