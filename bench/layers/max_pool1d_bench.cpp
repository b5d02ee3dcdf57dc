// Poolings of the article's towers, 2 steps: max_pool1d/B:batch/T:steps/F:features.
#include <deeprec/layers/max_pool1d.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

auto input(const benchmark::State& state) {
    return bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
}
void max_pool1d_forward(benchmark::State& state) {
    bench::forward(state, MaxPool1D{2}, {state.range(1), state.range(2)}, input(state), 0);
}
void max_pool1d_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, MaxPool1D{2}, {state.range(1), state.range(2)}, input(state), 0);
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F"})->Args({256, 48, 64})->Args({256, 22, 64})->Args({1, 48, 64});
}

}  // namespace

BENCHMARK(max_pool1d_forward)->Apply(shapes);
BENCHMARK(max_pool1d_forward_backward)->Apply(shapes);
