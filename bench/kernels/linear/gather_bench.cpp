// 20,000 rows of a table by uniform ids beside Eigen and a plain loop: gather_rows<who>/N:rows of the table/D:width.
#include "support/beside.hpp"

#include <algorithm>

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/linear/gather.hpp>

using namespace deeprec;
using bench::MatrixMap, bench::Who;

namespace {

template <Who who>
void gather_rows(benchmark::State& state) {
    constexpr Index count = 20000;
    const Index rows = state.range(0), width = state.range(1);
    bench::RandomNumbers table(rows * width), out(count * width);
    std::vector<std::int32_t> ids(count);
    const RandomStream random(Seed{2});
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = static_cast<std::int32_t>(random.below(i, static_cast<std::uint64_t>(rows)));
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::gather_rows(table.data(), width, ids.data(), count, out.data());
        if constexpr (who == Who::eigen)
            MatrixMap(out.data(), count, width) = MatrixMap(table.data(), rows, width)(ids, Eigen::all);
        if constexpr (who == Who::reference)
            for (Index i = 0; i < count; ++i)
                std::copy_n(table.data() + ids[static_cast<std::size_t>(i)] * width, width, out.data() + i * width);
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * count * width);
}

const bench::Sizes sizes{{"N", "D"}, {{20000, 64}, {1000000, 64}, {250000, 256}}};
const bool registered = bench::beside("gather_rows", sizes, gather_rows<Who::deeprec>, gather_rows<Who::eigen>,
                                      gather_rows<Who::reference>);

}  // namespace
