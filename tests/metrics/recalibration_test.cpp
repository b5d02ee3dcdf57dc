#include <deeprec/metrics/recalibration.hpp>

#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/metrics/calibration_error.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Recalibration by hand", "[metrics]") {
    CHECK(recalibrate(0.5, 0.1) == Approx(1.0 / 11));  // one positive beside one negative that stands for ten
    CHECK(recalibrate(0.3, 1) == Approx(0.3));
    CHECK(recalibrate(0, 0.1) == 0);
    CHECK(recalibrate(1, 0.1) == 1);
    CHECK(recalibrate(0, std::numeric_limits<double>::min()) == 0);
    CHECK(std::isnan(recalibrate(std::nan(""), 0.5)));
    CHECK(recalibrate(recalibrate(0.7, 0.05), 20) == Approx(0.7));
    CHECK(shift_prior(0.6, 0.5, 0.1) == Approx(1.0 / 7));  // odds 1.5 / 9
    CHECK(shift_prior(0.2, 0.2, 0.2) == Approx(0.2));
    CHECK(shift_prior(0.2, 0.2, 0.05) == Approx(0.05));  // who knows nothing but the share says the share
    CHECK(message_of<ArgumentError>([] { recalibrate(1.5, 0.5); }) ==
          "recalibrate: expected a probability from 0 to 1, received 1.5");
    for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        CHECK_THROWS_AS(recalibrate(0.5, bad), ArgumentError);
    CHECK(message_of<ArgumentError>([] { shift_prior(0.5, 0, 0.1); }) ==
          "shift_prior: expected shares between 0 and 1, received 0 and 0.1");
    CHECK_THROWS_AS(shift_prior(0.5, 0.1, 1), ArgumentError);
}

TEST_CASE("What was learned from sampled negatives fits all data once recalibrated", "[metrics]") {
    // P(positive | x) = sigmoid(2 x - 2) for standard normal x; a logistic regression sees all positives and a tenth of
    // the negatives, by Newton's method until nothing moves.
    const double kept = 0.1;
    const RandomStream random(Seed{1});
    struct Sample {
        double x, y;
    };
    std::vector<Sample> all, sampled;
    const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
    for (std::uint64_t i = 0; i < 100000; ++i) {
        const double x = random.normal(2 * i), draw = random.uniform(4 * i + 2);
        all.push_back({x, draw < sigmoid(2 * x - 2) ? 1.0 : 0.0});
        if (all.back().y == 1 || RandomStream(Seed{2}).uniform(i) < kept) sampled.push_back(all.back());
    }
    double w = 0, b = 0;
    for (int step = 0; step < 20; ++step) {
        double gw = 0, gb = 0, ww = 0, wb = 0, bb = 0;
        for (const Sample& s : sampled) {
            const double p = sigmoid(w * s.x + b), v = p * (1 - p);
            gw += (s.y - p) * s.x, gb += s.y - p;
            ww += v * s.x * s.x, wb += v * s.x, bb += v;
        }
        const double determinant = ww * bb - wb * wb;
        w += (bb * gw - wb * gb) / determinant;
        b += (ww * gb - wb * gw) / determinant;
    }
    CalibrationError raw, recalibrated, by_prior;
    CalibrationError truth;
    double positives = 0, sampled_positives = 0, worst = 0;
    for (const Sample& s : all) positives += s.y;
    for (const Sample& s : sampled) sampled_positives += s.y;
    for (const Sample& s : all) {
        const double p = sigmoid(w * s.x + b), q = recalibrate(p, kept);
        truth.add(sigmoid(2 * s.x - 2), s.y, 1);
        raw.add(p, s.y, 1);
        recalibrated.add(q, s.y, 1);
        by_prior.add(shift_prior(p, sampled_positives / static_cast<double>(sampled.size()),
                                 positives / static_cast<double>(all.size())),
                     s.y, 1);
        worst = std::max(worst, std::abs(q - sigmoid(2 * s.x - 2)));
    }
    CHECK(raw.result() > 0.2);
    CHECK(recalibrated.result() < 0.01);  // the truth itself has half of that here
    CHECK(by_prior.result() < 0.01);
    CHECK(truth.result() < 0.005);
    CHECK(worst < 0.02);  // three standard errors of the fit
}
