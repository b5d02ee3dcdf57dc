/// What the machine can do, measured at start-up, so that benchmarks report a share of it.
#pragma once

#include <algorithm>
#include <chrono>

#include <deeprec/kernels/simd/simd.hpp>

namespace deeprec::bench {

/// GFLOP/s of fused multiply-adds on registers, one thread: the best of many windows of about 0.5 ms within 50 ms.
/// Where the instruction set has no FMA, of a multiplication and an addition.
template <class T>
double peak_gflops() {
    using V = kernels::Batch<T>;
    using Clock = std::chrono::steady_clock;
    constexpr int chains = 12, rounds = 20000;
    V sum[chains];
    DEEPREC_UNROLL
    for (int i = 0; i < chains; ++i) sum[i] = V(T(i));
    volatile T factor = T(0.5), addend = T(1);  // unknown to the compiler
    const V a(factor), b(addend);
    double best = 0;
    const auto end = Clock::now() + std::chrono::milliseconds(50);
    while (Clock::now() < end) {
        const auto start = Clock::now();
        for (int round = 0; round < rounds; ++round) {
            DEEPREC_UNROLL
            for (int i = 0; i < chains; ++i) sum[i] = kernels::fma(sum[i], a, b);
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        best = std::max(best, 2.0 * chains * rounds * static_cast<double>(V::size) / seconds * 1e-9);
    }
    V all = sum[0];
    for (int i = 1; i < chains; ++i) all = all + sum[i];
    volatile T keep = kernels::reduce_add(all);
    static_cast<void>(keep);
    return best;
}

}  // namespace deeprec::bench
