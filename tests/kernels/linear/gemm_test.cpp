#include "kernels/linear/windows.hpp"

#include <limits>
#include <type_traits>

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using namespace deeprec::test;
using kernels::Rows;

namespace {

struct Options {
    bool bias = false, accumulate = false, linear = false;
};

template <class T, class Act>
void check_gemm(const Rows<T>& a, Index n, Index extra, Options options, Act act) {
    const Index k = a.columns(), ldc = n + extra;
    const Index size = a.rows > 0 ? (a.rows - 1) * ldc + n : 0;
    Operand<T> b(k * (n + extra), 2), bias(n, 3), c(size, 4, 3), expected(size, 4, 3);
    Operand<T> linear(size, 5), expected_linear(size, 5);
    Operand<T> packed(kernels::packed_size<T>(k, n), 6), plain(k * n, 7), packed_t(packed.size(), 8), turned(n * k, 9);
    kernels::pack(b.data(), n + extra, k, n, packed.data());
    kernels::reference::pack(b.data(), n + extra, k, n, plain.data());
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < n; ++j) turned[j * k + i] = b[i * (n + extra) + j];
    kernels::pack_transposed(turned.data(), k, k, n, packed_t.data());
    REQUIRE(same(packed, packed_t));

    const T* const add = options.bias ? bias.data() : nullptr;
    kernels::gemm(a, packed.data(), n, c.data(), ldc, {add, act, options.linear ? linear.data() : nullptr},
                  options.accumulate);
    kernels::reference::gemm(a, plain.data(), n, expected.data(), ldc, add, act, options.accumulate,
                             options.linear ? expected_linear.data() : nullptr);
    CAPTURE(a.rows, a.rows_per_batch, a.segments, k, n, extra, options.bias, options.accumulate, options.linear);
    CHECK(distance(c, expected) <= bound<T>(k));
    CHECK(distance(linear, expected_linear) <= bound<T>(k));
    CHECK((c.guards_intact() && linear.guards_intact() && packed.guards_intact()));
}

}  // namespace

TEMPLATE_TEST_CASE("gemm equals its scalar twin around the tile sizes", "[kernels][gemm]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    const Index k = GENERATE(Index{0}, Index{1}, Index{7}, Index{100});
    for (const Index m : {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 15, 25})
        for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 3,
                              4 * lanes, 6 * lanes + 1, 16 * lanes + 5}) {
            const Operand<T> a(m * (k + 3), 1);
            check_gemm(kernels::matrix_rows(a.data(), m, k, k + 3), n, (m + n) % 3, {}, linear);
            check_gemm(kernels::matrix_rows(a.data(), m, k, k + 3), n, (m + n) % 2, {true, m % 2 == 0, true}, relu);
        }
}

TEMPLATE_TEST_CASE("gemm with every combination of options", "[kernels][gemm]", float, double) {
    using T = TestType;
    const Operand<T> a(29 * 40, 1);
    const auto rows = kernels::matrix_rows(a.data(), 29, 37, 40);
    for (int bits = 0; bits < 8; ++bits) {
        const Options options{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
        for (const Index n : {1, 40, 64, 100}) {
            check_gemm(rows, n, 2, options, linear);
            check_gemm(rows, n, 0, options, relu);
            check_gemm(rows, n, 1, options, sigmoid);
            check_gemm(rows, n, 1, options, Tanh{});
        }
    }
}

TEMPLATE_TEST_CASE("gemm with columns and rows beyond its blocks", "[kernels][gemm]", float, double) {
    using T = TestType;
    const Operand<T> long_rows(26 * 1100, 1), wide(3 * 900, 2);
    const Rows<T> crossing{long_rows.data(), 26, 13, 14 * 1100 - 1100, 1100, 1, 1100, 0};
    check_gemm(crossing, 70, 0, {true, false, false}, relu);
    check_gemm(Rows<T>{long_rows.data(), 24, 5, 5 * 1100 + 1, 1099, 1, 1050, 0}, 40, 0, {}, linear);
    check_gemm(kernels::matrix_rows(wide.data(), 3, 900, 900), 301, 0, {true, false, true}, linear);
}

TEMPLATE_TEST_CASE("gemm reads convolution windows in place", "[kernels][gemm]", float, double) {
    using T = TestType;
    for (const Windows<T>& w : some_windows<T>) {
        const Operand<T> x(w.numbers(), 1);
        for (const Index n : {1, 33, 64}) check_gemm(w.rows(x.data()), n, 1, {true, false, true}, relu);
    }
}

TEMPLATE_TEST_CASE("a row of gemm has the same bits in every batch", "[kernels][gemm]", float, double) {
    using T = TestType;
    const Index m = 27, k = 61, n = 70;
    const Operand<T> a(m * k, 1), b(k * n, 2), bias(n, 3);
    Operand<T> packed(kernels::packed_size<T>(k, n), 4), all(m * n, 5), some(m * n, 6);
    kernels::pack(b.data(), n, k, n, packed.data());
    kernels::gemm(kernels::matrix_rows(a.data(), m, k, k), packed.data(), n, all.data(), n,
                  {.bias = bias.data(), .activation = sigmoid});
    for (const Index count : {1, 2, 4, 5, 12}) {
        for (Index r = 0; r < m; r += count) {
            const Index rows = std::min(count, m - r);
            kernels::gemm(kernels::matrix_rows(a.data() + r * k, rows, k, k), packed.data(), n, some.data() + r * n, n,
                          {.bias = bias.data(), .activation = sigmoid});
        }
        CAPTURE(count);
        CHECK(same(all, some));
    }
}

TEMPLATE_TEST_CASE("NaN and Inf reach every element that depends on them and no other", "[kernels][gemm]", float,
                   double) {
    using T = TestType;
    const Index m = 17, k = 9, n = 45;
    for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
        Operand<T> a(m * k, 1), b(k * n, 2), packed(kernels::packed_size<T>(k, n), 3), c(m * n, 4), expected(m * n, 4);
        a[13 * k + 5] = bad;
        b[2 * n + 44] = bad;
        kernels::pack(b.data(), n, k, n, packed.data());
        kernels::gemm(kernels::matrix_rows(a.data(), m, k, k), packed.data(), n, c.data(), n, {.activation = relu});
        kernels::reference::gemm(kernels::matrix_rows(a.data(), m, k, k), b.data(), n, expected.data(), n, nullptr,
                                 relu);
        CHECK(distance(c, expected) <= bound<T>(k));
        CHECK((std::isnan(bad) == std::isnan(c[13 * n])));
        Operand<T> d(k * n, 5), expected_d(k * n, 5);
        kernels::gemm_tn(kernels::matrix_rows(a.data(), m, k, k), c.data(), n, n, d.data(), n);
        kernels::reference::gemm_tn(kernels::matrix_rows(a.data(), m, k, k), c.data(), n, n, expected_d.data(), n);
        CHECK(distance(d, expected_d) <= bound<T>(m) * 100);
    }
}
