// Elementwise activations beside Eigen and the scalar twin: numbers per second; N:4096 stays in the L1 cache.
#include <benchmark/benchmark.h>

#include <Eigen/Core>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;

namespace {

struct Exp {
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::exp(x);
    }
};

/// The same function on Eigen's arrays.
template <class Act, class Array>
auto on_eigen(const Act&, const Array& x) {
    if constexpr (std::is_same_v<Act, Exp>) return x.exp();
    if constexpr (std::is_same_v<Act, ReLU>) return x.cwiseMax(0.f);
    if constexpr (std::is_same_v<Act, Sigmoid>) return x.logistic();
    if constexpr (std::is_same_v<Act, Tanh>) return x.tanh();
}

enum class Who { deeprec, eigen, reference };

template <class Act, Who who>
void activation(benchmark::State& state) {
    using Array = Eigen::Map<Eigen::ArrayXf, Eigen::Aligned64>;
    const Index n = state.range(0);
    Buffer<float> x, y;
    y.need_zeros(n);
    const RandomStream random(Seed{1});
    for (Index i = 0; i < n; ++i)
        x.need(n)[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -4.0, 4.0));
    Array from(x.data(), n), to(y.data(), n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::activate(x.data(), y.data(), n, Act{});
        if constexpr (who == Who::eigen) to = on_eigen(Act{}, from);
        if constexpr (who == Who::reference) kernels::reference::activate(x.data(), y.data(), n, Act{});
        benchmark::DoNotOptimize(y.data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * n);
}

template <class Act>
bool all(const char* name) {
    const auto add = [&](const char* who, void (*run)(benchmark::State&)) {
        benchmark::RegisterBenchmark((std::string(name) + "<" + who + ">").c_str(), run)
            ->ArgName("N")
            ->Arg(4096)
            ->Arg(1000000);
    };
    add("deeprec", activation<Act, Who::deeprec>);
    add("eigen", activation<Act, Who::eigen>);
    add("reference", activation<Act, Who::reference>);
    return true;
}

const bool registered = all<Exp>("exp") && all<Sigmoid>("sigmoid") && all<Tanh>("tanh") && all<ReLU>("relu");

}  // namespace
