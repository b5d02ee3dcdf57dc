// Matrix products beside Eigen and the scalar twin: GFLOP/s and the share of the FMA peak measured at start-up.
// gemm<who>/M:rows/N:columns/K:depth is C[M, N] = A[M, K] B[K, N]; gemm_tn<who> is C[K, N] += A[M, K]^T B[M, N];
// windows<who> reads M rows of 3 steps x K/3 features from [batch, 50, K/3], bias and ReLU included.
#include "support/peak.hpp"
#include "support/random_numbers.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include <Eigen/Core>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/gemm.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using kernels::Rows;

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<Matrix>;
using ConstMap = Eigen::Map<const Matrix>;
enum class Who { deeprec, eigen, reference };

using Data = bench::RandomNumbers;

void report(benchmark::State& state, Index m, Index n, Index k) {
    static const double peak = bench::peak_gflops<float>();
    const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    const double total = flops * static_cast<double>(state.iterations()) * 1e-9;
    state.counters["GFLOP/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
    state.counters["%peak"] = benchmark::Counter(100 * total / peak, benchmark::Counter::kIsRate);
}

template <Who who>
void gemm(benchmark::State& state) {
    const Index m = state.range(0), n = state.range(1), k = state.range(2);
    Data a(m * k), b(k * n), c(m * n), packed(kernels::packed_size<float>(k, n));
    kernels::pack(b.data(), n, k, n, packed.data());
    const auto rows = kernels::matrix_rows<float>(a.data(), m, k, k);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gemm(rows, packed.data(), n, c.data(), n);
        if constexpr (who == Who::eigen)
            Map(c.data(), m, n).noalias() = ConstMap(a.data(), m, k) * ConstMap(b.data(), k, n);
        if constexpr (who == Who::reference) kernels::reference::gemm(rows, b.data(), n, c.data(), n);
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    report(state, m, n, k);
}

template <Who who>
void windows(benchmark::State& state) {
    constexpr Index time = 50, steps = time - 2;
    const Index m = state.range(0), n = state.range(1), k = state.range(2), features = k / 3;
    Data x(m / steps * time * features), b(k * n), bias(n), c(m * n), packed(kernels::packed_size<float>(k, n));
    kernels::pack(b.data(), n, k, n, packed.data());
    const Rows<float> rows{x.data(), m, steps, time * features, features, 1, k, 0};
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gemm(rows, packed.data(), n, c.data(), n, bias.data(), relu);
        if constexpr (who == Who::eigen)
            for (Index r = 0; r < m; r += steps) {
                using Strided = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
                Map y(c.data() + r * n, steps, n);
                y.noalias() = Strided(rows.row(r), steps, k, Eigen::OuterStride<>(features)) * ConstMap(b.data(), k, n);
                y = (y.rowwise() + Eigen::Map<Eigen::RowVectorXf>(bias.data(), n)).cwiseMax(0.f).eval();
            }
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    report(state, m, n, k);
}

template <Who who>
void gemm_tn(benchmark::State& state) {
    const Index m = state.range(0), n = state.range(1), k = state.range(2);
    Data a(m * k), b(m * n), c(k * n);
    const auto rows = kernels::matrix_rows<float>(a.data(), m, k, k);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gemm_tn(rows, b.data(), n, n, c.data(), n);
        if constexpr (who == Who::eigen)
            Map(c.data(), k, n).noalias() += ConstMap(a.data(), m, k).transpose() * ConstMap(b.data(), m, n);
        if constexpr (who == Who::reference) kernels::reference::gemm_tn(rows, b.data(), n, n, c.data(), n);
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    report(state, m, n, k);
}

void gemm_shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "N", "K"});
    for (const auto& s : std::vector<std::vector<std::int64_t>>{{1, 512, 128},
                                                                {2, 512, 128},
                                                                {8, 512, 128},
                                                                {32, 512, 128},
                                                                {256, 512, 128},  // LSTM steps
                                                                {1, 100, 704},
                                                                {32, 100, 704},
                                                                {256, 100, 704},  // Dense(100)
                                                                {12288, 64, 192},
                                                                {32, 1024, 1024},
                                                                {256, 1024, 1024}})
        b->Args(s);
}
void small_shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "N", "K"})->Args({32, 512, 128})->Args({256, 100, 704});
}
void window_shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "N", "K"})->Args({48, 64, 192})->Args({1536, 64, 192})->Args({12288, 64, 192});
}
void tn_shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "N", "K"});
    for (const auto& s : std::vector<std::vector<std::int64_t>>{
             {12288, 64, 192}, {12800, 512, 128}, {12800, 512, 64}, {256, 100, 704}, {256, 1024, 1024}})
        b->Args(s);
}

}  // namespace

BENCHMARK(gemm<Who::deeprec>)->Name("gemm<deeprec>")->Apply(gemm_shapes);
BENCHMARK(gemm<Who::eigen>)->Name("gemm<eigen>")->Apply(gemm_shapes);
BENCHMARK(gemm<Who::reference>)->Name("gemm<reference>")->Apply(small_shapes);
BENCHMARK(windows<Who::deeprec>)->Name("windows<deeprec>")->Apply(window_shapes);
BENCHMARK(windows<Who::eigen>)->Name("windows<eigen>")->Apply(window_shapes);
BENCHMARK(gemm_tn<Who::deeprec>)->Name("gemm_tn<deeprec>")->Apply(tn_shapes);
BENCHMARK(gemm_tn<Who::eigen>)->Name("gemm_tn<eigen>")->Apply(tn_shapes);
BENCHMARK(gemm_tn<Who::reference>)->Name("gemm_tn<reference>")->Apply(small_shapes);
