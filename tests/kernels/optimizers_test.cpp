#include "kernels/data.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include <deeprec/kernels/optimizers.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();

/// The formulas as they stand in the header's comment, in double.
void adam_plainly(double& w, double g, double& m, double& v, double* v_max, const kernels::AdamStep<double>& s) {
    g = std::clamp(s.gradient_scale * g, -s.clip, s.clip) + s.gradient_decay * w;
    w *= s.decay;
    m = s.beta_1 * m + (1 - s.beta_1) * g;
    v = s.beta_2 * v + (1 - s.beta_2) * g * g;
    double second = v;
    if (v_max) second = *v_max = std::max(*v_max, v);
    w -= s.rate * m / (s.v_correction * std::sqrt(second) + s.epsilon);
}

template <class T>
kernels::AdamStep<T> cast(const kernels::AdamStep<double>& s) {
    const auto to = [](double x) { return static_cast<T>(x); };
    return {to(s.beta_1), to(s.beta_2),         to(s.rate),           to(s.v_correction), to(s.epsilon),
            to(s.decay),  to(s.gradient_decay), to(s.gradient_scale), to(s.clip)};
}
}  // namespace

TEMPLATE_TEST_CASE("adam equals its scalar twin", "[kernels][optimizers]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    const kernels::AdamStep<double> steps[]{
        {0.9, 0.999, 0.01, 1, 1e-7, 1, 0, 1, infinity},       // Keras
        {0.9, 0.999, 0.01, 1.5, 1e-8, 1, 0.01, 1, infinity},  // PyTorch with weight decay
        {0.8, 0.95, 0.05, 1, 1e-4, 0.999, 0, 0.5, 0.25},      // decoupled decay, clipping
    };
    for (const auto& step : steps)
        for (const bool amsgrad : {false, true})
            for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 4 * lanes, 5 * lanes + 3}) {
                CAPTURE(amsgrad, n);
                Operand<T> w(n, 1), m(n, 3, 2), v(n, 4, 3), v_max(n, 5);
                const Operand<T> g(n, 2);
                for (Index i = 0; i < n; ++i) v[i] = std::abs(v[i]), v_max[i] = std::abs(v_max[i]);
                double worst = 0;
                std::vector<double> expected;
                for (Index i = 0; i < n; ++i) {
                    double wi = static_cast<double>(w[i]), mi = static_cast<double>(m[i]),
                           vi = static_cast<double>(v[i]), xi = static_cast<double>(v_max[i]);
                    adam_plainly(wi, static_cast<double>(g.data()[i]), mi, vi, amsgrad ? &xi : nullptr, step);
                    expected.insert(expected.end(), {wi, mi, vi, xi});
                }
                kernels::adam<T>(w.data(), g.data(), m.data(), v.data(), amsgrad ? v_max.data() : nullptr, n,
                                 cast<T>(step));
                for (Index i = 0; i < n; ++i) {
                    const double got[]{static_cast<double>(w[i]), static_cast<double>(m[i]), static_cast<double>(v[i]),
                                       static_cast<double>(v_max[i])};
                    for (int k = 0; k < 4; ++k)
                        worst = std::max(worst, std::abs(got[k] - expected[static_cast<std::size_t>(4 * i + k)]));
                }
                CHECK(worst <= 8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
                CHECK((w.guards_intact() && m.guards_intact() && v.guards_intact() && v_max.guards_intact()));
            }
}

TEMPLATE_TEST_CASE("adam in chunks of whole vectors gives the bits of one call", "[kernels][optimizers]", float,
                   double) {
    using T = TestType;
    constexpr Index chunk = 2 * kernels::lanes<T>, n = 2 * chunk + 3;  // threads cut parameters so
    const auto step = cast<T>({0.9, 0.999, 0.01, 1, 1e-7, 1, 0, 1, infinity});
    const Operand<T> g(n, 2);
    Operand<T> w(n, 1), m(n, 3), v(n, 4), w_2(n, 1), m_2(n, 3), v_2(n, 4);
    for (Index i = 0; i < n; ++i) v[i] = v_2[i] = std::abs(v[i]);
    kernels::adam<T>(w.data(), g.data(), m.data(), v.data(), nullptr, n, step);
    for (Index i = 0; i < n; i += chunk)
        kernels::adam<T>(w_2.data() + i, g.data() + i, m_2.data() + i, v_2.data() + i, nullptr, std::min(chunk, n - i),
                         step);
    CHECK((same(w, w_2) && same(m, m_2) && same(v, v_2)));
}

TEST_CASE("adam lets NaN through, clipped or not", "[kernels][optimizers]") {
    constexpr Index n = kernels::lanes<float> + 1;
    for (const double clip : {infinity, 0.5})
        for (const bool amsgrad : {false, true})
            for (const Index at : {Index{0}, n - 1}) {
                Operand<float> w(n, 1), g(n, 2), m(n, 3), v(n, 4), v_max(n, 5);
                for (Index i = 0; i < n; ++i) v[i] = v_max[i] = 1;
                g[at] = std::numeric_limits<float>::quiet_NaN();
                kernels::adam<float>(w.data(), g.data(), m.data(), v.data(), amsgrad ? v_max.data() : nullptr, n,
                                     cast<float>({0.9, 0.999, 0.01, 1, 1e-7, 1, 0, 1, clip}));
                for (Index i = 0; i < n; ++i) CHECK(std::isnan(w[i]) == (i == at));
            }
}
