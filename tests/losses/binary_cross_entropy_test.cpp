#include <deeprec/losses/binary_cross_entropy.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// Largest difference between the gradient and central differences, of random logits or probabilities.
double worst_gradient_error(const BinaryCrossEntropy& loss, double low, double high) {
    const RandomStream random(Seed{4});
    Tensor<double, 2> p(7, 3), y(7, 3);
    Tensor<double, 1> weight(7);
    for (Index i = 0; i < p.size(); ++i) {
        p.data()[i] = random.uniform(static_cast<std::uint64_t>(i), low, high);
        y.data()[i] = static_cast<double>(i % 2);
        weight(i % 7) = 0.5 * static_cast<double>(i % 7);
    }
    const auto gradient = loss.gradient(p, y, weight);
    double worst = 0;
    for (Index i = 0; i < p.size(); ++i) {
        const double at = p.data()[i], h = 1e-6;
        p.data()[i] = at + h;
        const double above = loss.forward(p, y, weight);
        p.data()[i] = at - h;
        worst = std::max(worst, std::abs((above - loss.forward(p, y, weight)) / (2 * h) - gradient.data()[i]));
        p.data()[i] = at;
    }
    return worst;
}
}  // namespace

TEST_CASE("Gradients of binary cross-entropy are its slopes", "[losses]") {
    for (const double smoothing : {0.0, 0.1})
        for (const Reduction reduction : {Reduction::sum_over_batch_size, Reduction::sum}) {
            CHECK(worst_gradient_error(BinaryCrossEntropy{{false, smoothing, reduction}}, 0.05, 0.95) < 1e-6);
            CHECK(worst_gradient_error(BinaryCrossEntropy{{true, smoothing, reduction}}, -6, 6) < 1e-6);
        }
}

TEST_CASE("Binary cross-entropy is finite for any logit, in float too", "[losses]") {
    const BinaryCrossEntropy loss{{.from_logits = true, .reduction = Reduction::sum}};
    for (const float z : {-1e4f, -100.0f, -20.0f, 0.0f, 20.0f, 100.0f, 1e4f})
        for (const float target : {0.0f, 1.0f}) {
            Tensor<float, 2> logit(1, 1), y(1, 1);
            logit(0, 0) = z;
            y(0, 0) = target;
            const double expected = std::max<double>(z, 0) - z * target + std::log1p(std::exp(-std::abs(z)));
            CAPTURE(z, target);
            CHECK(loss.forward(logit, y) == Approx(expected).epsilon(1e-6).margin(1e-7));
            const double probability = 1 / (1 + std::exp(-static_cast<double>(z)));
            CHECK(loss.gradient(logit, y)(0, 0) == Approx(probability - target).epsilon(1e-6).margin(1e-12));
        }
}

TEST_CASE("Probabilities are clipped, and have no gradient outside", "[losses]") {
    const BinaryCrossEntropy loss;
    Tensor<double, 2> p(1, 1), y(1, 1);
    for (const double wrong : {0.0, 1.0}) {
        p(0, 0) = wrong;
        y(0, 0) = 1 - wrong;
        CHECK(loss.forward(p, y) == Approx(-std::log(1e-7)));
        CHECK(loss.gradient(p, y)(0, 0) == 0);
    }
}

TEST_CASE("NaN is never hidden by binary cross-entropy", "[losses]") {
    Tensor<float, 2> p(2, 1), y(2, 1);
    p.setConstant(0.5f);
    y.setZero();
    p(1, 0) = std::numeric_limits<float>::quiet_NaN();
    for (const bool from_logits : {false, true}) {
        const BinaryCrossEntropy loss{{.from_logits = from_logits}};
        CHECK(std::isnan(loss.forward(p, y)));
        CHECK(std::isnan(loss.gradient(p, y)(1, 0)));
        CHECK(!std::isnan(loss.gradient(p, y)(0, 0)));
    }
}

TEST_CASE("label_smoothing must be a share", "[losses]") {
    CHECK(message_of<ArgumentError>([] { BinaryCrossEntropy{{.label_smoothing = 1.5}}; }) ==
          "BinaryCrossEntropy: expected label_smoothing in [0, 1], received 1.5");
    CHECK_THROWS_AS((BinaryCrossEntropy{{.label_smoothing = std::nan("")}}), ArgumentError);
}
