// Behaviour sequences: embedding/B:batch/T:steps/N:rows of the table/D:width. Uniform ids, the same batch each time: the
// rows it uses stay in the caches.
#include <deeprec/layers/embedding.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

auto ids(const benchmark::State& state) {
    return bench::random_input<std::int32_t, 2>({state.range(0), state.range(1)}, static_cast<std::uint64_t>(state.range(2)));
}
void embedding_forward(benchmark::State& state) {
    bench::forward(state, Embedding{state.range(2), state.range(3), {.mask_zero = true}}, {state.range(1)}, ids(state), 0);
}
void embedding_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, Embedding{state.range(2), state.range(3), {.mask_zero = true}}, {state.range(1)}, ids(state), 0);
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "N", "D"})->Args({256, 50, 9000, 64})->Args({256, 50, 1000000, 64})->Args({1, 50, 9000, 64});
}

}  // namespace

BENCHMARK(embedding_forward)->Apply(shapes);
BENCHMARK(embedding_forward_backward)->Apply(shapes);
