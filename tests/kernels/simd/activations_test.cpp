#include "kernels/data.hpp"

#include <bit>
#include <limits>

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/activations.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {

struct Exp {
    template <class V>
    V operator()(const V& x) const {
        return kernels::exp(x);
    }
};

struct Expm1 {
    template <class V>
    V operator()(const V& x) const {
        return kernels::expm1(x);
    }
};
struct NormalCdf {
    template <class V>
    V operator()(const V& x) const {
        return kernels::normal_cdf(x);
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

double exact_normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

template <class T, class Act>
T one(const Act& act, T x) {
    T y;
    kernels::activate(&x, &y, 1, act);
    return y;
}

/// Largest |a - b| / max(1, |b|).
template <class T>
double relative_distance(Operand<T> a, Operand<T> b) {
    for (Index i = 0; i < a.size(); ++i) {
        const T scale = std::max(T(1), std::abs(b[i]));
        a[i] /= scale;
        b[i] /= scale;
    }
    return distance(a, b);
}

template <class T, class Act>
void check_twin(const Act& act, double bound = 0) {
    const auto error = [&](const Operand<T>& got, const Operand<T>& expected) {
        return bound > 0 ? relative_distance(got, expected) : distance(got, expected);
    };
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes + 3, Index{100}})
        for (const Index offset : {0, 1, 3}) {
            Operand<T> x(n, 1, offset), y(n, 2, offset), expected(n, 3), in_place(n, 1, offset);
            for (Index i = 0; i < n; ++i) in_place[i] = x[i] *= T(5);
            kernels::activate(x.data(), y.data(), n, act);
            kernels::reference::activate(x.data(), expected.data(), n, act);
            CAPTURE(Act::name, n, offset);
            CHECK(error(y, expected) <= (bound > 0 ? bound : 2e-7));
            CHECK(y.guards_intact());
            kernels::activate(in_place.data(), in_place.data(), n, act);
            CHECK(same(in_place, y));

            Operand<T> dy(n, 4), dx(n, 5, offset), expected_dx(n, 6);
            kernels::activate_backward(dy.data(), y.data(), dx.data(), n, act);
            kernels::reference::activate_backward(dy.data(), y.data(), expected_dx.data(), n, act);
            CHECK(error(dx, expected_dx) <=
                  (bound > 0 ? bound : 4 * static_cast<double>(std::numeric_limits<T>::epsilon())));
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
    check_twin<TestType>(Tanh{});
    check_twin<TestType>(hard_sigmoid);
    check_twin<TestType>(relu6);
    check_twin<TestType>(leaky_relu);
    check_twin<TestType>(LeakyReLU{.negative_slope = -0.5});
    check_twin<TestType>(softsign);
}

TEMPLATE_TEST_CASE("activations that grow equal their scalar twins and keep NaN", "[kernels][activations]", float,
                   double) {
    const double bound = sizeof(TestType) == 4 ? 1e-6 : 1e-14;  // of the result, of 1 where that is smaller
    check_twin<TestType>(elu, bound);
    check_twin<TestType>(ELU{.alpha = -0.5}, bound);
    check_twin<TestType>(selu, bound);
    check_twin<TestType>(gelu, bound);
    check_twin<TestType>(gelu_tanh, bound);
    check_twin<TestType>(swish, bound);
    check_twin<TestType>(softplus, bound);
    check_twin<TestType>(exponential, bound);
}

TEST_CASE("derivatives equal central differences", "[kernels][activations]") {
    check_derivative(linear);
    check_derivative(relu);
    check_derivative(sigmoid);
    check_derivative(Tanh{});
    check_derivative(hard_sigmoid);
    check_derivative(relu6);
    check_derivative(leaky_relu);
    check_derivative(LeakyReLU{.negative_slope = -0.5});
    check_derivative(elu);
    check_derivative(ELU{.alpha = -0.5});
    check_derivative(selu);
    check_derivative(gelu);
    check_derivative(gelu_tanh);
    check_derivative(swish);
    check_derivative(softplus);
    check_derivative(softsign);
    check_derivative(exponential);
}

TEST_CASE("float exp, tanh and the like keep their stated bounds", "[kernels][activations]") {
    CHECK(scan(
              Exp{}, [](double x) { return std::exp(x); }, 1e-10f, 87.3f)
              .relative <= 1.2e-7);

    const Worst tanh_error = scan(
        Tanh{}, [](double x) { return std::tanh(x); }, 1e-10f, 50.f);
    CHECK(tanh_error.absolute <= 9e-8);
    CHECK(tanh_error.relative <= 2e-7);
    CHECK(tanh_error.largest <= 1);

    const Worst sigmoid_error = scan(sigmoid, exact_sigmoid, 1e-10f, 87.f);
    CHECK(sigmoid_error.absolute <= 9e-8);
    CHECK(sigmoid_error.relative <= 5e-7);
    CHECK(sigmoid_error.largest <= 1);

    CHECK(scan(
              Expm1{}, [](double x) { return std::expm1(x); }, 1e-10f, 88.7f)
              .relative <= 3e-7);
    CHECK(scan(
              softplus, [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, 1e-10f, 87.f)
              .relative <= 3e-7);
    const Worst cdf_error = scan(NormalCdf{}, exact_normal_cdf, 1e-10f, 50.f);
    CHECK(cdf_error.absolute <= 3e-7);
    CHECK(cdf_error.largest <= 1);
    CHECK(scan(NormalCdf{}, exact_normal_cdf, 1e-10f, 4.f).relative <= 2e-6);
}

TEMPLATE_TEST_CASE("activations are finite where the function is", "[kernels][activations]", float, double) {
    using T = TestType;
    const T x = T(1e4);
    CHECK(one(relu6, x) == 6);
    CHECK(one(leaky_relu, -x) == T(-0.2) * x);
    for (const T y : {one(elu, x), one(gelu, x), one(gelu_tanh, x), one(swish, x), one(softplus, x)}) CHECK(y == x);
    for (const T y : {one(gelu, -x), one(gelu_tanh, -x), one(swish, -x), one(softplus, -x), one(exponential, -x)})
        CHECK(y == 0);
    CHECK(one(elu, -x) == -1);
    CHECK(one(ELU{.alpha = 0}, x) == x);
    CHECK(one(selu, x) == Approx(1.0507009873554805 * 1e4));
    CHECK(one(selu, -x) == Approx(-1.0507009873554805 * 1.6732632423543772));
    CHECK(one(softsign, x) == Approx(1e4 / (1 + 1e4)));
    CHECK(one(softsign, -x) == Approx(-1e4 / (1 + 1e4)));
    CHECK(one(exponential, x) == std::numeric_limits<T>::infinity());
    const auto slope = [](const auto& act, T at) {
        T dy = 1, dx;
        kernels::activate_backward(&dy, &at, &dx, 1, act);
        return dx;
    };
    for (const T at : {x, -x}) {
        const T expected = at > 0 ? T(1) : T(0);
        for (const T dx : {slope(elu, at), slope(gelu, at), slope(gelu_tanh, at), slope(swish, at)})
            CHECK(dx == expected);
        CHECK(slope(softplus, one(softplus, at)) == expected);
        CHECK(slope(relu6, one(relu6, at)) == 0);
    }
}

TEMPLATE_TEST_CASE("saturated ends are finite and exact", "[kernels][activations]", float, double) {
    using T = TestType;
    const T infinity = std::numeric_limits<T>::infinity();
    for (const T x : {T(1e4), T(1e30), infinity}) {
        CAPTURE(x);
        CHECK(one(sigmoid, x) == 1);
        CHECK(one(sigmoid, -x) == 0);
        CHECK(one(Tanh{}, x) == 1);
        CHECK(one(Tanh{}, -x) == -1);
        CHECK(one(Exp{}, x) == infinity);
        CHECK(one(Exp{}, -x) == 0);
        CHECK(one(hard_sigmoid, x) == 1);
        CHECK(one(hard_sigmoid, -x) == 0);
        CHECK(one(relu, -x) == 0);
    }
    CHECK(one(Exp{}, T(0)) == 1);
    CHECK(one(sigmoid, T(0)) == T(0.5));
    CHECK(one(Tanh{}, T(0)) == 0);
    CHECK(std::signbit(one(Tanh{}, T(-0.0))));
    CHECK(std::isnan(one(Exp{}, std::numeric_limits<T>::quiet_NaN())));
}
