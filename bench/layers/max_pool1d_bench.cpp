// Poolings of the article's towers, 2 steps: max_pool1d/B:batch/T:steps/F:features; the scalar twin beside the kernel.
#include <deeprec/layers/max_pool1d.hpp>

#include <deeprec/kernels/reference_pooling.hpp>

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
void max_pool1d_forward_reference(benchmark::State& state) {
    const auto x = input(state);
    const kernels::PoolWindows windows{state.range(0), state.range(1), state.range(2), state.range(1) / 2, 2, 2, 0};
    Buffer<float> y;
    y.need(windows.batch * windows.steps * windows.features);
    for (auto _ : state) {
        kernels::reference::max_pool(windows, x.data(), y.data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * windows.batch);
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F"})->Args({256, 48, 64})->Args({256, 22, 64})->Args({1, 48, 64});
}

}  // namespace

BENCHMARK(max_pool1d_forward)->Apply(shapes);
BENCHMARK(max_pool1d_forward_backward)->Apply(shapes);
BENCHMARK(max_pool1d_forward_reference)->Apply(shapes);
