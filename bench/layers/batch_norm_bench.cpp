// Normalisation over the batch of the steps of sequences: batch_norm/B:batch/T:steps/F:features.
#include <deeprec/layers/batch_norm.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

Tensor<float, 3> input(const benchmark::State& state) {
    return bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
}
void batch_norm_forward(benchmark::State& state) {
    bench::forward(state, BatchNorm{}, {state.range(1), state.range(2)}, input(state), 0);
}
void batch_norm_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, BatchNorm{}, {state.range(1), state.range(2)}, input(state), 0);
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F"})->Args({128, 50, 64})->Args({32, 50, 256});
}

}  // namespace

BENCHMARK(batch_norm_forward)->Apply(shapes);
BENCHMARK(batch_norm_forward_backward)->Apply(shapes);
