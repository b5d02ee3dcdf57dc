#include "kernels/data.hpp"

#include <algorithm>
#include <limits>

#include <deeprec/kernels/simd/elementary.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("partial loads and stores stay within n elements", "[kernels][simd]", float, double) {
    using T = TestType;
    using V = kernels::Batch<T>;
    constexpr Index lanes = kernels::lanes<T>;
    for (Index n = 0; n <= lanes; ++n) {
        const Operand<T> x(n, 1);  // the guards behind would show
        Operand<T> all(lanes, 2), first(n, 3);
        kernels::store(all.data(), kernels::load_first<V>(x.data(), n));
        kernels::store_first(first.data(), kernels::load<V>(all.data()), n);
        for (Index i = 0; i < lanes; ++i) CHECK(all[i] == (i < n ? x.data()[i] : T(0)));
        CHECK(same(first, x));
        CHECK(first.guards_intact());
    }
}

TEMPLATE_TEST_CASE("reductions see every lane", "[kernels][simd]", float, double) {
    using T = TestType;
    using V = kernels::Batch<T>;
    constexpr Index lanes = kernels::lanes<T>;
    Operand<T> x(lanes, 1);
    T sum = 0;
    for (Index i = 0; i < lanes; ++i) sum += x[i] = T(i + 1);
    CHECK(kernels::reduce_add(kernels::load<V>(x.data())) == sum);
    CHECK(kernels::reduce_add(T(3)) == 3);
    for (Index i = 0; i < lanes; ++i) {
        const T before = x[i];
        x[i] = T(1000);
        CHECK(kernels::reduce_max(kernels::load<V>(x.data())) == 1000);
        CHECK(kernels::reduce_max_number(kernels::load<V>(x.data())) == 1000);
        x[i] = std::numeric_limits<T>::quiet_NaN();
        CHECK(std::isnan(kernels::reduce_max(kernels::load<V>(x.data()))));
        CHECK(std::isnan(kernels::reduce_add(kernels::load<V>(x.data()))));
        x[i] = before;
    }
}

TEMPLATE_TEST_CASE("max_nan, at_least and at_most keep NaN, in numbers and in batches", "[kernels][simd]", float,
                   double) {
    using T = TestType;
    using V = kernels::Batch<T>;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    const auto first = [](const V& v) {
        Operand<T> all(kernels::lanes<T>, 1);
        kernels::store(all.data(), v);
        return all[0];
    };
    CHECK(kernels::max_nan(T(1), T(2)) == 2);
    CHECK(std::isnan(kernels::max_nan(nan, T(2))));
    CHECK(std::isnan(kernels::max_nan(T(2), nan)));
    CHECK(first(kernels::max_nan(V(T(1)), V(T(2)))) == 2);
    CHECK(std::isnan(first(kernels::max_nan(V(nan), V(T(2))))));
    CHECK(std::isnan(first(kernels::max_nan(V(T(2)), V(nan)))));

    CHECK(kernels::at_least(T(-1), T(0)) == 0);
    CHECK(kernels::at_most(T(7), T(6)) == 6);
    CHECK(std::isnan(kernels::at_least(nan, T(0))));
    CHECK(std::isnan(kernels::at_most(nan, T(0))));
    CHECK(first(kernels::at_least(V(T(-1)), V(T(0)))) == 0);
    CHECK(first(kernels::at_most(V(T(7)), V(T(6)))) == 6);
    CHECK(std::isnan(first(kernels::at_least(V(nan), V(T(0))))));
    CHECK(std::isnan(first(kernels::at_most(V(nan), V(T(0))))));
}

TEMPLATE_TEST_CASE("functions of batches equal those of numbers", "[kernels][simd]", float, double) {
    using T = TestType;
    using V = kernels::Batch<T>;
    const T x = T(0.73);
    const auto check = [&](const V& batch, T number) {
        Operand<T> all(kernels::lanes<T>, 1);
        kernels::store(all.data(), batch);
        for (Index i = 0; i < all.size(); ++i)
            CHECK(std::abs(all[i] - number) <= 4 * std::numeric_limits<T>::epsilon() * std::abs(number));
    };
    check(kernels::fma(V(x), V(T(3)), V(T(1))), kernels::fma(x, T(3), T(1)));
    check(kernels::exp(V(x)), kernels::exp(x));
    check(kernels::expm1(V(x)), kernels::expm1(x));
    check(kernels::log1p(V(x)), kernels::log1p(x));
    check(kernels::tanh(V(x)), kernels::tanh(x));
    check(kernels::sigmoid(V(x)), kernels::sigmoid(x));
    check(kernels::erf(V(x)), kernels::erf(x));
    check(kernels::sqrt(V(x)), kernels::sqrt(x));
    check(kernels::abs(V(-x)), x);
    check(kernels::copysign(V(x), V(T(-2))), kernels::copysign(x, T(-2)));
    check(kernels::select(V(x) > V(T(0)), V(x), V(T(0))), kernels::select(x > T(0), x, T(0)));
}

TEMPLATE_TEST_CASE("divide and sqrt are rounded once", "[kernels][simd]", float, double) {
    using T = TestType;
    using V = kernels::Batch<T>;
    const auto same = [](const V& batch, T number) {
        Operand<T> all(kernels::lanes<T>, 1);
        kernels::store(all.data(), batch);
        for (Index i = 0; i < all.size(); ++i) CHECK(all[i] == number);
    };
    const T infinity = std::numeric_limits<T>::infinity(), tiny = std::numeric_limits<T>::min() / 4;
    for (const T x : {T(0), T(1), T(3), T(0.1), T(1e30), tiny, infinity}) {
        same(kernels::sqrt(V(x)), std::sqrt(x));
        for (const T y : {T(1), T(3), T(-7), T(1e20), T(0.3)}) same(kernels::divide(V(x), V(y)), x / y);
    }
    same(kernels::divide(V(T(1)), V(T(0))), infinity);
    same(kernels::divide(V(T(1)), V(infinity)), T(0));
}

#if defined(__AVX512F__)
TEST_CASE("tables are looked up by the last bits of a lane, and limits hold for NaN", "[kernels][simd]") {
    using V = kernels::Batch<float>;
    Operand<float> x(16, 1), y(16, 2);
    float table[32];
    for (Index i = 0; i < 32; ++i) table[i] = static_cast<float>(3 * i);
    float first[16];
    std::copy_n(table, 16, first);
    const V halves(0x1.8p22f);  // counts halves in its last bits
    for (Index i = 0; i < 16; ++i) x[i] = static_cast<float>(i);
    kernels::store(y.data(), kernels::look_up(table, kernels::load<V>(x.data()) + halves));
    for (Index i = 0; i < 16; ++i) CHECK(y[i] == table[2 * i]);
    kernels::store(y.data(), kernels::look_up(first, kernels::load<V>(x.data()) + halves));
    for (Index i = 0; i < 16; ++i) CHECK(y[i] == table[2 * i % 16]);

    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float given[] = {0.25f, -0.5f, 3.f, -1e30f, infinity, -infinity};
    const float expected[] = {0.25f, -0.5f, 0.5f, -0.5f, 0.5f, -0.5f};
    std::copy_n(given, 6, x.data());
    x[6] = std::numeric_limits<float>::quiet_NaN();
    kernels::store(y.data(), kernels::limit(kernels::load<V>(x.data()), 0.5f));
    for (Index i = 0; i < 6; ++i) CHECK(y[i] == expected[i]);
    CHECK(std::abs(y[6]) == 0.5f);
}
#endif
