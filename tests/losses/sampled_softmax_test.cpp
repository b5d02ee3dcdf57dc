#include <deeprec/losses/sampled_softmax.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {
struct Problem {
    Tensor<double, 2> z{5, 6}, y{5, 6};
    Problem() {
        const RandomStream random(Seed{2});
        y.setZero();
        for (Index i = 0; i < z.size(); ++i) z.data()[i] = random.uniform(static_cast<std::uint64_t>(i), -3, 3);
        for (Index b = 0; b < 4; ++b) y(b, b) = 1;
        y(4, 1) = 0.25;  // a distribution
        y(4, 5) = 0.75;
        y(0, 4) = y(1, 0) = y(4, 0) = left_out<double>;
    }
};
}  // namespace

TEST_CASE("Sampled softmax is the cross-entropy over the candidates that count", "[losses]") {
    const Problem problem;
    double expected = 0;
    for (Index b = 0; b < 5; ++b) {
        double total = 0, target = 0;
        for (Index j = 0; j < 6; ++j) {
            if (problem.y(b, j) < 0) continue;
            total += std::exp(problem.z(b, j));
            target += problem.y(b, j) * problem.z(b, j);
        }
        expected += std::log(total) - target;
    }
    CHECK(SampledSoftmax{}.forward(problem.z, problem.y) == Approx(expected / 5));
    CHECK(SampledSoftmax{Reduction::sum}.forward(problem.z, problem.y) == Approx(expected));
}

TEST_CASE("Gradients of the sampled softmax are its slopes, zero where a candidate is left out", "[losses]") {
    Problem problem;
    const SampledSoftmax loss;
    const auto gradient = loss.gradient(problem.z, problem.y);
    double worst = 0;
    for (Index i = 0; i < problem.z.size(); ++i) {
        double& z = problem.z.data()[i];
        const double at = z, h = 1e-6;
        z = at + h;
        const double above = loss.forward(problem.z, problem.y);
        z = at - h;
        worst = std::max(worst, std::abs((above - loss.forward(problem.z, problem.y)) / (2 * h) - gradient.data()[i]));
        z = at;
    }
    CHECK(worst < 1e-8);
    CHECK(gradient(0, 4) == 0);
    CHECK(gradient(1, 0) == 0);
}

TEST_CASE("What is left out has no influence, however large", "[losses]") {
    Problem problem;
    const double before = SampledSoftmax{}.forward(problem.z, problem.y);
    problem.z(0, 4) = 1e300;
    problem.z(1, 0) = std::numeric_limits<double>::quiet_NaN();
    CHECK(SampledSoftmax{}.forward(problem.z, problem.y) == before);
    problem.y.setConstant(left_out<double>);
    CHECK(SampledSoftmax{}.forward(problem.z, problem.y) == 0);
    const auto gradient = SampledSoftmax{}.gradient(problem.z, problem.y);
    for (Index i = 0; i < gradient.size(); ++i) CHECK(gradient.data()[i] == 0);
}

TEST_CASE("The sampled softmax is finite for any finite score", "[losses]") {
    for (const float size : {1e4f, 1e30f}) {
        Tensor<float, 2> z(2, 3), y(2, 3);
        z.setZero();
        y.setZero();
        z(0, 0) = z(1, 0) = size;
        z(0, 1) = z(1, 1) = -size;
        y(0, 0) = 1;  // right and certain
        y(1, 1) = 1;  // wrong and certain
        const auto each = SampledSoftmax{}.per_sample(z, y);
        CHECK(each(0) == 0);
        CHECK(each(1) == Approx(2 * size));
        const auto gradient = SampledSoftmax{Reduction::sum}.gradient(z, y);
        CHECK(gradient(0, 0) == 0);
        CHECK(gradient(1, 0) == 1);
        CHECK(gradient(1, 1) == -1);
    }
}

TEST_CASE("NaN is never hidden by the sampled softmax", "[losses]") {
    Problem problem;
    problem.z(2, 3) = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(SampledSoftmax{}.forward(problem.z, problem.y)));
    CHECK(std::isnan(SampledSoftmax{}.gradient(problem.z, problem.y)(2, 3)));
}
