// Normalisation of columns, statistics included, and its gradient beside Eigen and the scalar twins:
// batch_norm<who>/R:rows/N:columns.
#include "support/beside.hpp"

#include <deeprec/kernels/reference/simd/batch_norm.hpp>
#include <deeprec/kernels/simd/batch_norm.hpp>

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
          mean(n),
          inverse(n) {}
    /// The variance in `inverse` becomes 1 / sqrt(variance + epsilon).
    void invert() {
        RowMap of(inverse.data(), n);
        of = (of.array() + epsilon).rsqrt();
    }
    Index rows, n;
    bench::RandomNumbers x, y, dy, dx, gamma, beta, dgamma, dbeta, mean, inverse;
};

template <Who who>
void forward(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) {
            kernels::column_statistics(d.x.data(), nullptr, d.rows, d.n, d.mean.data(), d.inverse.data());
            d.invert();
            kernels::batch_norm(d.x.data(), d.rows, d.n, d.mean.data(), d.inverse.data(), d.gamma.data(), d.beta.data(),
                                d.y.data());
        }
        if constexpr (who == Who::reference) {
            kernels::reference::column_statistics(d.x.data(), nullptr, d.rows, d.n, d.mean.data(), d.inverse.data());
            d.invert();
            kernels::reference::batch_norm(d.x.data(), d.rows, d.n, d.mean.data(), d.inverse.data(), d.gamma.data(),
                                           d.beta.data(), d.y.data());
        }
        if constexpr (who == Who::eigen) {
            const MatrixMap x(d.x.data(), d.rows, d.n);
            RowMap mean(d.mean.data(), d.n), inverse(d.inverse.data(), d.n);
            mean = x.colwise().mean();
            inverse = (x.rowwise() - mean).colwise().squaredNorm() / static_cast<float>(d.rows);
            d.invert();
            MatrixMap(d.y.data(), d.rows, d.n) = ((x.rowwise() - mean).array().rowwise() *
                                                  inverse.cwiseProduct(RowMap(d.gamma.data(), d.n)).array().eval())
                                                     .rowwise() +
                                                 RowMap(d.beta.data(), d.n).array();
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 2 * d.rows * d.n);
}

template <Who who>
void backward(benchmark::State& state) {
    Data d(state);
    kernels::column_statistics(d.x.data(), nullptr, d.rows, d.n, d.mean.data(), d.inverse.data());
    d.invert();
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::batch_norm_backward<float>({d.rows, d.n, nullptr, d.rows}, d.dy.data(), d.x.data(), d.gamma.data(),
                                                d.mean.data(), d.inverse.data(),
                                                {d.dgamma.data(), d.dbeta.data(), d.dx.data()});
        if constexpr (who == Who::reference)
            kernels::reference::batch_norm_backward<float>({d.rows, d.n, nullptr, d.rows}, d.dy.data(), d.x.data(),
                                                           d.gamma.data(), d.mean.data(), d.inverse.data(),
                                                           {d.dgamma.data(), d.dbeta.data(), d.dx.data()});
        if constexpr (who == Who::eigen) {
            const MatrixMap x(d.x.data(), d.rows, d.n), dy(d.dy.data(), d.rows, d.n);
            const RowMap mean(d.mean.data(), d.n), inverse(d.inverse.data(), d.n), gamma(d.gamma.data(), d.n);
            const auto normal = (x.rowwise() - mean).array().rowwise() * inverse.array();
            const Eigen::RowVectorXf sum = dy.colwise().sum(), along = (dy.array() * normal).colwise().sum().matrix();
            RowMap(d.dgamma.data(), d.n) += along;
            RowMap(d.dbeta.data(), d.n) += sum;
            const float share = 1 / static_cast<float>(d.rows);
            MatrixMap(d.dx.data(), d.rows, d.n) =
                ((dy.rowwise() - share * sum).array() - normal.rowwise() * (share * along).array().eval()).rowwise() *
                gamma.cwiseProduct(inverse).array().eval();
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 3 * d.rows * d.n);
}

const bench::Sizes sizes{{"R", "N"}, {{1600, 64}, {6400, 256}}};
const bool registered =
    bench::beside("batch_norm", sizes, forward<Who::deeprec>, forward<Who::eigen>, forward<Who::reference>) &&
    bench::beside("batch_norm_backward", sizes, backward<Who::deeprec>, backward<Who::eigen>, backward<Who::reference>);

}  // namespace
