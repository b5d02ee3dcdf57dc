// Self-attention of sequence recommenders:
// multi_head_attention/B:batch/T:steps/F:features/H:heads.
#include <deeprec/layers/multi_head_attention.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

/// Four projections and the two products of attention.
double flops(const benchmark::State& state) {
    const auto b = static_cast<double>(state.range(0)), t = static_cast<double>(state.range(1)),
               f = static_cast<double>(state.range(2));
    return 2 * b * t * f * (4 * f + 2 * t);
}
Tensor<float, 3> input(const benchmark::State& state) {
    return bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
}
auto layer(const benchmark::State& state) {
    return MultiHeadAttention{state.range(3), state.range(2) / state.range(3)};
}
void multi_head_attention_forward(benchmark::State& state) {
    bench::forward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void multi_head_attention_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F", "H"})->Args({128, 50, 64, 2})->Args({1, 50, 64, 2})->Args({32, 200, 64, 2});
}

}  // namespace

BENCHMARK(multi_head_attention_forward)->Apply(shapes);
BENCHMARK(multi_head_attention_forward_backward)->Apply(shapes);
