// Dense layers of the article's heads: dense/B:batch/F:inputs/U:units. 704 is a flattened CNN tower of 50 steps, 1408 two.
#include <deeprec/layers/dense.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

double flops(const benchmark::State& state) {
    return 2.0 * static_cast<double>(state.range(0)) * static_cast<double>(state.range(1)) * static_cast<double>(state.range(2));
}
void dense_forward(benchmark::State& state) {
    const auto x = bench::random_input<float, 2>({state.range(0), state.range(1)});
    bench::forward(state, Dense{state.range(2), relu}, {state.range(1)}, x, flops(state));
}
void dense_forward_backward(benchmark::State& state) {
    const auto x = bench::random_input<float, 2>({state.range(0), state.range(1)});
    bench::forward_backward(state, Dense{state.range(2), relu}, {state.range(1)}, x, flops(state));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "F", "U"})->Args({256, 704, 100})->Args({256, 1408, 100})->Args({256, 100, 1})->Args({1, 704, 100});
}

}  // namespace

BENCHMARK(dense_forward)->Apply(shapes);
BENCHMARK(dense_forward_backward)->Apply(shapes);
