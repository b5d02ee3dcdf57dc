#include "kernels/data.hpp"

#include <limits>
#include <utility>
#include <vector>

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/vector.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("copy copies; dot, axpy and add equal their scalar twins", "[kernels][vector]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (const Index n :
         {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes + 3, 4 * lanes, 5 * lanes + 1, Index{1000}})
        for (const Index offset : {0, 1, 3}) {
            const Operand<T> x(n, 1, offset), z(n, 2, 1);
            Operand<T> y(n, 3, offset), expected(n, 3, offset);
            CAPTURE(n, offset);
            CHECK(std::abs(static_cast<double>(kernels::dot(x.data(), z.data(), n) -
                                               kernels::reference::dot(x.data(), z.data(), n))) <=
                  epsilon * static_cast<double>(n + 1));
            kernels::axpy(T(0.7), x.data(), y.data(), n);
            kernels::reference::axpy(T(0.7), x.data(), expected.data(), n);
            CHECK(distance(y, expected) <= 2 * epsilon);
            kernels::add(z.data(), y.data(), n);
            kernels::reference::add(z.data(), expected.data(), n);
            CHECK(distance(y, expected) <= 4 * epsilon);
            kernels::copy(x.data(), y.data(), n);
            CHECK(distance(y, x) == 0);
            CHECK(y.guards_intact());
        }
}

TEMPLATE_TEST_CASE("all_finite finds the one number that is not", "[kernels][vector]", float, double) {
    using T = TestType;
    using Limits = std::numeric_limits<T>;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes + 1, 4 * lanes, 9 * lanes + 3})
        for (const Index offset : {0, 1}) {
            Operand<T> x(n, 1, offset);
            for (Index i = 0; i < n; ++i) x[i] = i % 3 ? Limits::max() : i % 2 ? -Limits::max() : Limits::denorm_min();
            CAPTURE(n, offset);
            CHECK(kernels::all_finite(x.data(), n));
            for (Index i = 0; i < n; ++i)
                for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
                    const T good = std::exchange(x[i], bad);
                    if (kernels::all_finite(x.data(), n)) FAIL("missed number " << i);
                    x[i] = good;
                }
        }
}

TEMPLATE_TEST_CASE("add_tree has the bits of its scalar twin", "[kernels][vector]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (Index count = 1; count <= 8; ++count)
        for (const Index n : {Index{1}, lanes - 1, lanes + 1, 3 * lanes + 2})
            for (const Index begin : {Index{0}, Index{1}, lanes}) {
                CAPTURE(count, n, begin);
                std::vector<Operand<T>> parts;
                for (Index s = 0; s < count; ++s) parts.emplace_back(begin + n + 1, static_cast<int>(s), s % 3);
                if (count > 2) parts[2][begin] = std::numeric_limits<T>::quiet_NaN();
                std::vector<Operand<T>> expected = parts;
                const auto pointers = [](std::vector<Operand<T>>& all) {
                    std::vector<T*> x;
                    for (Operand<T>& part : all) x.push_back(part.data());
                    return x;
                };
                kernels::add_tree(pointers(parts).data(), count, begin, begin + n);
                kernels::reference::add_tree(pointers(expected).data(), count, begin, begin + n);
                for (std::size_t s = 0; s < parts.size(); ++s) {
                    CHECK(distance(parts[s], expected[s]) == 0);
                    CHECK(parts[s].guards_intact());
                }
            }
}

TEMPLATE_TEST_CASE("sum_rows equals its scalar twin and keeps NaN", "[kernels][vector]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index rows : {0, 1, 5, 256, 300, 700})
        for (const Index n : {Index{0}, Index{1}, lanes, lanes + 1, 4 * lanes, 5 * lanes + 3}) {
            Operand<T> b(rows * (n + 2), 1);
            if (rows > 2 && n > 0) b[2 * (n + 2) + n - 1] = std::numeric_limits<T>::quiet_NaN();
            Operand<T> out(n, 2), expected(n, 2);
            kernels::sum_rows(b.data(), rows, n, n + 2, out.data());
            kernels::reference::sum_rows(b.data(), rows, n, n + 2, expected.data());
            CAPTURE(rows, n);
            CHECK(distance(out, expected) <=
                  static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(rows + 1));
            CHECK(out.guards_intact());
        }
}
