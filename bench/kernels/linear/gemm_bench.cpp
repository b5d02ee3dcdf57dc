// Matrix products beside Eigen and the scalar twin: GFLOP/s and the share of the FMA peak measured at start-up.
// gemm<who>/M:rows/N:columns/K:depth is C[M, N] = A[M, K] B[K, N]; gemm_tn<who> is C[K, N] += A[M, K]^T B[M, N];
// windows<who> reads M rows of 3 steps x K/3 features from [batch, 50, K/3], bias and ReLU included.
#include "support/beside.hpp"

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using bench::MatrixMap, bench::Who;
using kernels::Rows;

namespace {

using Data = bench::RandomNumbers;

double flops(Index m, Index n, Index k) { return 2.0 * static_cast<double>(m * n * k); }

template <Who who>
void gemm(benchmark::State& state) {
    const Index m = state.range(0), n = state.range(1), k = state.range(2);
    Data a(m * k), b(k * n), c(m * n), packed(kernels::packed_size<float>(k, n));
    kernels::pack(b.data(), n, k, n, packed.data());
    const auto rows = kernels::matrix_rows<float>(a.data(), m, k, k);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gemm(rows, packed.data(), n, c.data(), n);
        if constexpr (who == Who::eigen)
            MatrixMap(c.data(), m, n).noalias() = MatrixMap(a.data(), m, k) * MatrixMap(b.data(), k, n);
        if constexpr (who == Who::reference) kernels::reference::gemm(rows, b.data(), n, c.data(), n);
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(m, n, k));
}

template <Who who>
void windows(benchmark::State& state) {
    constexpr Index time = 50, steps = time - 2;
    const Index m = state.range(0), n = state.range(1), k = state.range(2), features = k / 3;
    Data x(m / steps * time * features), b(k * n), bias(n), c(m * n), packed(kernels::packed_size<float>(k, n));
    kernels::pack(b.data(), n, k, n, packed.data());
    const Rows<float> rows{x.data(), m, steps, time * features, features, 1, k, 0};
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::gemm(rows, packed.data(), n, c.data(), n, {.bias = bias.data(), .activation = relu});
        if constexpr (who == Who::eigen)
            for (Index r = 0; r < m; r += steps) {
                using Strided = Eigen::Map<const bench::Matrix, 0, Eigen::OuterStride<>>;
                MatrixMap y(c.data() + r * n, steps, n);
                y.noalias() =
                    Strided(rows.row(r), steps, k, Eigen::OuterStride<>(features)) * MatrixMap(b.data(), k, n);
                y = (y.rowwise() + bench::RowMap(bias.data(), n)).cwiseMax(0.f).eval();
            }
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(m, n, k));
}

template <Who who>
void gemm_tn(benchmark::State& state) {
    const Index m = state.range(0), n = state.range(1), k = state.range(2);
    Data a(m * k), b(m * n), c(k * n);
    const auto rows = kernels::matrix_rows<float>(a.data(), m, k, k);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gemm_tn(rows, b.data(), n, n, c.data(), n);
        if constexpr (who == Who::eigen)
            MatrixMap(c.data(), k, n).noalias() += MatrixMap(a.data(), m, k).transpose() * MatrixMap(b.data(), m, n);
        if constexpr (who == Who::reference) kernels::reference::gemm_tn(rows, b.data(), n, n, c.data(), n);
        benchmark::DoNotOptimize(c.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(m, n, k));
}

const bench::Sizes shapes{{"M", "N", "K"},
                          {{1, 512, 128},
                           {2, 512, 128},
                           {8, 512, 128},
                           {32, 512, 128},
                           {256, 512, 128},  // LSTM steps
                           {1, 100, 704},
                           {32, 100, 704},
                           {256, 100, 704},  // Dense(100)
                           {12288, 64, 192},
                           {32, 1024, 1024},
                           {256, 1024, 1024}}},
    small_shapes{{"M", "N", "K"}, {{32, 512, 128}, {256, 100, 704}}},  // the twins are slow
    window_shapes{{"M", "N", "K"}, {{48, 64, 192}, {1536, 64, 192}, {12288, 64, 192}}},
    tn_shapes{{"M", "N", "K"},
              {{12288, 64, 192}, {12800, 512, 128}, {12800, 512, 64}, {256, 100, 704}, {256, 1024, 1024}}};
const bool registered = bench::beside("gemm", shapes, gemm<Who::deeprec>, gemm<Who::eigen>, nullptr) &&
                        bench::beside("gemm", small_shapes, nullptr, nullptr, gemm<Who::reference>) &&
                        bench::beside("windows", window_shapes, windows<Who::deeprec>, windows<Who::eigen>, nullptr) &&
                        bench::beside("gemm_tn", tn_shapes, gemm_tn<Who::deeprec>, gemm_tn<Who::eigen>, nullptr) &&
                        bench::beside("gemm_tn", small_shapes, nullptr, nullptr, gemm_tn<Who::reference>);

}  // namespace
