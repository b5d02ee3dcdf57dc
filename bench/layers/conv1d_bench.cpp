// Convolutions of the article's towers, 64 filters of 3 steps: conv1d/B:batch/T:steps/F:features.
#include <deeprec/layers/conv1d.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

constexpr Index filters = 64, kernel_size = 3;

double flops(const benchmark::State& state) {
    return 2.0 * static_cast<double>(state.range(0) * (state.range(1) - kernel_size + 1) * kernel_size * state.range(2) * filters);
}
void conv1d_forward(benchmark::State& state) {
    const auto x = bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
    bench::forward(state, Conv1D{filters, kernel_size, relu}, {state.range(1), state.range(2)}, x, flops(state));
}
void conv1d_forward_backward(benchmark::State& state) {
    const auto x = bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
    bench::forward_backward(state, Conv1D{filters, kernel_size, relu}, {state.range(1), state.range(2)}, x, flops(state));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F"})->Args({256, 50, 64})->Args({256, 24, 64})->Args({256, 20, 64})->Args({1, 50, 64});
}

}  // namespace

BENCHMARK(conv1d_forward)->Apply(shapes);
BENCHMARK(conv1d_forward_backward)->Apply(shapes);
