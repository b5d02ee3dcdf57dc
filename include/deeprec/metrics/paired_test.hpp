/// Whether two models differ by more than chance, told from what each has for the same queries, users or samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Ends of a confidence interval.
struct Interval {
    double low = 0, high = 0;  ///< low <= high
};

/// Of `paired_test` and `compare`.
struct PairedTestOptions {
    double confidence = 0.95;  ///< of the interval
    Index resamples = 2000;    ///< for the interval, and for p where there are more patterns of signs
    Seed seed{};               ///< of all that is drawn
};

/// What `paired_test` finds.
struct PairedTest {
    double difference = 0;  ///< mean of the differences
    Interval interval;      ///< of that mean
    double p = 1;           ///< how often a difference as large comes about by chance alone
};

namespace detail {
inline void check_resampling(std::string_view who, double confidence, Index resamples) {
    if (!(confidence > 0 && confidence < 1) || resamples < 1)
        throw ArgumentError(message(who, ": expected a confidence between 0 and 1 and resamples >= 1, received ",
                                    confidence, " and ", resamples));
}
/// The middle `confidence` of the values, which it sorts.
inline Interval middle(std::vector<double>& values, double confidence) {
    std::sort(values.begin(), values.end());
    const double last = static_cast<double>(values.size() - 1), cut = (1 - confidence) / 2;
    const auto at = [&](double share) { return values[static_cast<std::size_t>(std::lround(share * last))]; };
    return {at(cut), at(1 - cut)};
}
/// The two-sided p of a sign-flip test.
inline double sign_flip_p(std::span<const double> differences, Index resamples, Seed seed) {
    std::vector<double> d;  // signs of zeros change nothing
    double sum = 0, size = 0;
    for (const double x : differences) {
        if (x < 0 || x > 0) d.push_back(x);
        sum += x;
        size += std::abs(x);
    }
    const double least = std::abs(sum) - 1e-12 * size;  // sums that are equal but for rounding are equal
    const auto patterns = d.size() < 62 ? Index(1) << d.size() : resamples + 1;
    const bool all = patterns <= resamples;
    Index as_large = 0;
    for (Index s = 0; s < (all ? patterns : resamples); ++s) {
        const RandomStream random(derive(seed, static_cast<std::uint64_t>(s)));
        double flipped = 0;
        std::uint64_t signs = static_cast<std::uint64_t>(s);
        for (std::size_t i = 0; i < d.size(); ++i, signs >>= 1) {
            if (!all && i % 64 == 0) signs = random.bits(i / 64);
            flipped += signs & 1 ? d[i] : -d[i];
        }
        as_large += std::abs(flipped) >= least;
    }
    return all ? static_cast<double>(as_large) / static_cast<double>(patterns)
               : static_cast<double>(1 + as_large) / static_cast<double>(1 + resamples);
}
}  // namespace detail

/// Tests the differences b(q) - a(q) of two models over the same queries q.
///
/// p is that of the two-sided sign-flip test (Fisher 1935; for rankings Smucker, Allan and Carterette 2007): if the
/// models were alike, each difference could as well have the other sign. It is the share of the patterns of signs whose
/// sum is as large as the one seen, of all 2^n where those are no more than `resamples` (differences of 0 left out),
/// else of random ones with the one seen among them, (1 + as large) / (1 + resamples). The interval is that of the
/// percentile bootstrap over queries (Efron 1979).
///
/// Throws DataError without differences or for one that is not finite, ArgumentError for options without meaning.
inline PairedTest paired_test(std::span<const double> differences, const PairedTestOptions& options = {}) {
    detail::check_resampling("paired_test", options.confidence, options.resamples);
    const std::size_t n = differences.size();
    if (n == 0) throw DataError("paired_test: there are no differences");
    double sum = 0;
    for (std::size_t q = 0; q < n; ++q) {
        if (!std::isfinite(differences[q]))
            throw DataError(message("paired_test: difference ", q + 1, " is ", differences[q]));
        sum += differences[q];
    }
    std::vector<double> means;
    for (Index s = 0; s < options.resamples; ++s) {
        const RandomStream random(derive(options.seed, static_cast<std::uint64_t>(s)));
        double total = 0;
        for (std::size_t i = 0; i < n; ++i) total += differences[random.below(i, n)];
        means.push_back(total / static_cast<double>(n));
    }
    return {sum / static_cast<double>(n), detail::middle(means, options.confidence),
            detail::sign_flip_p(differences, options.resamples, derive(options.seed, 0x70616972))};
}

DEEPREC_END
