/// What a RankingReport says about parts of the queries, and how sure it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>

DEEPREC_BEGIN

/// HR@k and NDCG@k over some queries.
struct RankingFigures {
    Index queries = 0;
    double hr = 0, ndcg = 0;
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
    RankingFigures head, torso, tail, cold;
};
/// Throws DataError unless there is a rank for each query, and for a target that `train` does not number.
inline PopularityRows by_popularity(const RankingReport& report, std::span<const Query> queries,
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

/// Ends of a confidence interval.
struct Interval {
    double low = 0, high = 0;
};
struct BootstrapIntervals {
    Interval hr, ndcg;
};
/// Percentile bootstrap over queries (Efron 1979): the middle `confidence` of the figures of `resamples` draws of as
/// many queries with replacement. Throws ArgumentError for options without meaning, DataError without queries.
inline BootstrapIntervals bootstrap(const RankingReport& report, double confidence = 0.95, Index resamples = 1000,
                                    Seed seed = {}) {
    if (!(confidence > 0 && confidence < 1) || resamples < 1)
        throw ArgumentError(message("bootstrap: expected a confidence between 0 and 1 and resamples >= 1, received ",
                                    confidence, " and ", resamples));
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
    const auto middle = [&](std::vector<double>& values) {
        std::sort(values.begin(), values.end());
        const double last = static_cast<double>(values.size() - 1), cut = (1 - confidence) / 2;
        const auto at = [&](double share) { return values[static_cast<std::size_t>(std::lround(share * last))]; };
        return Interval{at(cut), at(1 - cut)};
    };
    return {middle(hr), middle(ndcg)};
}

DEEPREC_END
