#include <deeprec/metrics/paired_test.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
// Darwin's maize: heights of crossed less self-fertilised plants in eighths of an inch. Fisher (The Design of
// Experiments, 1935, chapter 3): 863 of the 32,768 patterns of signs have sums as high as 314, or 1,726 as far from 0.
const std::vector<double> maize{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
}  // namespace

TEST_CASE("The sign-flip test of Darwin's maize is Fisher's", "[metrics]") {
    const PairedTest test = paired_test(maize, {.resamples = 32768});
    CHECK(test.difference == Approx(314.0 / 15));
    CHECK(test.p == 1726.0 / 32768);
    const PairedTest drawn = paired_test(maize, {.resamples = 20000});  // fewer than the patterns
    CHECK(std::abs(drawn.p - test.p) < 4 * std::sqrt(test.p * (1 - test.p) / 20000));
    CHECK(paired_test(maize, {.resamples = 20000}).p == drawn.p);
    CHECK(paired_test(maize, {.resamples = 20000, .seed = {1}}).p != drawn.p);
}

TEST_CASE("Few differences have a p of all patterns; zeros say nothing", "[metrics]") {
    CHECK(paired_test(std::vector<double>{1, 1, 1}).p == 0.25);
    CHECK(paired_test(std::vector<double>{1, 1, 0, 1, 0}).p == 0.25);
    CHECK(paired_test(std::vector<double>{-0.1, -0.2, -0.3, 0.4}).p == 0.875);  // all but the two of 16 whose sum is 0
    const PairedTest none = paired_test(std::vector<double>{0, 0});
    CHECK(none.p == 1);
    CHECK(none.interval.low == 0);
    CHECK(none.interval.high == 0);
}

TEST_CASE("The interval of a mean difference is about two standard errors on each side", "[metrics]") {
    std::vector<double> differences;
    for (int q = 0; q < 2000; ++q) differences.push_back(q % 4 == 0 ? 1 : q % 4 == 1 ? -1 : q % 20 == 2 ? 1 : 0);
    const PairedTest test = paired_test(differences, {.resamples = 4000});
    const double error = std::sqrt((0.55 - 0.05 * 0.05) / 2000);
    CHECK(test.difference == Approx(0.05));
    CHECK(std::abs(test.interval.low - (0.05 - 1.96 * error)) < 0.2 * error);
    CHECK(std::abs(test.interval.high - (0.05 + 1.96 * error)) < 0.2 * error);
    CHECK(std::abs(test.p - std::erfc(0.05 / error / std::sqrt(2.0))) < 0.003);  // the normal's: many queries
    const PairedTest narrow = paired_test(differences, {.confidence = 0.5, .resamples = 4000});
    CHECK(std::abs(narrow.interval.high - (0.05 + 0.6745 * error)) < 0.2 * error);
}

TEST_CASE("Differences must be there and finite, options have meaning", "[metrics]") {
    CHECK(message_of<DataError>([] { paired_test({}); }) == "paired_test: there are no differences");
    CHECK(message_of<DataError>([] {
              paired_test(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()});
          }).starts_with("paired_test: difference 2 is "));
    CHECK(message_of<ArgumentError>([] { paired_test(maize, {.confidence = 1}); }) ==
          "paired_test: expected a confidence between 0 and 1 and resamples >= 1, received 1 and 2000");
    CHECK(message_of<ArgumentError>([] { paired_test(maize, {.resamples = 0}); }).ends_with("received 0.95 and 0"));
}
