// Poolings of windows of two steps beside the scalar twins, and the maxima beside Eigen:
// max_pool<who>/B:batch/T:steps/F:features.
#include "support/beside.hpp"

#include <deeprec/kernels/linear/pooling.hpp>
#include <deeprec/kernels/reference/linear/pooling.hpp>

using namespace deeprec;
using bench::Who;

namespace {

struct Data {
    explicit Data(const benchmark::State& state)
        : windows{state.range(0), state.range(1), state.range(2), state.range(1) / 2, 2, 2, 0},
          in(windows.batch * windows.time * windows.features),
          out(in / 2),
          x(in),
          dx(in),
          y(out),
          dy(out) {
        kernels::max_pool(windows, x.data(), y.data());
    }
    kernels::PoolWindows windows;
    Index in, out;
    bench::RandomNumbers x, dx, y, dy;
};

template <Who who>
void max_pool(benchmark::State& state) {
    Data d(state);
    using Steps = Eigen::Map<bench::Matrix, 0, Eigen::OuterStride<>>;  // every other one
    const Index n = d.windows.features, rows = d.out / n;
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::max_pool(d.windows, d.x.data(), d.y.data());
        if constexpr (who == Who::reference) kernels::reference::max_pool(d.windows, d.x.data(), d.y.data());
        if constexpr (who == Who::eigen)
            bench::MatrixMap(d.y.data(), rows, n) =
                Steps(d.x.data(), rows, n, Eigen::OuterStride<>(2 * n))
                    .cwiseMax(Steps(d.x.data() + n, rows, n, Eigen::OuterStride<>(2 * n)));
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, d.in + d.out);
}

template <Who who>
void max_pool_backward(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::max_pool_backward(d.windows, d.x.data(), d.y.data(), d.dy.data(), d.dx.data());
        else
            kernels::reference::max_pool_backward(d.windows, d.x.data(), d.dy.data(), d.dx.data());
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * (d.in + d.out));
}

template <Who who>
void average_pool(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::average_pool(d.windows, d.x.data(), d.y.data());
        else
            kernels::reference::average_pool(d.windows, d.x.data(), d.y.data());
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, d.in + d.out);
}

const bench::Sizes sizes{{"B", "T", "F"}, {{32, 48, 64}, {256, 48, 64}}};
const bool registered =
    bench::beside("max_pool", sizes, max_pool<Who::deeprec>, max_pool<Who::eigen>, max_pool<Who::reference>) &&
    bench::beside("max_pool_backward", sizes, max_pool_backward<Who::deeprec>, nullptr,
                  max_pool_backward<Who::reference>) &&
    bench::beside("average_pool", sizes, average_pool<Who::deeprec>, nullptr, average_pool<Who::reference>);

}  // namespace
