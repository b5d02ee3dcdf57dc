#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/binary_focal_cross_entropy.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;
using support::message_of;

namespace {
const auto labels = [](Index r, Index j) { return (r + j) % 2 ? 1.0 : 0.0; };
}

TEST_CASE("Binary cross-entropy passes the battery", "[losses]") {
    for (const double smoothing : {0.0, 0.1})
        for (const Reduction reduction : {Reduction::sum_over_batch_size, Reduction::sum}) {
            battery::check_loss(BinaryCrossEntropy{{false, smoothing, reduction, 2, 0.5}}, 3, {0.05, 0.95}, labels);
            battery::check_loss(BinaryCrossEntropy{{false, smoothing, reduction, 1, 1, true}}, 3, {0.05, 0.95}, labels);
            battery::check_loss(BinaryCrossEntropy{{true, smoothing, reduction, 2, 0.5}}, 3, {-6, 6}, labels);
            battery::check_large_logits(BinaryCrossEntropy{{true, smoothing, reduction, 2, 0.5}}, 3, labels);
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

TEST_CASE("A target of binary cross-entropy is a probability", "[losses]") {
    Tensor<float, 2> p(1, 2), y(1, 2);
    p.setConstant(0.5f);
    for (const float wrong : {-1.0f, 1.5f}) {
        y(0, 0) = 1, y(0, 1) = wrong;
        CHECK(support::message_of<DataError>([&] { BinaryCrossEntropy{}.forward(p, y); }) ==
              message("BinaryCrossEntropy: expected targets in [0, 1], received ", wrong));
        CHECK(support::message_of<DataError>([&] { BinaryFocalCrossEntropy{}.forward(p, y); }) ==
              message("BinaryFocalCrossEntropy: expected targets in [0, 1], received ", wrong));
    }
}

TEST_CASE("label_smoothing must be a share", "[losses]") {
    CHECK(message_of<ArgumentError>([] { BinaryCrossEntropy{{.label_smoothing = 1.5}}; }) ==
          "BinaryCrossEntropy: expected label_smoothing in [0, 1], received 1.5");
    CHECK_THROWS_AS((BinaryCrossEntropy{{.label_smoothing = std::nan("")}}), ArgumentError);
}

TEST_CASE("Class weights multiply the two terms of binary cross-entropy", "[losses]") {
    Tensor<double, 2> p(2, 1), y(2, 1);
    p.setConstant(0.25);
    y.setValues({{1}, {0}});
    const auto each = BinaryCrossEntropy{{.pos_weight = 3, .neg_weight = 0.5}}.per_sample(p, y);
    CHECK(each(0) == Approx(-3 * std::log(0.25)));
    CHECK(each(1) == Approx(-0.5 * std::log(0.75)));
}

TEST_CASE("PyTorch's rule holds logarithms at -100", "[losses]") {
    Tensor<double, 2> p(1, 1), y(1, 1);
    p.setZero();
    y.setConstant(1);
    CHECK(BinaryCrossEntropy{{.clamp_log = true}}.forward(p, y) == 100);
}
