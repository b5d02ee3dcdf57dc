#include <deeprec/core/random.hpp>

#include <deeprec/core/initializers.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A stream is a pure function of seed and place", "[random]") {
    constexpr RandomStream a(Seed{1}), same(Seed{1}), other(Seed{2});
    static_assert(a.bits(7) == same.bits(7));
    static_assert(a.bits(7) != a.bits(8));
    static_assert(a.bits(7) != other.bits(7));
    static_assert(derive(Seed{1}, 0).value != derive(Seed{1}, 1).value);
    static_assert(derive(Seed{1}, 0).value != derive(Seed{2}, 0).value);
    SUCCEED();
}

TEST_CASE("Uniform, below and normal have their moments", "[random]") {
    const RandomStream random(Seed{3});
    constexpr int n = 40000;
    double sum = 0, squares = 0, normal = 0, normal_squares = 0;
    int counts[7] = {};
    for (std::uint64_t i = 0; i < n; ++i) {
        const double u = random.uniform(i), g = random.normal(i);
        CHECK((u >= 0 && u < 1));
        sum += u;
        squares += u * u;
        normal += g;
        normal_squares += g * g;
        ++counts[random.below(i, 7)];
    }
    const double four_sigma = 4 / std::sqrt(double(n));
    CHECK(std::abs(sum / n - 0.5) < four_sigma * std::sqrt(1.0 / 12));
    CHECK(std::abs(squares / n - 1.0 / 3) < four_sigma * std::sqrt(4.0 / 45));
    CHECK(std::abs(normal / n) < four_sigma);
    CHECK(std::abs(normal_squares / n - 1) < four_sigma * std::sqrt(2.0));
    for (const int count : counts) CHECK(std::abs(count - n / 7.0) < 4 * std::sqrt(n * 6.0 / 49));
}

TEST_CASE("fill_orthogonal makes orthonormal rows or columns", "[initializers]") {
    const auto check = [](Index rows, Index columns) {
        Tensor<double, 2> q(rows, columns);
        fill_orthogonal(q, Seed{1});
        const bool by_rows = rows <= columns;
        const Index count = by_rows ? rows : columns, length = by_rows ? columns : rows;
        const auto at = [&](Index i, Index k) { return by_rows ? q(i, k) : q(k, i); };
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j <= i; ++j) {
                double product = 0;
                for (Index k = 0; k < length; ++k) product += at(i, k) * at(j, k);
                CHECK(std::abs(product - (i == j)) < 1e-12);
            }
    };
    check(4, 9);
    check(9, 4);
    check(6, 6);
}
