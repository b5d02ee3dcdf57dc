// Odd and small batches on one and two threads: the gradient of a batch by a Trainer, and outputs by a Predictor, of
// the tutorial's CNN and RNN over 50 steps of 64 features, and of a small MLP that no second thread should slow down.
// Two threads over one want a machine that does nothing else; --benchmark_repetitions=20 and the least are fairer.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <deeprec/data/batch.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/trainer.hpp>

#include "support/random_numbers.hpp"

namespace {
using namespace deeprec;

constexpr Index steps = 50, features = 64;

template <class Model>
Model built(Model model, const Shape& sample) {
    model.build(sample, Seed{1});
    return model;
}
auto cnn() {
    return built(Sequential{Conv1D{64, 3, relu}, MaxPool1D{2}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{},
                            Dense{100, relu}, Dense{1, sigmoid}},
                 {steps, features});
}
auto rnn() {
    return built(Sequential{LSTM{128, return_sequences}, LSTM{128}, Dense{100, relu}, Dense{1, sigmoid}},
                 {steps, features});
}
auto mlp() { return built(Sequential{Dense{64, relu}, Dense{1, sigmoid}}, {features}); }

template <int Rank>
View<const float, Rank> view_of(const float* numbers, Index samples) {
    if constexpr (Rank == 3)
        return {numbers, {samples, steps, features}};
    else
        return {numbers, {samples, features}};
}

// Arguments: samples, threads.
template <int Rank, class Model>
void step(benchmark::State& state, const Model& model) {
    const Index samples = state.range(0);
    const bench::RandomNumbers numbers(samples * steps * features);
    const auto x = view_of<Rank>(numbers.data(), samples);
    std::vector<float> labels;
    for (Index i = 0; i < samples; ++i) labels.push_back(static_cast<float>(i % 2));
    const Batch<View<const float, Rank>, float> batch{x, {labels.data(), {samples, 1}}};
    ThreadPool pool(static_cast<int>(state.range(1)));
    Trainer<Model, BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    trainer.gradient(model, batch, Seed{1});  // makes the caches: their first touch costs as much as several steps
    for (auto _ : state) benchmark::DoNotOptimize(trainer.gradient(model, batch, Seed{1}).sum);
}
template <int Rank, class Model>
void outputs(benchmark::State& state, const Model& model) {
    const Index samples = state.range(0);
    const bench::RandomNumbers numbers(samples * steps * features);
    const auto x = view_of<Rank>(numbers.data(), samples);
    Predictor<Model> predictor(model, {.threads = static_cast<int>(state.range(1))});
    predictor.views(x);
    for (auto _ : state) benchmark::DoNotOptimize(predictor.views(x).data());
}

// `predict` and `evaluate` with a Predictor that is kept, and `predict` with a new one, over the bare forward passes,
// of one thread, the least of each: what is beside the passes.
void in_a_row(benchmark::State& state) {
    const auto model = cnn();
    const Index samples = state.range(0), slice = 32;
    const bench::RandomNumbers numbers(samples * steps * features);
    const auto x = view_of<3>(numbers.data(), samples);
    Tensor<float, 2> labels(samples, 1);
    for (Index i = 0; i < samples; ++i) labels(i, 0) = static_cast<float>(i % 2);
    const TensorDataset data{Tensor<float, 3>(x), labels};
    std::decay_t<decltype(model)>::Cache cache;
    Predictor predictor{model, {.threads = 1}};
    const auto bare = [&] {
        for (Index begin = 0; begin < samples; begin += slice)
            benchmark::DoNotOptimize(model.forward(x.slice(begin, std::min(samples, begin + slice)), cache).data());
    };
    const auto seconds = [](auto&& f) {
        const std::clock_t start = std::clock();  // the CPU's: other jobs do not count
        f();
        return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    };
    double least[] = {1e9, 1e9, 1e9, 1e9};
    for (auto _ : state) {
        const double now[] = {seconds(bare), seconds([&] { predict(predictor, x); }),
                              seconds([&] { evaluate(predictor, data, LogLoss{}); }),
                              seconds([&] { predict(model, x, {.threads = 1}); })};
        for (std::size_t i = 0; i < 4; ++i) least[i] = std::min(least[i], now[i]);
    }
    state.counters["bare_us"] = 1e6 * least[0];
    state.counters["predict"] = least[1] / least[0];
    state.counters["evaluate"] = least[2] / least[0];
    state.counters["new_predictor"] = least[3] / least[0];
}

void training_cnn(benchmark::State& state) { step<3>(state, cnn()); }
void training_rnn(benchmark::State& state) { step<3>(state, rnn()); }
void training_mlp(benchmark::State& state) { step<2>(state, mlp()); }
void predict_cnn(benchmark::State& state) { outputs<3>(state, cnn()); }
void predict_rnn(benchmark::State& state) { outputs<3>(state, rnn()); }
void predict_mlp(benchmark::State& state) { outputs<2>(state, mlp()); }

void sizes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"samples", "threads"})->ArgsProduct({{2, 4, 8, 16, 31, 32, 65, 100}, {1, 2}});
    b->Unit(benchmark::kMicrosecond)->UseRealTime();
}
BENCHMARK(training_cnn)->Apply(sizes);
BENCHMARK(training_rnn)->Apply(sizes);
BENCHMARK(training_mlp)->Apply(sizes);
BENCHMARK(predict_cnn)->Apply(sizes);
BENCHMARK(predict_rnn)->Apply(sizes);
BENCHMARK(predict_mlp)->Apply(sizes);
BENCHMARK(in_a_row)->ArgName("samples")->Arg(32)->Arg(256)->Arg(1024)->Arg(4096)->Unit(benchmark::kMicrosecond);

}  // namespace
