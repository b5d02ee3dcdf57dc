#include <deeprec/core/initializers.hpp>

#include <algorithm>
#include <utility>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("glorot_uniform has Keras' limit, mean 0 and variance limit^2 / 3", "[core]") {
    Tensor<float, 2> kernel(200, 300);
    fill_glorot_uniform(kernel, 200, 300, Seed{3});
    const double limit = std::sqrt(6.0 / 500);
    double sum = 0, squares = 0, largest = 0;
    for (Index i = 0; i < kernel.size(); ++i) {
        const double x = kernel.data()[i];
        sum += x;
        squares += x * x;
        largest = std::max(largest, std::abs(x));
    }
    const double n = static_cast<double>(kernel.size());
    CHECK(largest <= limit * (1 + 1e-6));
    CHECK(largest > 0.999 * limit);
    CHECK(std::abs(sum / n) < 5 * limit / std::sqrt(3 * n));  // five standard errors
    CHECK(squares / n == Approx(limit * limit / 3).epsilon(0.02));
}

TEST_CASE("Element i depends on the seed and i alone", "[core]") {
    Tensor<float, 1> few(10), many(100), other(100);
    fill_uniform(few, 1, Seed{7});
    fill_uniform(many, 1, Seed{7});
    fill_uniform(other, 1, Seed{8});
    for (Index i = 0; i < few.size(); ++i) {
        CHECK(few(i) == many(i));
        CHECK(many(i) != other(i));
    }
}

TEST_CASE("orthogonal gives orthonormal rows or columns", "[core]") {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{8, 8}, {5, 20}, {32, 6}, {1, 4}, {64, 256}}) {
        Tensor<double, 2> q(rows, columns);
        fill_orthogonal(q, Seed{5});
        const bool wide = rows <= columns;
        const Index count = std::min(rows, columns), length = std::max(rows, columns);
        double worst = 0;
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < count; ++j) {
                double dot = 0;
                for (Index k = 0; k < length; ++k) dot += wide ? q(i, k) * q(j, k) : q(k, i) * q(k, j);
                worst = std::max(worst, std::abs(dot - (i == j)));
            }
        CAPTURE(rows, columns);
        CHECK(worst < 1e-13);
    }
}
