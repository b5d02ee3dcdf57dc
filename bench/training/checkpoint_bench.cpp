// What a checkpoint costs: a model of 10 million parameters, 40 MB, and all that its training by Adam depends on, 120
// MB, as Checkpoint writes them after an epoch, beside a plain file of as many bytes; both are written out to the disk.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include <benchmark/benchmark.h>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/checkpoint.hpp>
#include <deeprec/training/fit.hpp>

using namespace deeprec;

namespace {

const std::filesystem::path folder =
    std::filesystem::temp_directory_path() / ("deeprec-bench-" + std::to_string(getpid()));
constexpr std::int64_t bytes = 4 * 4 * 10'000'000;

/// Epochs of one step, with a checkpoint of the training's state after each or without.
void epochs(benchmark::State& state) {
    const bool saves = state.range(0) != 0;
    Sequential model{Embedding{100'000, 100}, Flatten{}, Dense{1, sigmoid}};
    model.build({1}, Seed{1});
    Tensor<std::int32_t, 2> x(32, 1);
    Tensor<float, 2> y(32, 1);
    x.setZero(), y.setZero();
    const TensorDataset data{x, y};
    Adam adam;
    fit(model, data, BinaryCrossEntropy{}, adam, {.threads = 1});  // makes the averages
    for (auto _ : state)
        if (saves)
            fit(model, data, BinaryCrossEntropy{}, adam, {.threads = 1},
                Checkpoint{.directory = folder.string(), .monitor = "loss", .save_best_only = true});
        else
            fit(model, data, BinaryCrossEntropy{}, adam, {.threads = 1});
    if (saves) state.SetBytesProcessed(state.iterations() * bytes);
    std::filesystem::remove_all(folder);
}
void plain_file(benchmark::State& state) {
    std::filesystem::create_directories(folder);
    const std::vector<char> some(static_cast<std::size_t>(bytes), 'x');
    for (auto _ : state) {
        std::FILE* const out = std::fopen((folder / "plain").c_str(), "wb");
        std::fwrite(some.data(), 1, some.size(), out);
        std::fflush(out);
        fsync(fileno(out));
        std::fclose(out);
    }
    state.SetBytesProcessed(state.iterations() * bytes);
    std::filesystem::remove_all(folder);
}
BENCHMARK(epochs)->Unit(benchmark::kMillisecond)->ArgName("checkpoint")->Arg(0)->Arg(1)->UseRealTime();
BENCHMARK(plain_file)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
