/// A kernel beside Eigen and its scalar twin: who runs, how the three are registered, what is reported.
#pragma once

#include "support/peak.hpp"
#include "support/random_numbers.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <Eigen/Core>

namespace deeprec::bench {

enum class Who { deeprec, eigen, reference };

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixMap = Eigen::Map<Matrix>;
using RowMap = Eigen::Map<Eigen::RowVectorXf>;
using ArrayMap = Eigen::Map<Eigen::ArrayXf>;

/// Names of the arguments and the sets of them that are measured.
struct Sizes {
    std::vector<std::string> names;
    std::vector<std::vector<std::int64_t>> sets;
};

/// Registers name<deeprec>, name<eigen> and name<reference>; null where one has no such function.
inline bool beside(const std::string& name, const Sizes& sizes, benchmark::internal::Function* deeprec,
                   benchmark::internal::Function* eigen, benchmark::internal::Function* reference) {
    const auto add = [&](const char* who, benchmark::internal::Function* run) {
        if (!run) return;
        auto* const entry = benchmark::RegisterBenchmark((name + "<" + who + ">").c_str(), run);
        entry->ArgNames(sizes.names)->Unit(benchmark::kMicrosecond);
        for (const auto& set : sizes.sets) entry->Args(set);
    };
    add("deeprec", deeprec);
    add("eigen", eigen);
    add("reference", reference);
    return true;
}

/// GFLOP/s and the share of the FMA peak measured at start-up.
inline void report_flops(benchmark::State& state, double each) {
    static const double peak = peak_gflops<float>();
    const double total = each * static_cast<double>(state.iterations()) * 1e-9;
    state.counters["GFLOP/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
    state.counters["%peak"] = benchmark::Counter(100 * total / peak, benchmark::Counter::kIsRate);
}
/// GB/s of the numbers that are read or written at least once.
inline void report_numbers(benchmark::State& state, Index each) {
    const double bytes = static_cast<double>(each) * sizeof(float) * static_cast<double>(state.iterations());
    state.counters["GB/s"] = benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsRate);
}

}  // namespace deeprec::bench
