// The LSTM of the article's RNN towers: lstm/B:batch/T:steps/F:features/U:units, every step returned.
#include <deeprec/layers/lstm.hpp>

#include "support/layer_bench.hpp"

using namespace deeprec;

namespace {

double flops(const benchmark::State& state) {
    const auto steps = static_cast<double>(state.range(0) * state.range(1));
    return 2 * steps * static_cast<double>((state.range(2) + state.range(3)) * 4 * state.range(3));
}
Tensor<float, 3> input(const benchmark::State& state) {
    return bench::random_input<float, 3>({state.range(0), state.range(1), state.range(2)});
}
auto layer(const benchmark::State& state) { return LSTM{state.range(3), return_sequences}; }
void lstm_forward(benchmark::State& state) {
    bench::forward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void lstm_forward_backward(benchmark::State& state) {
    bench::forward_backward(state, layer(state), {state.range(1), state.range(2)}, input(state), flops(state));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F", "U"})->Args({256, 50, 64, 128})->Args({32, 50, 64, 128})->Args({1, 50, 64, 128});
}

}  // namespace

BENCHMARK(lstm_forward)->Apply(shapes);
BENCHMARK(lstm_forward_backward)->Apply(shapes);
