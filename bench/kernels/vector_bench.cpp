// The sum of eight gradients into the first: in one pass (tree), Eigen's expression, and the scalar twin. Bytes count
// each gradient read once and the sum written once.
#include "support/random_numbers.hpp"

#include <array>

#include <benchmark/benchmark.h>

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/vector.hpp>

using namespace deeprec;

namespace {

enum class Who { tree, eigen, reference };

template <Who who>
void add_eight(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers numbers(8 * n, 1e-30);
    std::array<float*, 8> x;
    for (Index s = 0; s < 8; ++s) x[static_cast<std::size_t>(s)] = numbers.data() + s * n;
    for (auto _ : state) {
        if constexpr (who == Who::tree) {
            kernels::add_tree<float>(x.data(), 8, 0, n);
        } else if constexpr (who == Who::reference) {
            kernels::reference::add_tree<float>(x.data(), 8, 0, n);
        } else {
            const auto part = [&](std::size_t s) { return Eigen::Map<Eigen::ArrayXf>(x[s], n); };
            part(0) = ((part(0) + part(1)) + (part(2) + part(3))) + ((part(4) + part(5)) + (part(6) + part(7)));
        }
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * 9 * n * static_cast<std::int64_t>(sizeof(float)));
}

BENCHMARK(add_eight<Who::tree>)->Name("add_tree<deeprec>")->Arg(1 << 14)->Arg(1 << 17);
BENCHMARK(add_eight<Who::eigen>)->Name("add_tree<eigen>")->Arg(1 << 14)->Arg(1 << 17);
BENCHMARK(add_eight<Who::reference>)->Name("add_tree<reference>")->Arg(1 << 14)->Arg(1 << 17);

}  // namespace
