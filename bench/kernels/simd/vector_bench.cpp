// Sums and products of vectors beside Eigen and the scalar twins: GB/s of what is read and written. add_tree is the sum
// of eight gradients into the first; sum_rows/R:rows/N:columns the gradient of a bias.
#include "support/beside.hpp"

#include <array>

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/vector.hpp>

using namespace deeprec;
using bench::ArrayMap, bench::Who;

namespace {

template <Who who>
void add_tree(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers numbers(8 * n, 1e-30);
    std::array<float*, 8> x;
    for (Index s = 0; s < 8; ++s) x[static_cast<std::size_t>(s)] = numbers.data() + s * n;
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::add_tree<float>(x.data(), 8, 0, n);
        if constexpr (who == Who::reference) kernels::reference::add_tree<float>(x.data(), 8, 0, n);
        if constexpr (who == Who::eigen) {
            const auto part = [&](std::size_t s) { return ArrayMap(x[s], n); };
            part(0) = ((part(0) + part(1)) + (part(2) + part(3))) + ((part(4) + part(5)) + (part(6) + part(7)));
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 9 * n);
}

template <Who who>
void axpy(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers x(n), y(n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::axpy(1e-30f, x.data(), y.data(), n);
        if constexpr (who == Who::eigen) ArrayMap(y.data(), n) += 1e-30f * ArrayMap(x.data(), n);
        if constexpr (who == Who::reference) kernels::reference::axpy(1e-30f, x.data(), y.data(), n);
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 3 * n);
}

template <Who who>
void dot(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers x(n), y(n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) benchmark::DoNotOptimize(kernels::dot(x.data(), y.data(), n));
        if constexpr (who == Who::eigen)
            benchmark::DoNotOptimize(ArrayMap(x.data(), n).matrix().dot(ArrayMap(y.data(), n).matrix()));
        if constexpr (who == Who::reference) benchmark::DoNotOptimize(kernels::reference::dot(x.data(), y.data(), n));
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * n);
}

template <Who who>
void sum_rows(benchmark::State& state) {
    const Index rows = state.range(0), n = state.range(1);
    bench::RandomNumbers x(rows * n, 1e-30), y(n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::sum_rows(x.data(), rows, n, n, y.data());
        if constexpr (who == Who::eigen)
            bench::RowMap(y.data(), n) += bench::MatrixMap(x.data(), rows, n).colwise().sum();
        if constexpr (who == Who::reference) kernels::reference::sum_rows(x.data(), rows, n, n, y.data());
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, rows * n);
}

const bench::Sizes eight{{"N"}, {{1 << 14}, {1 << 17}}}, vectors{{"N"}, {{64}, {4096}, {1000000}}},
    matrices{{"R", "N"}, {{256, 100}, {12800, 512}}};
const bool registered =
    bench::beside("add_tree", eight, add_tree<Who::deeprec>, add_tree<Who::eigen>, add_tree<Who::reference>) &&
    bench::beside("axpy", vectors, axpy<Who::deeprec>, axpy<Who::eigen>, axpy<Who::reference>) &&
    bench::beside("dot", vectors, dot<Who::deeprec>, dot<Who::eigen>, dot<Who::reference>) &&
    bench::beside("sum_rows", matrices, sum_rows<Who::deeprec>, sum_rows<Who::eigen>, sum_rows<Who::reference>);

}  // namespace
