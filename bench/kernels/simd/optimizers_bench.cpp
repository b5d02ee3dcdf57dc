// A step of Adam beside Eigen's expressions and the formula on one number after the other: adam<who>/N:weights. GB/s of
// four arrays read and three written.
#include "support/beside.hpp"

#include <array>
#include <cmath>

#include <deeprec/optimizers/adam.hpp>

using namespace deeprec;
using bench::ArrayMap, bench::Who;

namespace {

template <Who who>
void adam(benchmark::State& state) {
    const Index n = state.range(0);
    bench::RandomNumbers w(n), g(n), m(n), v(n);
    ArrayMap(v.data(), n) = ArrayMap(v.data(), n).square();
    const AdamOptions options;
    const auto formula = AdamRule::formula<float>(options, 1);
    const std::array<float*, 3> slots{m.data(), v.data(), nullptr};
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) kernels::optimize<2>(w.data(), g.data(), slots, n, {}, formula);
        if constexpr (who == Who::reference)
            for (Index i = 0; i < n; ++i) {
                float both[]{m.data()[i], v.data()[i], 0};
                formula(w.data()[i], g.data()[i], both);
                m.data()[i] = both[0], v.data()[i] = both[1];
            }
        if constexpr (who == Who::eigen) {
            ArrayMap weights(w.data(), n), first(m.data(), n), second(v.data(), n);
            const ArrayMap gradient(g.data(), n);
            const float rate = 1e-3f * std::sqrt(1 - .999f) / (1 - .9f);
            first += (gradient - first) * .1f;
            second += (gradient.square() - second) * .001f;
            weights -= rate * first / (second.sqrt() + 1e-7f);
        }
        benchmark::ClobberMemory();
    }
    bench::report_numbers(state, 7 * n);
}

const bench::Sizes sizes{{"N"}, {{12288}, {1000000}, {10000000}}};
const bool registered = bench::beside("adam", sizes, adam<Who::deeprec>, adam<Who::eigen>, adam<Who::reference>);

}  // namespace
