// Convolution of B sequences of T steps x F features with three taps, U filters, bias and ReLU included: four products
// for two steps (winograd), the windows as one product (windows, kernels/gemm.hpp) and the scalar twin. GFLOP/s and the
// share of the FMA peak count six products for two steps, so winograd may exceed 100 %.
#include "support/peak.hpp"

#include <benchmark/benchmark.h>

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/reference_winograd.hpp>
#include <deeprec/kernels/winograd.hpp>

using namespace deeprec;

namespace {

enum class Who { winograd, windows, reference };

float* random_numbers(Buffer<float>& buffer, Index n) {
    const RandomStream random(Seed{1});
    float* const x = buffer.need(n);
    for (Index i = 0; i < n; ++i) x[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -1.0, 1.0));
    return x;
}

template <Who who>
void three_taps(benchmark::State& state) {
    const Index batch = state.range(0), time = state.range(1), features = state.range(2), filters = state.range(3);
    const kernels::ThreeTaps s{batch, time - 2, features, filters, 1};
    Buffer<float> x_buffer, kernel_buffer, bias_buffer, y_buffer, windows_buffer, packed_buffer, workspace;
    const float* const x = random_numbers(x_buffer, batch * time * features);
    const float* const kernel = random_numbers(kernel_buffer, 3 * features * filters);
    const float* const bias = random_numbers(bias_buffer, filters);
    float* const y = y_buffer.need(batch * s.steps * filters);
    float* const windows = windows_buffer.need(kernels::packed_size<float>(3 * features, filters));
    float* const packed = packed_buffer.need(kernels::winograd_packed_size<float>(features, filters));
    kernels::pack(kernel, filters, 3 * features, filters, windows);
    kernels::winograd_pack(kernel, features, filters, packed);
    const kernels::Rows<float> rows{x, batch * s.steps, s.steps, time * features, features, 1, 3 * features, 0};
    for (auto _ : state) {
        if constexpr (who == Who::winograd)
            kernels::winograd_convolution(s, x, packed, y, bias, relu, nullptr, workspace);
        if constexpr (who == Who::windows) kernels::gemm(rows, windows, filters, y, filters, bias, relu);
        if constexpr (who == Who::reference)
            kernels::reference::winograd_convolution(s, x, kernel, y, bias, relu, nullptr);
        benchmark::DoNotOptimize(y);
        benchmark::ClobberMemory();
    }
    static const double peak = bench::peak_gflops<float>();
    const double total = 6.0 * static_cast<double>(batch * s.steps * features * filters) *
                         static_cast<double>(state.iterations()) * 1e-9;
    state.counters["GFLOP/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
    state.counters["%peak"] = benchmark::Counter(100 * total / peak, benchmark::Counter::kIsRate);
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F", "U"});
    for (const Index width : {16, 32, 64, 128}) b->Args({32, 50, width, width});
    b->Args({1, 50, 64, 64})->Args({1, 24, 64, 64})->Args({256, 50, 64, 64});
}

}  // namespace

BENCHMARK(three_taps<Who::winograd>)->Name("winograd")->Apply(shapes);
BENCHMARK(three_taps<Who::windows>)->Name("winograd_windows")->Apply(shapes);
BENCHMARK(three_taps<Who::reference>)->Name("winograd_reference")->Args({32, 50, 64, 64});
