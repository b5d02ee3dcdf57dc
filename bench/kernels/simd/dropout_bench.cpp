// Dropout's product beside Eigen and a plain loop, and the draw of its multipliers: multiply<who>/N:numbers,
// draw_multipliers<deeprec>.
#include "support/beside.hpp"

#include <deeprec/kernels/simd/dropout.hpp>

using namespace deeprec;
using bench::ArrayMap, bench::Who;

namespace {

template <Who who>
void multiply(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers a(n), b(n), y(n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::multiply(a.data(), b.data(), y.data(), n);
        if constexpr (who == Who::eigen) ArrayMap(y.data(), n) = ArrayMap(a.data(), n) * ArrayMap(b.data(), n);
        if constexpr (who == Who::reference)
            for (Index i = 0; i < n; ++i) y.data()[i] = a.data()[i] * b.data()[i];
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 3 * n);
}

void draw_multipliers(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers m(n);
    for (auto _ : state) {
        kernels::draw_multipliers(Seed{1}, 0, 1, n, 0.5, 2.f, m.data());
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, n);
}

const bench::Sizes sizes{{"N"}, {{4096}, {1000000}}};
const bool registered =
    bench::beside("multiply", sizes, multiply<Who::deeprec>, multiply<Who::eigen>, multiply<Who::reference>) &&
    bench::beside("draw_multipliers", sizes, draw_multipliers, nullptr, nullptr);

}  // namespace
