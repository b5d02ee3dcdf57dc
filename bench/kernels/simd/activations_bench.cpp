// Elementwise activations beside Eigen and the scalar twin: numbers per second; N:4096 stays in the L1 cache.
#include "support/beside.hpp"

#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using bench::ArrayMap, bench::Who;

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

template <class Act, Who who>
void activation(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers x(n, 4), y(n);
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::activate(x.data(), y.data(), n, Act{});
        if constexpr (who == Who::eigen) ArrayMap(y.data(), n) = on_eigen(Act{}, ArrayMap(x.data(), n));
        if constexpr (who == Who::reference) kernels::reference::activate(x.data(), y.data(), n, Act{});
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * n);
}

template <class Act>
bool all(const char* name) {
    return bench::beside(name, {{"N"}, {{4096}, {1000000}}}, activation<Act, Who::deeprec>, activation<Act, Who::eigen>,
                         activation<Act, Who::reference>);
}

const bool registered = all<Exp>("exp") && all<Sigmoid>("sigmoid") && all<Tanh>("tanh") && all<ReLU>("relu");

}  // namespace
