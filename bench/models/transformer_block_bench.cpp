// A block of a sequence recommender with as many hidden units as features:
// transformer_block/B:batch/T:steps/F:features/H:heads.
#include <deeprec/models/transformer_block.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

/// Six products of F x F a step and the two of attention.
double flops(const benchmark::State& state) {
    const auto b = static_cast<double>(state.range(0)), t = static_cast<double>(state.range(1)),
               f = static_cast<double>(state.range(2));
    return 2 * b * t * f * (6 * f + 2 * t);
}
Tensor<float, 3> input(const benchmark::State& state) {
    return bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
}
auto layer(const benchmark::State& state) { return TransformerBlock{state.range(3), state.range(2)}; }
void transformer_block_forward(benchmark::State& state) {
    bench::forward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void transformer_block_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F", "H"})->Args({128, 50, 64, 2})->Args({1, 50, 64, 2})->Args({32, 200, 64, 2});
}

}  // namespace

BENCHMARK(transformer_block_forward)->Apply(shapes);
BENCHMARK(transformer_block_forward_backward)->Apply(shapes);
