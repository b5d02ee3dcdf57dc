// Normalisation of rows beside Eigen and the scalar twin: layer_norm<who>/R:rows/N:numbers a row.
#include "support/beside.hpp"

#include <deeprec/kernels/reference/simd/layer_norm.hpp>
#include <deeprec/kernels/simd/layer_norm.hpp>

using namespace deeprec;
using bench::MatrixMap, bench::RowMap, bench::Who;

namespace {

constexpr float epsilon = 1e-3f;

struct Data {
    explicit Data(const benchmark::State& state)
        : rows(state.range(0)),
          n(state.range(1)),
          x(rows * n),
          y(rows * n),
          dy(rows * n),
          dx(rows * n),
          gamma(n),
          beta(n),
          dgamma(n),
          dbeta(n),
          mean(rows),
          inverse(rows) {
        kernels::layer_norm<float>(x.data(), rows, n, parameters(), mean.data(), inverse.data(), y.data());
    }
    kernels::NormParameters<float> parameters() const { return {gamma.data(), beta.data(), epsilon}; }
    kernels::NormGradient<float> gradient() { return {dgamma.data(), dbeta.data(), dx.data()}; }
    Index rows, n;
    bench::RandomNumbers x, y, dy, dx, gamma, beta, dgamma, dbeta, mean, inverse;
};

template <Who who>
void forward(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::layer_norm(d.x.data(), d.rows, d.n, d.parameters(), d.mean.data(), d.inverse.data(), d.y.data());
        if constexpr (who == Who::reference)
            kernels::reference::layer_norm(d.x.data(), d.rows, d.n, d.parameters(), d.mean.data(), d.inverse.data(),
                                           d.y.data());
        if constexpr (who == Who::eigen) {
            const RowMap gamma(d.gamma.data(), d.n), beta(d.beta.data(), d.n);
            for (Index r = 0; r < d.rows; ++r) {
                const RowMap x(d.x.data() + r * d.n, d.n);
                const float mean = x.mean();
                const float inverse = 1 / std::sqrt((x.array() - mean).square().mean() + epsilon);
                RowMap(d.y.data() + r * d.n, d.n) = (x.array() - mean) * inverse * gamma.array() + beta.array();
            }
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * d.rows * d.n);
}

template <Who who>
void backward(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::layer_norm_backward(d.dy.data(), d.x.data(), d.rows, d.n, d.gamma.data(), d.mean.data(),
                                         d.inverse.data(), d.gradient());
        if constexpr (who == Who::reference)
            kernels::reference::layer_norm_backward(d.dy.data(), d.x.data(), d.rows, d.n, d.gamma.data(), d.mean.data(),
                                                    d.inverse.data(), d.gradient());
        if constexpr (who == Who::eigen) {
            const RowMap gamma(d.gamma.data(), d.n);
            RowMap dgamma(d.dgamma.data(), d.n), dbeta(d.dbeta.data(), d.n);
            Eigen::RowVectorXf normal(d.n), g(d.n);
            for (Index r = 0; r < d.rows; ++r) {
                const RowMap x(d.x.data() + r * d.n, d.n), dy(d.dy.data() + r * d.n, d.n);
                const float inverse = d.inverse.data()[r];
                normal = (x.array() - d.mean.data()[r]) * inverse;
                g = dy.cwiseProduct(gamma);
                dgamma += dy.cwiseProduct(normal);
                dbeta += dy;
                RowMap(d.dx.data() + r * d.n, d.n) =
                    inverse * (g.array() - g.mean() - normal.array() * (g.dot(normal) / static_cast<float>(d.n)));
            }
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 3 * d.rows * d.n);
}

const bench::Sizes sizes{{"R", "N"}, {{1600, 64}, {6400, 256}}};
const bool registered =
    bench::beside("layer_norm", sizes, forward<Who::deeprec>, forward<Who::eigen>, forward<Who::reference>) &&
    bench::beside("layer_norm_backward", sizes, backward<Who::deeprec>, backward<Who::eigen>, backward<Who::reference>);

}  // namespace
