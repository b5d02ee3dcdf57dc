// Attention of one sequence and its gradients beside Eigen and the scalar twins:
// attention<who>/T:steps/H:heads/D:width of a head. FLOPs are those of the products.
#include "support/beside.hpp"

#include <deeprec/kernels/linear/attention.hpp>
#include <deeprec/kernels/reference/linear/attention.hpp>

using namespace deeprec;
using bench::Who;

namespace {

using Strided = Eigen::Map<bench::Matrix, 0, Eigen::OuterStride<>>;

struct Data {
    explicit Data(const benchmark::State& state)
        : shape{state.range(0), state.range(1), state.range(2)},
          width(shape.heads * shape.key_dim),
          q(shape.steps * width),
          k(shape.steps * width),
          v(shape.steps * width),
          y(shape.steps * width),
          dy(shape.steps * width),
          dq(shape.steps * width),
          dk(shape.steps * width),
          dv(shape.steps * width),
          p(shape.probabilities()),
          scratch(kernels::attention_scratch<float>(shape)) {
        kernels::attention(shape, input(), p.data(), y.data(), scratch.data());
    }
    kernels::AttentionInput<float> input() const { return {q.data(), k.data(), v.data(), width}; }
    kernels::AttentionGradient<float> gradient() { return {dq.data(), dk.data(), dv.data()}; }
    /// One head of q, k, v ...
    Strided head(bench::RandomNumbers& of, Index h) const {
        return {of.data() + h * shape.key_dim, shape.steps, shape.key_dim, Eigen::OuterStride<>(width)};
    }
    bench::MatrixMap probabilities(Index h) {
        return {p.data() + h * shape.steps * shape.steps, shape.steps, shape.steps};
    }
    double flops() const { return 4.0 * static_cast<double>(shape.steps * shape.steps * width); }

    kernels::AttentionShape shape;
    Index width;
    bench::RandomNumbers q, k, v, y, dy, dq, dk, dv, p, scratch;
};

template <Who who>
void forward(benchmark::State& state) {
    Data d(state);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::attention(d.shape, d.input(), d.p.data(), d.y.data(), d.scratch.data());
        if constexpr (who == Who::reference) kernels::reference::attention(d.shape, d.input(), d.p.data(), d.y.data());
        if constexpr (who == Who::eigen)
            for (Index h = 0; h < d.shape.heads; ++h) {
                bench::MatrixMap p = d.probabilities(h);
                p.noalias() = d.shape.scale<float>() * d.head(d.q, h) * d.head(d.k, h).transpose();
                for (Index i = 0; i < d.shape.steps; ++i) {
                    p.row(i) = (p.row(i).array() - p.row(i).maxCoeff()).exp();
                    p.row(i) *= 1 / p.row(i).sum();
                }
                d.head(d.y, h).noalias() = p * d.head(d.v, h);
            }
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, d.flops());
}

template <Who who>
void backward(benchmark::State& state) {
    Data d(state);
    bench::Matrix ds(d.shape.steps, d.shape.steps);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec)
            kernels::attention_backward(d.shape, d.dy.data(), d.input(), d.p.data(), d.gradient(), d.scratch.data());
        if constexpr (who == Who::reference)
            kernels::reference::attention_backward(d.shape, d.dy.data(), d.input(), d.p.data(), d.gradient());
        if constexpr (who == Who::eigen)
            for (Index h = 0; h < d.shape.heads; ++h) {
                const bench::MatrixMap p = d.probabilities(h);
                d.head(d.dv, h).noalias() += p.transpose() * d.head(d.dy, h);
                ds.noalias() = d.shape.scale<float>() * d.head(d.dy, h) * d.head(d.v, h).transpose();
                for (Index i = 0; i < d.shape.steps; ++i)
                    ds.row(i) = p.row(i).array() * (ds.row(i).array() - ds.row(i).dot(p.row(i)));
                d.head(d.dq, h).noalias() = ds * d.head(d.k, h);
                d.head(d.dk, h).noalias() += ds.transpose() * d.head(d.q, h);
            }
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, 2 * d.flops());
}

const bench::Sizes sizes{{"T", "H", "D"}, {{50, 2, 32}, {200, 2, 32}}};
const bool registered =
    bench::beside("attention", sizes, forward<Who::deeprec>, forward<Who::eigen>, forward<Who::reference>) &&
    bench::beside("attention_backward", sizes, backward<Who::deeprec>, backward<Who::eigen>, backward<Who::reference>);

}  // namespace
