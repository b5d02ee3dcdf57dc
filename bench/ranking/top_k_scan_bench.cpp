// The best 100 of many items by inner product, beside Eigen's product with nth_element. GB/s of item vectors read.
#include "support/random_numbers.hpp"

#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include <Eigen/Core>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/ranking/top_k_scan.hpp>

using namespace deeprec;

namespace {

constexpr Index best = 100;

using Vectors = bench::RandomNumbers;

void report(benchmark::State& state) {
    const double bytes = static_cast<double>(state.range(0) * state.range(1)) * sizeof(float);
    state.counters["GB/s"] =
        benchmark::Counter(bytes * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void scan(benchmark::State& state) {
    const Index count = state.range(0), width = state.range(1);
    const Vectors items(count * width), query(width);
    ThreadPool pool(static_cast<int>(state.range(2)));
    for (auto _ : state)
        benchmark::DoNotOptimize(top_k_scan(query.data(), items.data(), count, width, best, AcceptAll{}, &pool));
    report(state);
}

void eigen(benchmark::State& state) {
    using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Index count = state.range(0), width = state.range(1);
    const Vectors items(count * width), query(width);
    Eigen::VectorXf scores(count);
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    for (auto _ : state) {
        scores.noalias() = Eigen::Map<const Matrix>(items.data(), count, width) *
                           Eigen::Map<const Eigen::VectorXf>(query.data(), width);
        std::iota(order.begin(), order.end(), 0);
        const auto better = [&](std::int32_t a, std::int32_t b) { return scores[a] > scores[b]; };
        std::nth_element(order.begin(), order.begin() + best, order.end(), better);
        std::sort(order.begin(), order.begin() + best, better);
        benchmark::DoNotOptimize(order.data());
    }
    report(state);
}

}  // namespace

BENCHMARK(scan)
    ->Name("top_k_scan<deeprec>")
    ->ArgNames({"N", "D", "threads"})
    ->Args({1000000, 64, 1})
    ->Args({1000000, 64, 2})
    ->Args({12102, 64, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(eigen)
    ->Name("top_k_scan<eigen>")
    ->ArgNames({"N", "D"})
    ->Args({1000000, 64})
    ->Args({12102, 64})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
