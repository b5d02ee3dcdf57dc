// Sums over the pairs of users and the candidates that blocks of them share, ReLU included, beside Eigen and the scalar
// twin: add_pairs<who>/B:users/G:candidates of a block/N:width, in blocks of 32.
#include "support/beside.hpp"

#include <deeprec/kernels/linear/pairs.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using bench::Who;

namespace {

template <Who who>
void add_pairs(benchmark::State& state) {
    constexpr Index block = 32;
    const Index users = state.range(0), candidates = state.range(1), n = state.range(2), pairs = users * candidates;
    bench::RandomNumbers a(users * n), c(users / block * candidates * n), y(pairs * n), z(pairs * n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::add_pairs({users, block, candidates, n}, a.data(), c.data(), y.data(), z.data(), relu);
        if constexpr (who == Who::reference)
            kernels::reference::add_pairs({users, block, candidates, n}, a.data(), c.data(), y.data(), z.data(), relu);
        if constexpr (who == Who::eigen)
            for (Index b = 0; b < users; ++b) {
                const Index at = b * candidates * n;
                bench::MatrixMap sum(z.data() + at, candidates, n);
                sum = bench::MatrixMap(c.data() + b / block * candidates * n, candidates, n).rowwise() +
                      bench::RowMap(a.data() + b * n, n);
                bench::MatrixMap(y.data() + at, candidates, n) = sum.cwiseMax(0.f);
            }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * pairs * n);
}

const bench::Sizes sizes{{"B", "G", "N"}, {{32, 32, 100}, {256, 64, 100}}};
const bool registered =
    bench::beside("add_pairs", sizes, add_pairs<Who::deeprec>, add_pairs<Who::eigen>, add_pairs<Who::reference>);

}  // namespace
