/// What RankingReports say about parts of the queries, how sure one is, and whether two differ.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/metrics/paired_test.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>

DEEPREC_BEGIN

/// HR@k and NDCG@k over some queries.
struct RankingFigures {
    Index queries = 0;        ///< that the means are over
    double hr = 0, ndcg = 0;  ///< means, as in RankingReport
};

/// The figures of the queries for which `chosen(query number)` holds; zeros where it holds for none.
template <class Chosen>
RankingFigures figures_where(const RankingReport& report, Chosen&& chosen) {
    RankingFigures f;
    for (std::size_t q = 0; q < report.ranks.size(); ++q) {
        if (!chosen(q)) continue;
        const double gain = detail::gain(report.ranks[q], report.protocol.k);
        ++f.queries;
        f.hr += gain > 0;
        f.ndcg += gain;
    }
    if (f.queries > 0) {
        f.hr /= static_cast<double>(f.queries);
        f.ndcg /= static_cast<double>(f.queries);
    }
    return f;
}

/// Queries by the popularity of their target in the train part: `head` are the most popular items that together have a
/// third of the training events, `torso` the next third, `tail` the others, `cold` those that training never saw.
struct PopularityRows {
    RankingFigures head, torso, tail, cold;  ///< by the target of the query
};
/// Throws DataError unless there is a rank for each query, and for a target that `train` does not number.
DEEPREC_LAZY PopularityRows by_popularity(const RankingReport& report, std::span<const Query> queries,
                                          const Sequences& train) {
    if (report.ranks.size() != queries.size())
        throw DataError(message("by_popularity: expected a rank for each of ", queries.size(), " queries, received ",
                                report.ranks.size()));
    for (const Query& query : queries)
        if (query.target < 1 || query.target > train.items())
            throw DataError(
                message("by_popularity: expected targets from 1 to ", train.items(), ", received ", query.target));
    const auto counts = train.item_counts();
    std::vector<std::int32_t> order(counts.size() - 1);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i) + 1;
    const auto count = [&](std::int32_t item) { return counts[static_cast<std::size_t>(item)]; };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return count(a) > count(b); });
    std::vector<int> part(counts.size(), 3);
    Index before = 0;
    for (const std::int32_t item : order) {
        if (count(item) > 0) part[static_cast<std::size_t>(item)] = static_cast<int>(3 * before / train.size());
        before += count(item);
    }
    const auto row = [&](int which) {
        return figures_where(report,
                             [&](std::size_t q) { return part[static_cast<std::size_t>(queries[q].target)] == which; });
    };
    return {row(0), row(1), row(2), row(3)};
}

/// Intervals of HR@k and NDCG@k, as `bootstrap` gives them.
struct BootstrapIntervals {
    Interval hr, ndcg;  ///< of the mean over the queries
};
/// Percentile bootstrap over queries (Efron 1979): the middle `confidence` of the figures of `resamples` draws of as
/// many queries with replacement. Throws ArgumentError for options without meaning, DataError without queries.
DEEPREC_LAZY BootstrapIntervals bootstrap(const RankingReport& report, double confidence = 0.95, Index resamples = 1000,
                                          Seed seed = {}) {
    detail::check_resampling("bootstrap", confidence, resamples);
    const std::size_t n = report.ranks.size();
    if (n == 0) throw DataError("bootstrap: there are no queries");
    std::vector<double> gain(n), hr, ndcg;
    for (std::size_t q = 0; q < n; ++q) gain[q] = detail::gain(report.ranks[q], report.protocol.k);
    for (Index s = 0; s < resamples; ++s) {
        const RandomStream random(derive(seed, static_cast<std::uint64_t>(s)));
        double hits = 0, sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const double g = gain[random.below(i, n)];
            hits += g > 0;
            sum += g;
        }
        hr.push_back(hits / static_cast<double>(n));
        ndcg.push_back(sum / static_cast<double>(n));
    }
    return {detail::middle(hr, confidence), detail::middle(ndcg, confidence)};
}

/// What `compare` finds, for HR@k and NDCG@k.
struct RankingComparison {
    PairedTest hr, ndcg;  ///< of b less a
};
/// How much better `b` ranks than `a`, query by query, with the p-value and the interval of `paired_test`. Each may be
/// several reports, those of a model's seeds: a query's figure is then the mean over them. So p says what other queries
/// would do, not what other seeds would.
/// Throws DataError unless all reports are of the same k and the same number of queries, one at least; else as
/// `paired_test`.
DEEPREC_LAZY RankingComparison compare(std::span<const RankingReport> a, std::span<const RankingReport> b,
                                       const PairedTestOptions& options = {}) {
    if (a.empty() || b.empty()) throw DataError("compare: expected reports of both models");
    const std::size_t n = a[0].ranks.size();
    const Index k = a[0].protocol.k;
    std::vector<double> hr(n, 0.0), ndcg(n, 0.0);
    const auto add = [&](std::span<const RankingReport> reports, double sign) {
        const double weight = sign / static_cast<double>(reports.size());
        for (const RankingReport& report : reports) {
            if (report.ranks.size() != n || report.protocol.k != k)
                throw DataError(message("compare: expected ranks of the same ", n, " queries cut at ", k, ", received ",
                                        report.ranks.size(), " cut at ", report.protocol.k));
            for (std::size_t q = 0; q < n; ++q) {
                const double gain = detail::gain(report.ranks[q], k);
                hr[q] += gain > 0 ? weight : 0;
                ndcg[q] += weight * gain;
            }
        }
    };
    add(b, 1);
    add(a, -1);
    return {paired_test(hr, options), paired_test(ndcg, options)};
}
/// The same of one report each.
DEEPREC_LAZY RankingComparison compare(const RankingReport& a, const RankingReport& b,
                                       const PairedTestOptions& options = {}) {
    return compare(std::span(&a, 1), std::span(&b, 1), options);
}

DEEPREC_END
