// Transposition beside Eigen and the scalar twin: transpose<who>/R:rows/N:columns.
#include "support/beside.hpp"

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/transpose.hpp>

using namespace deeprec;
using bench::MatrixMap, bench::Who;

namespace {

template <Who who>
void transpose(benchmark::State& state) {
    const Index rows = state.range(0), n = state.range(1);
    bench::RandomNumbers x(rows * n), y(rows * n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::transpose(x.data(), n, rows, n, y.data(), rows);
        if constexpr (who == Who::eigen) MatrixMap(y.data(), n, rows) = MatrixMap(x.data(), rows, n).transpose();
        if constexpr (who == Who::reference) kernels::reference::transpose(x.data(), n, rows, n, y.data(), rows);
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * rows * n);
}

const bench::Sizes sizes{{"R", "N"}, {{64, 64}, {704, 100}, {1024, 1024}}};
const bool registered =
    bench::beside("transpose", sizes, transpose<Who::deeprec>, transpose<Who::eigen>, transpose<Who::reference>);

}  // namespace
