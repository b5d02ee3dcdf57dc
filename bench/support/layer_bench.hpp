/// One layer at one shape: forward, and forward with backward, on one thread.
#pragma once

#include <deeprec/core/layer.hpp>

#include "support/beside.hpp"

namespace deeprec::bench {

/// Random features in [-1, 1), or ids in [0, ids).
template <class T, int Rank>
Tensor<T, Rank> random_input(const std::array<Index, Rank>& extents, std::uint64_t ids = 0) {
    Tensor<T, Rank> x(extents);
    const RandomStream random(Seed{1});
    for (Index i = 0; i < x.size(); ++i) {
        const auto at = static_cast<std::uint64_t>(i);
        x.data()[i] = ids ? static_cast<T>(random.below(at, ids)) : static_cast<T>(random.uniform(at, -1, 1));
    }
    return x;
}

/// Inference; `flops` of one forward give GFLOP/s and the share of the peak, 0 for layers that move memory. Samples/s
/// always.
template <class L, class X>
void forward(benchmark::State& state, L layer, const Shape& sample, const X& x, double flops) {
    layer.build(sample, Seed{1});
    typename L::Cache cache;
    for (auto _ : state) {
        benchmark::DoNotOptimize(layer.forward(x, cache).data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * x.dimension(0));
    if (flops > 0) report_flops(state, flops);
}

/// A training step without the optimizer: three times the products of a forward.
template <class L, class X>
void forward_backward(benchmark::State& state, L layer, const Shape& sample, const X& x, double flops) {
    layer.build(sample, Seed{1});
    typename L::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(x, cache, Training{});
    const auto dy = random_input<float, rank_of<decltype(y)>>(y.extents());
    for (auto _ : state) {
        layer.forward(x, cache, Training{});
        layer.backward(dy, cache, gradients);
        benchmark::DoNotOptimize(gradients);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * x.dimension(0));
    if (flops > 0) report_flops(state, 3 * flops);
}

}  // namespace deeprec::bench
