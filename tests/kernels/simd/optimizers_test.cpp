#include "kernels/data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <deeprec/kernels/simd/optimizers.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {

/// Something with two slots that mixes all it is given.
constexpr auto mix = []<class V>(V& w, const V& g, V* state) {
    state[0] = state[0] + g * g;
    state[1] = kernels::fma(state[1], V(0.5f), g);
    w = w - state[1] / kernels::sqrt(state[0] + V(1));
};

template <class T>
struct Arrays {
    Operand<T> w, g, a, b;
    explicit Arrays(Index n) : w(n, 1), g(n, 2), a(n, 3, 2), b(n, 4, 3) {
        for (Index i = 0; i < n; ++i) a[i] = std::abs(a[i]);
    }
    bool guards_intact() const { return w.guards_intact() && a.guards_intact() && b.guards_intact(); }
};

}  // namespace

TEMPLATE_TEST_CASE("optimize equals its scalar twin", "[kernels][optimizers]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    const kernels::GradientTerms<T> all_terms[]{{}, {T(0.5), T(0.25), T(0), T(0.75)}, {T(2), T(0.5), T(0.125), T(1)}};
    for (const auto& terms : all_terms)
        for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 4 * lanes, 5 * lanes + 3}) {
            CAPTURE(n);
            Arrays<T> got(n), twin(n);
            kernels::optimize<2>(got.w.data(), got.g.data(), std::array{got.a.data(), got.b.data()}, n, terms, mix);
            for (Index i = 0; i < n; ++i) {
                const T g = std::clamp(terms.scale * twin.g[i], -terms.clip, terms.clip) + terms.l2 * twin.w[i];
                T state[]{twin.a[i], twin.b[i]};
                twin.w[i] *= terms.shrink;
                mix(twin.w[i], g, state);
                twin.a[i] = state[0], twin.b[i] = state[1];
            }
            const double bound = 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
            CHECK(distance(got.w, twin.w) <= bound);
            CHECK(distance(got.a, twin.a) <= bound);
            CHECK(distance(got.b, twin.b) <= bound);
            CHECK(got.guards_intact());
        }
}

TEMPLATE_TEST_CASE("optimize in chunks of whole vectors gives the bits of one call", "[kernels][optimizers]", float,
                   double) {
    using T = TestType;
    constexpr Index chunk = 2 * kernels::lanes<T>, n = 2 * chunk + 3;  // threads cut parameters so
    Arrays<T> once(n), parts(n);
    kernels::optimize<2>(once.w.data(), once.g.data(), std::array{once.a.data(), once.b.data()}, n,
                         kernels::GradientTerms<T>{}, mix);
    for (Index i = 0; i < n; i += chunk)
        kernels::optimize<2>(parts.w.data() + i, parts.g.data() + i, std::array{parts.a.data() + i, parts.b.data() + i},
                             std::min(chunk, n - i), kernels::GradientTerms<T>{}, mix);
    CHECK((same(once.w, parts.w) && same(once.a, parts.a) && same(once.b, parts.b)));
}

TEST_CASE("optimize leaves the slots alone that are not in use", "[kernels][optimizers]") {
    constexpr Index n = kernels::lanes<float> + 1;
    Arrays<float> arrays(n);
    const Arrays<float> before(n);
    kernels::optimize<1>(arrays.w.data(), arrays.g.data(), std::array<float*, 2>{arrays.a.data(), nullptr}, n,
                         kernels::GradientTerms<float>{}, [](auto&, const auto& g, auto* state) { state[0] = g; });
    CHECK((same(arrays.a, before.g) && same(arrays.w, before.w)));
}

TEST_CASE("optimize lets NaN through, clipped or not", "[kernels][optimizers]") {
    constexpr Index n = kernels::lanes<float> + 1;
    for (const float clip : {std::numeric_limits<float>::infinity(), 0.5f})
        for (const Index at : {Index{0}, n - 1}) {
            Arrays<float> arrays(n);
            arrays.g[at] = std::numeric_limits<float>::quiet_NaN();
            kernels::optimize<2>(arrays.w.data(), arrays.g.data(), std::array{arrays.a.data(), arrays.b.data()}, n,
                                 kernels::GradientTerms<float>{1, clip, 0, 1}, mix);
            for (Index i = 0; i < n; ++i) CHECK(std::isnan(arrays.w[i]) == (i == at));
        }
}
