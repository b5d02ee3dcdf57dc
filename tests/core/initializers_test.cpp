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

TEST_CASE("Fans are those of the kernels", "[core]") {
    CHECK(fans(Tensor<float, 1>(7)).in == 7);
    CHECK(fans(Tensor<float, 2>(3, 5)).in == 3);
    CHECK(fans(Tensor<float, 2>(3, 5)).out == 5);
    CHECK(fans(Tensor<float, 3>(4, 3, 5)).in == 12);
    CHECK(fans(Tensor<float, 3>(4, 3, 5)).out == 20);
}

TEST_CASE("Variance scaling takes the fan and the distribution that it is told", "[core]") {
    using Fan = VarianceScaling::Fan;
    using Distribution = VarianceScaling::Distribution;
    Tensor<double, 2> kernel(100, 400);
    const double n = static_cast<double>(kernel.size());
    for (const auto& [fan, size] :
         {std::pair{Fan::in, 100.0}, std::pair{Fan::out, 400.0}, std::pair{Fan::average, 250.0}})
        for (const Distribution distribution :
             {Distribution::uniform, Distribution::normal, Distribution::truncated_normal}) {
            fill_scaled(kernel, {3, fan, distribution}, Seed{2});
            double squares = 0, largest = 0;
            for (Index i = 0; i < kernel.size(); ++i) {
                squares += kernel.data()[i] * kernel.data()[i];
                largest = std::max(largest, std::abs(kernel.data()[i]));
            }
            const double stddev = std::sqrt(3 / size);
            CHECK(std::abs(std::sqrt(squares / n) / stddev - 1) < 5 * std::sqrt(0.5 / n));
            CHECK((largest < 2.3 * stddev) == (distribution != Distribution::normal));
        }
}

TEST_CASE("Variance scaling needs a positive scale", "[core]") {
    Tensor<float, 2> kernel(2, 3);
    for (const double wrong : {-1.0, 0.0, std::nan(""), HUGE_VAL})
        CHECK_THROWS_WITH(fill(kernel, VarianceScaling{.scale = wrong}, Seed{1}),
                          message("VarianceScaling: expected a positive scale, received ", wrong));
}

TEST_CASE("glorot_uniform is the same by shape and by fans", "[core]") {
    Tensor<float, 3> a(3, 8, 16), b(3, 8, 16);
    fill_scaled(a, glorot_uniform, Seed{4});
    fill_glorot_uniform(b, 24, 48, Seed{4});
    for (Index i = 0; i < a.size(); ++i) CHECK(a.data()[i] == Approx(b.data()[i]));
}

TEST_CASE("identity, and orthogonal with a gain and more axes", "[core]") {
    Tensor<float, 2> identity(2, 3);
    fill_identity(identity, 2);
    for (Index r = 0; r < 2; ++r)
        for (Index c = 0; c < 3; ++c) CHECK(identity(r, c) == (r == c ? 2 : 0));
    Tensor<double, 3> q(3, 4, 2);
    fill_orthogonal(q, Seed{1}, 3);
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 2; ++j) {
            double dot = 0;
            for (Index k = 0; k < 12; ++k) dot += q.data()[2 * k + i] * q.data()[2 * k + j];
            CHECK(std::abs(dot - (i == j ? 9 : 0)) < 1e-12);
        }
}

TEST_CASE("An initialiser as an option is the function of its name", "[core]") {
    const auto same = [](const Initializer& initializer, auto&& expected) {
        Tensor<float, 2> got(6, 9), want(6, 9);
        fill(got, initializer, Seed{4});
        expected(want);
        return std::equal(got.data(), got.data() + got.size(), want.data());
    };
    CHECK(same(glorot_uniform, [](auto& t) { fill_glorot_uniform(t, 6, 9, Seed{4}); }));
    CHECK(same(he_normal, [](auto& t) { fill_scaled(t, he_normal, Seed{4}); }));
    CHECK(same(RandomUniform{0.3}, [](auto& t) { fill_uniform(t, 0.3, Seed{4}); }));
    CHECK(same(RandomNormal{0.3}, [](auto& t) { fill_normal(t, 0.3, Seed{4}); }));
    CHECK(same(TruncatedNormal{0.3}, [](auto& t) { fill_truncated_normal(t, 0.3, Seed{4}); }));
    CHECK(same(Orthogonal{2}, [](auto& t) { fill_orthogonal(t, Seed{4}, 2); }));
    CHECK(same(Constant{}, [](auto& t) { t.setZero(); }));
    CHECK(same(Constant{1.5}, [](auto& t) { t.setConstant(1.5f); }));
    Tensor<float, 1> bias(3);
    CHECK_THROWS_WITH(fill(bias, Orthogonal{}, Seed{1}),
                      "Orthogonal: expected a tensor of rank 2 or more, received a vector");
}
