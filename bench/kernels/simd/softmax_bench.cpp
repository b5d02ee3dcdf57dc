// Softmax of rows and its gradient beside Eigen and the scalar twins: softmax<who>/R:rows/N:numbers a row.
#include "support/beside.hpp"

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

using namespace deeprec;
using bench::MatrixMap, bench::Who;

namespace {

template <Who who>
void forward(benchmark::State& state) {
    const Index rows = state.range(0), n = state.range(1);
    bench::RandomNumbers x(rows * n, 4), y(rows * n);
    for (auto _ : state) {
        if constexpr (who == Who::eigen) {
            const auto from = MatrixMap(x.data(), rows, n);
            auto to = MatrixMap(y.data(), rows, n);
            for (Index r = 0; r < rows; ++r) {
                to.row(r) = (from.row(r).array() - from.row(r).maxCoeff()).exp();
                to.row(r) *= 1 / to.row(r).sum();
            }
        } else {
            for (Index r = 0; r < rows; ++r)
                if constexpr (who == Who::deeprec)
                    softmax.row(x.data() + r * n, y.data() + r * n, n);
                else
                    kernels::reference::softmax_row(x.data() + r * n, y.data() + r * n, n);
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * rows * n);
}

template <Who who>
void backward(benchmark::State& state) {
    const Index rows = state.range(0), n = state.range(1);
    bench::RandomNumbers dy(rows * n), y(rows * n), dx(rows * n);
    for (auto _ : state) {
        for (Index r = 0; r < rows; ++r) {
            const Index at = r * n;
            if constexpr (who == Who::deeprec) softmax.row_backward(dy.data() + at, y.data() + at, dx.data() + at, n);
            if constexpr (who == Who::reference)
                kernels::reference::softmax_row_backward(dy.data() + at, y.data() + at, dx.data() + at, n);
            if constexpr (who == Who::eigen) {
                const bench::RowMap d(dy.data() + at, n), p(y.data() + at, n);
                bench::RowMap(dx.data() + at, n) = p.array() * (d.array() - d.dot(p));
            }
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 3 * rows * n);
}

const bench::Sizes sizes{{"R", "N"}, {{50, 50}, {256, 100}, {1000, 1000}}};
const bool registered =
    bench::beside("softmax", sizes, forward<Who::deeprec>, forward<Who::eigen>, forward<Who::reference>) &&
    bench::beside("softmax_backward", sizes, backward<Who::deeprec>, backward<Who::eigen>, backward<Who::reference>);

}  // namespace
