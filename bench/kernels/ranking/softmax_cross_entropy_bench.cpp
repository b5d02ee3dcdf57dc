// Softmax cross-entropy over a catalogue, forward with gradients, beside Eigen with all logits in memory and the scalar
// twin. GFLOP/s and the share of the FMA peak count the three products that the gradients need; ours computes the
// logits twice where there are too many items to keep them.
#include "support/beside.hpp"

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/ranking/softmax_cross_entropy.hpp>
#include <deeprec/kernels/reference/ranking/softmax_cross_entropy.hpp>

using namespace deeprec;

namespace {

using bench::Matrix;

struct Problem {
    Problem(Index rows, Index width, Index count)
        : h(rows, width), items(count, width), bias(count), dh(rows, width), d_items(count, width), d_bias(count) {
        fill(h.data(), h.size(), 1);
        fill(items.data(), items.size(), 2);
        fill(bias.data(), count, 3);
        d_items.setZero();
        d_bias.setZero();
        for (Index r = 0; r < rows; ++r) targets.push_back(static_cast<std::int32_t>(r * 7919 % count));
    }
    static void fill(float* x, Index n, std::uint64_t seed) {
        const RandomStream random(Seed{seed});
        for (Index i = 0; i < n; ++i)
            x[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -1.0, 1.0));
    }
    kernels::CatalogueScores<float> scores() const {
        return {h.data(),     h.rows(),     h.cols(),    items.data(),   items.rows(),
                items.cols(), items.cols(), bias.data(), targets.data(), nullptr};
    }
    kernels::CatalogueGradients<float> gradients() {
        return {dh.data(), dh.cols(), d_items.data(), d_items.cols(), d_bias.data()};
    }
    Matrix h, items;
    Eigen::RowVectorXf bias;
    Matrix dh, d_items;
    Eigen::RowVectorXf d_bias;
    std::vector<std::int32_t> targets;
};

double flops(const benchmark::State& state) {
    return 6.0 * static_cast<double>(state.range(0) * state.range(1) * state.range(2));
}

void deeprec_fused(benchmark::State& state) {
    const Index rows = state.range(0), width = state.range(1), count = state.range(2);
    Problem p(rows, width, count);
    std::vector<float> losses(static_cast<std::size_t>(rows));
    Buffer<float> workspace;
    ThreadPool pool(static_cast<int>(state.range(3)));
    const auto scores = p.scores();
    const auto gradients = p.gradients();
    for (auto _ : state) {
        kernels::softmax_cross_entropy(scores, losses.data(), &gradients, workspace, &pool);
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(state));
}

void eigen_materialised(benchmark::State& state) {
    const Index rows = state.range(0);
    Problem p(rows, state.range(1), state.range(2));
    Matrix logits(rows, state.range(2));
    Eigen::VectorXf losses(rows);
    for (auto _ : state) {
        logits.noalias() = p.h * p.items.transpose();
        for (Index r = 0; r < rows; ++r) {
            auto row = logits.row(r);
            row += p.bias;
            const float most = row.maxCoeff(), target = row[p.targets[static_cast<std::size_t>(r)]];
            row = (row.array() - most).exp();
            const float sum = row.sum();
            losses[r] = most + std::log(sum) - target;
            row *= 1 / sum;
            row[p.targets[static_cast<std::size_t>(r)]] -= 1;
        }
        p.dh.noalias() = logits * p.items;
        p.d_items.noalias() += logits.transpose() * p.h;
        p.d_bias += logits.colwise().sum();
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(state));
}

void scalar_twin(benchmark::State& state) {
    Problem p(state.range(0), state.range(1), state.range(2));
    std::vector<float> losses(static_cast<std::size_t>(state.range(0)));
    const auto gradients = p.gradients();
    for (auto _ : state) {
        kernels::reference::softmax_cross_entropy(p.scores(), losses.data(), &gradients);
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(state));
}

}  // namespace

BENCHMARK(deeprec_fused)
    ->Name("softmax_cross_entropy<deeprec>")
    ->ArgNames({"B", "D", "N", "threads"})
    ->Args({2048, 64, 12102, 1})
    ->Args({2048, 64, 12102, 2})
    ->Args({256, 64, 12102, 1})
    ->Args({2048, 64, 60000, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(eigen_materialised)
    ->Name("softmax_cross_entropy<eigen>")
    ->ArgNames({"B", "D", "N"})
    ->Args({2048, 64, 12102})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(scalar_twin)
    ->Name("softmax_cross_entropy<reference>")
    ->ArgNames({"B", "D", "N"})
    ->Args({256, 64, 12102})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
