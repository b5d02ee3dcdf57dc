// LSTM over 50 steps beside its scalar twin: GFLOP/s of the products, share of the FMA peak measured at start-up.
// lstm_forward<who>/B:sequences/F:features/U:units predicts; lstm_train<who> is the forward and the backward with all
// gradients; in_shards cuts the sequences into parts of 32 as `fit` does, so that what is saved stays in the caches;
// two_threads share one or two sequences, beside deeprec with one.
#include "support/beside.hpp"

#include <deeprec/kernels/recurrent/lstm.hpp>
#include <deeprec/kernels/reference/recurrent/lstm.hpp>

using namespace deeprec;

namespace {

constexpr Index steps = 50;
enum class Who { deeprec, in_shards, two_threads, reference };

using Data = bench::RandomNumbers;

template <Who who, bool train>
void lstm(benchmark::State& state) {
    const Index B = state.range(0), F = state.range(1), U = state.range(2);
    const Index part = who == Who::in_shards ? std::min<Index>(B, 32) : B;
    ThreadPool pool(who == Who::two_threads ? 2 : 1);
    const kernels::RecurrentPass pass{part, steps, F, U, true, false, nullptr, &pool};
    const double scale = 1 / std::sqrt(static_cast<double>(F + U));
    Data x(B * steps * F, 1), kernel(F * 4 * U, scale), recurrent(U * 4 * U, scale), bias(4 * U, 0.1);
    Data y(B * steps * U, 0), dy(B * steps * U, 1), dx(B * steps * F, 0);
    Data dkernel(F * 4 * U, 0), drecurrent(U * 4 * U, 0), dbias(4 * U, 0);
    Data packed(kernels::lstm_packed_size<float>(F, U), 0), saved(kernels::lstm_saved_size<float>(pass), 0);
    Data forward(kernels::lstm_forward_scratch_size<float>(pass), 0);
    Data backward(kernels::lstm_backward_scratch_size<float>(pass), 0);
    const kernels::RecurrentWeights<float> weights{kernel.data(), recurrent.data(), bias.data()};
    kernels::lstm_pack<float>(weights, F, U, packed.data());
    for (auto _ : state) {
        if (train && who != Who::reference)  // the weights change at each step
            kernels::lstm_pack<float>(weights, F, U, packed.data());
        for (Index b = 0; b < B; b += part) {
            const kernels::RecurrentInput<float> in{x.data() + b * steps * F};
            const kernels::RecurrentOutput<float> out{y.data() + b * steps * U};
            const kernels::RecurrentOutputGradient<float> up{dy.data() + b * steps * U};
            const kernels::RecurrentGradient<float> to{dkernel.data(), drecurrent.data(), dbias.data(),
                                                       dx.data() + b * steps * F};
            if constexpr (who == Who::reference) {
                const auto trace = kernels::reference::lstm_forward<Tanh, Sigmoid, float>(pass, weights, in, out);
                if (train) kernels::reference::lstm_backward<Tanh, Sigmoid, float>(pass, weights, in, trace, up, to);
            } else {
                kernels::lstm_forward<Tanh, Sigmoid, float>(pass, packed.data(), in, out,
                                                            train ? saved.data() : nullptr, forward.data());
                if (train)
                    kernels::lstm_backward<Tanh, Sigmoid, float>(pass, packed.data(), in, saved.data(), up, to,
                                                                 backward.data());
            }
        }
        benchmark::DoNotOptimize(y.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, (train ? 6.0 : 2.0) * static_cast<double>(B * steps * (F + U) * 4 * U));
}

void sizes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "F", "U"})->Unit(benchmark::kMillisecond);
    for (const Index batch : {1, 32, 256}) b->Args({batch, 64, 128});
    b->Args({256, 128, 128});
}
void small(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "F", "U"})->Unit(benchmark::kMillisecond)->Args({1, 64, 128})->Args({32, 64, 128});
}
void large(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "F", "U"})->Unit(benchmark::kMillisecond)->Args({256, 64, 128})->Args({256, 128, 128});
}

void few(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "F", "U"})->Unit(benchmark::kMillisecond)->UseRealTime();
    for (const Index units : {128, 256})
        for (const Index batch : {1, 2}) b->Args({batch, 64, units});
}

BENCHMARK(lstm<Who::deeprec, false>)->Name("lstm_forward<deeprec>")->Apply(sizes);
BENCHMARK(lstm<Who::deeprec, false>)->Name("lstm_forward<deeprec>")->Apply(few);
BENCHMARK(lstm<Who::two_threads, false>)->Name("lstm_forward<two_threads>")->Apply(few);
BENCHMARK(lstm<Who::reference, false>)->Name("lstm_forward<reference>")->Apply(small);
BENCHMARK(lstm<Who::deeprec, true>)->Name("lstm_train<deeprec>")->Apply(sizes);
BENCHMARK(lstm<Who::in_shards, true>)->Name("lstm_train<in_shards>")->Apply(large);
BENCHMARK(lstm<Who::reference, true>)->Name("lstm_train<reference>")->Apply(small);

}  // namespace
