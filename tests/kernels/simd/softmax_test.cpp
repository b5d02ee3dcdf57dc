#include "kernels/data.hpp"

#include <limits>

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("softmax equals its scalar twin", "[kernels][softmax]", float, double) {
    using T = TestType;
    const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{1}, Index{2}, lanes - 1, lanes, lanes + 1, 2 * lanes + 3, Index{100}})
        for (const Index offset : {0, 1, 3}) {
            CAPTURE(n, offset);
            Operand<T> x(n, 1, offset), y(n, 2, offset), expected(n, 3);
            for (Index i = 0; i < n; ++i) x[i] *= T(10);
            softmax.row(x.data(), y.data(), n);
            kernels::reference::softmax_row(x.data(), expected.data(), n);
            CHECK(distance(y, expected) <= 4 * epsilon);
            CHECK(y.guards_intact());
            T sum = 0;
            for (Index i = 0; i < n; ++i) sum += y[i];
            CHECK(sum == Approx(1));
            softmax.row(x.data(), x.data(), n);
            CHECK(same(x, y));

            Operand<T> dy(n, 4), dx(n, 5, offset), expected_dx(n, 6);
            softmax.row_backward(dy.data(), y.data(), dx.data(), n);
            kernels::reference::softmax_row_backward(dy.data(), y.data(), expected_dx.data(), n);
            CHECK(distance(dx, expected_dx) <= 4 * epsilon);
            CHECK(dx.guards_intact());
            softmax.row_backward(dy.data(), y.data(), dy.data(), n);
            CHECK(same(dx, dy));
        }
}

TEMPLATE_TEST_CASE("softmax is finite for any finite row and shows NaN", "[kernels][softmax]", float, double) {
    using T = TestType;
    constexpr T infinity = std::numeric_limits<T>::infinity(), largest = std::numeric_limits<T>::max();
    for (const Index n : {Index{3}, Index{21}}) {
        std::vector<T> x(static_cast<std::size_t>(n), T(-1e4)), y(x.size());
        x.back() = T(1e4);
        softmax.row(x.data(), y.data(), n);
        CHECK(y.front() == 0);
        CHECK(y.back() == 1);
        x.front() = -largest;
        x.back() = -infinity;
        softmax.row(x.data(), y.data(), n);
        CHECK(y.front() == 0);
        CHECK(y[1] == Approx(1.0 / static_cast<double>(n - 2)));
        CHECK(y.back() == 0);
        for (const T bad : {std::numeric_limits<T>::quiet_NaN(), infinity})
            for (const std::size_t place : {std::size_t{0}, x.size() - 1}) {
                std::vector<T> z(x.size(), T(1));
                z[place] = bad;
                softmax.row(z.data(), y.data(), n);
                for (const T value : y) CHECK(std::isnan(value) == (std::isnan(bad) || value != 0));
            }
        std::fill(x.begin(), x.end(), -infinity);
        softmax.row(x.data(), y.data(), n);
        for (const T value : y) CHECK(std::isnan(value));
    }
}
