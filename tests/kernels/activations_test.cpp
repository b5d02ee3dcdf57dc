#include "kernels/data.hpp"

#include <bit>
#include <limits>

#include <deeprec/kernels/activations.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {

struct Exp {
    template <class V>
    V operator()(const V& x) const {
        return kernels::exp(x);
    }
};

struct Worst {
    double absolute = 0, relative = 0, largest = 0;
};

/// Worst errors against `exact` in double over every `stride`-th float with magnitude in [from, to], both signs.
template <class Act, class Exact>
Worst scan(const Act& act, const Exact& exact, float from, float to, std::uint32_t stride = 97) {
    constexpr Index block = 1024;
    std::vector<float> x(block), y(block);
    Worst worst;
    const auto flush = [&](Index n) {
        kernels::activate(x.data(), y.data(), n, act);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const double truth = exact(static_cast<double>(x[i])), got = static_cast<double>(y[i]);
            const double error = std::isfinite(got) ? std::abs(got - truth) : INFINITY;
            worst.absolute = std::max(worst.absolute, error);
            if (truth != 0) worst.relative = std::max(worst.relative, error / std::abs(truth));
            worst.largest = std::max(worst.largest, std::abs(got));
        }
    };
    std::size_t n = 0;
    for (std::uint32_t bits = std::bit_cast<std::uint32_t>(from); bits <= std::bit_cast<std::uint32_t>(to);
         bits += stride)
        for (const float sign : {1.f, -1.f}) {
            x[n++] = sign * std::bit_cast<float>(bits);
            if (n == x.size()) flush(block), n = 0;
        }
    flush(static_cast<Index>(n));
    return worst;
}

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

template <class T, class Act>
T one(const Act& act, T x) {
    T y;
    kernels::activate(&x, &y, 1, act);
    return y;
}

template <class T, class Act>
void check_twin(const Act& act) {
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes + 3, Index{100}})
        for (const Index offset : {0, 1, 3}) {
            Operand<T> x(n, 1, offset), y(n, 2, offset), expected(n, 3), in_place(n, 1, offset);
            for (Index i = 0; i < n; ++i) in_place[i] = x[i] *= T(5);
            kernels::activate(x.data(), y.data(), n, act);
            kernels::reference::activate(x.data(), expected.data(), n, act);
            CAPTURE(Act::name, n, offset);
            CHECK(distance(y, expected) <= 2e-7);
            CHECK(y.guards_intact());
            kernels::activate(in_place.data(), in_place.data(), n, act);
            CHECK(same(in_place, y));

            Operand<T> dy(n, 4), dx(n, 5, offset), expected_dx(n, 6);
            kernels::activate_backward(dy.data(), y.data(), dx.data(), n, act);
            kernels::reference::activate_backward(dy.data(), y.data(), expected_dx.data(), n, act);
            CHECK(distance(dx, expected_dx) <= 4 * static_cast<double>(std::numeric_limits<T>::epsilon()));
            CHECK(dx.guards_intact());
        }
    CHECK(std::isnan(one(act, std::numeric_limits<T>::quiet_NaN())));
}

template <class Act>
void check_derivative(const Act& act) {
    for (const double x : {-6.0, -2.9, -1.0, -0.3, 0.2, 0.7, 2.0, 2.9, 5.0}) {
        const double h = 1e-6, y = act(x);
        CAPTURE(Act::name, x);
        CHECK(act.derivative(Act::needs_input ? x : y) == Approx((act(x + h) - act(x - h)) / (2 * h)).margin(1e-8));
    }
}

}  // namespace

TEMPLATE_TEST_CASE("activations equal their scalar twins and keep NaN", "[kernels][activations]", float, double) {
    check_twin<TestType>(linear);
    check_twin<TestType>(relu);
    check_twin<TestType>(sigmoid);
    check_twin<TestType>(deeprec::tanh);
    check_twin<TestType>(hard_sigmoid);
}

TEST_CASE("derivatives equal central differences", "[kernels][activations]") {
    check_derivative(linear);
    check_derivative(relu);
    check_derivative(sigmoid);
    check_derivative(deeprec::tanh);
    check_derivative(hard_sigmoid);
}

TEST_CASE("float exp, tanh and sigmoid keep their stated bounds", "[kernels][activations]") {
    CHECK(scan(
              Exp{}, [](double x) { return std::exp(x); }, 1e-10f, 87.3f)
              .relative <= 1.2e-7);

    const Worst tanh_error = scan(
        deeprec::tanh, [](double x) { return std::tanh(x); }, 1e-10f, 50.f);
    CHECK(tanh_error.absolute <= 9e-8);
    CHECK(tanh_error.relative <= 2e-7);
    CHECK(tanh_error.largest <= 1);

    const Worst sigmoid_error = scan(sigmoid, exact_sigmoid, 1e-10f, 87.f);
    CHECK(sigmoid_error.absolute <= 9e-8);
    CHECK(sigmoid_error.relative <= 5e-7);
    CHECK(sigmoid_error.largest <= 1);
}

TEMPLATE_TEST_CASE("saturated ends are finite and exact", "[kernels][activations]", float, double) {
    using T = TestType;
    const T infinity = std::numeric_limits<T>::infinity();
    for (const T x : {T(1e4), T(1e30), infinity}) {
        CAPTURE(x);
        CHECK(one(sigmoid, x) == 1);
        CHECK(one(sigmoid, -x) == 0);
        CHECK(one(deeprec::tanh, x) == 1);
        CHECK(one(deeprec::tanh, -x) == -1);
        CHECK(one(Exp{}, x) == infinity);
        CHECK(one(Exp{}, -x) == 0);
        CHECK(one(hard_sigmoid, x) == 1);
        CHECK(one(hard_sigmoid, -x) == 0);
        CHECK(one(relu, -x) == 0);
    }
    CHECK(one(Exp{}, T(0)) == 1);
    CHECK(one(sigmoid, T(0)) == T(0.5));
    CHECK(one(deeprec::tanh, T(0)) == 0);
    CHECK(std::signbit(one(deeprec::tanh, T(-0.0))));
    CHECK(std::isnan(one(Exp{}, std::numeric_limits<T>::quiet_NaN())));
}
