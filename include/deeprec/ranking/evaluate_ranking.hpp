/// How well a recommender ranks: the target of each query among the whole catalogue, or among negatives that are given.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/ranking/scorer.hpp>
#include <deeprec/training/fingerprint.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN

/// What is ranked, stated with every figure.
struct RankingProtocol {
    bool remove_history = true;  ///< items of the query's history cannot be recommended
    Index k = 10;                ///< length of the lists of HR@k and NDCG@k
    int threads = 0;             ///< 0 = all cores
    /// Not null: a query's target is ranked against these items of its user alone, not against all (`read_negatives`).
    const Sequences* negatives = nullptr;
    /// Processes that share the queries. Every rank has the scorer and all queries, and gets the report of one process,
    /// to the bit.
    AnyWorld world{};
};

/// Means over all queries, and what each query contributed.
struct RankingReport {
    double auc = 0;            ///< probability that the target beats a random other candidate, ties one half
    double hr = 0;             ///< HR@k: share of queries with the target among the first k
    double ndcg = 0;           ///< NDCG@k with one relevant item: 1 / log2(rank + 1) within the first k, else 0
    RankingProtocol protocol;  ///< by which this was ranked
    std::vector<Index> ranks;  ///< of each query's target, from 1; 0 where the target was no candidate
};

namespace detail {
/// NDCG@k of one query: 1 / log2(rank + 1) within the first k, else 0; rank 0 is no candidate.
inline double gain(Index rank, Index k) {
    return rank == 0 || rank > k ? 0.0 : 1 / std::log2(static_cast<double>(rank) + 1);
}
struct TargetRank {
    Index rank = 0;  // 0: the target is no candidate
    double auc = 0;
};
DEEPREC_LAZY_DECLARED void check_queries(std::string_view name, std::span<const Query> queries, std::int32_t items,
                                         const RankingProtocol& protocol);
/// Throws ArgumentError, on every rank and with both values, where one has another protocol or other queries.
DEEPREC_LAZY_DECLARED void agree_to_rank(std::span<const Query> queries, std::int32_t items,
                                         const RankingProtocol& protocol);
/// Of all queries what each rank made of its own, which begin at first_of(rank): its ranks, then its `auc`.
template <class FirstOf>
void gather_ranks(std::span<const std::vector<std::byte>> all, const FirstOf& first_of, std::vector<Index>& ranks,
                  std::vector<double>& auc) {
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        const std::size_t first = first_of(rank), count = first_of(rank + 1) - first;
        if (count == 0) continue;
        std::memcpy(ranks.data() + first, all[rank].data(), count * sizeof(Index));
        std::memcpy(auc.data() + first, all[rank].data() + count * sizeof(Index), count * sizeof(double));
    }
}
/// candidate[item] = whether the query may be answered with the item, for items 1 ... of `candidate`.
DEEPREC_LAZY_DECLARED void mark_candidates(const Query& query, std::vector<std::uint8_t>& candidate,
                                           const RankingProtocol& protocol);
/// Where the target of one query stands among its candidates; `candidate` is scratch.
DEEPREC_LAZY_DECLARED TargetRank rank_target(const Query& query, std::span<const float> scores,
                                             std::vector<std::uint8_t>& candidate, const RankingProtocol& protocol);

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void check_queries(std::string_view name, std::span<const Query> queries, std::int32_t items,
                                         const RankingProtocol& protocol) {
    if (queries.empty()) throw DataError(message(name, ": there are no queries"));
    const auto check = [&](std::string_view what, std::int32_t item) {
        if (item < 1 || item > items)
            throw DataError(message(name, ": expected ", what, " from 1 to ", items, ", received ", item));
    };
    for (const Query& query : queries) {
        check("targets", query.target);
        for (const std::int32_t item : query.history) check("histories with items", item);
        if (!protocol.negatives) continue;
        if ((*protocol.negatives)[query.user].empty())
            throw DataError(message(name, ": user ", query.user, " has no negatives"));
        for (const std::int32_t item : (*protocol.negatives)[query.user]) check("negatives", item);
    }
}

DEEPREC_LAZY_FUNCTION void agree_to_rank(std::span<const Query> queries, std::int32_t items,
                                         const RankingProtocol& protocol) {
    std::uint64_t hash = hash_start;
    for (const Query& query : queries) {
        const std::int32_t ids[] = {query.user, query.target};
        hash = hash_bytes(ids, sizeof ids, hash_bytes(query.history.data(), query.history.size_bytes(), hash));
        if (!protocol.negatives) continue;
        const auto negatives = (*protocol.negatives)[query.user];
        hash = hash_bytes(negatives.data(), negatives.size_bytes(), hash);
    }
    const std::pair<std::string, std::string> facts[] = {
        {"items", message(items)},
        {"k", message(protocol.k)},
        {"remove_history", message(protocol.remove_history)},
        {"queries", message(queries.size())},
        {"queries with the fingerprint", message(hash)},
    };
    agree("evaluate_ranking: the ranks of a world answer the same queries", *protocol.world, facts);
}

DEEPREC_LAZY_FUNCTION void mark_candidates(const Query& query, std::vector<std::uint8_t>& candidate,
                                           const RankingProtocol& protocol) {
    std::fill(candidate.begin() + 1, candidate.end(), std::uint8_t{protocol.negatives == nullptr});
    if (protocol.negatives) {
        for (const std::int32_t item : (*protocol.negatives)[query.user]) candidate[static_cast<std::size_t>(item)] = 1;
        candidate[static_cast<std::size_t>(query.target)] = 1;
    }
    if (protocol.remove_history)
        for (const std::int32_t item : query.history) candidate[static_cast<std::size_t>(item)] = 0;
}

DEEPREC_LAZY_FUNCTION TargetRank rank_target(const Query& query, std::span<const float> scores,
                                             std::vector<std::uint8_t>& candidate, const RankingProtocol& protocol) {
    mark_candidates(query, candidate, protocol);
    const auto target = static_cast<std::size_t>(query.target);
    const float own = scores[target];
    Index above = 0, tied_before = 0, tied = 0, others = 0;
    for (std::size_t i = 1; i < scores.size(); ++i) {
        if (!candidate[i] && i != target) continue;
        if (!(scores[i] < std::numeric_limits<float>::infinity()))
            check_finite_score("evaluate_ranking", static_cast<std::int32_t>(i), scores[i]);
        if (i == target) continue;
        const bool higher = scores[i] > own, tie = !higher && !(scores[i] < own);
        ++others;
        above += higher;
        tied += tie;
        tied_before += tie && i < target;
    }
    if (!candidate[target]) return {};
    return {above + tied_before + 1,
            others == 0
                ? 1.0
                : 1.0 - (static_cast<double>(above) + 0.5 * static_cast<double>(tied)) / static_cast<double>(others)};
}
#endif
}  // namespace detail

/// Ranks every item for every query. `scorer(query, scores)` fills scores[1..items] (element 0 is padding) and must be
/// callable from several threads; ties rank the lower item first, so that a constant scorer earns nothing by them.
/// A scorer that also takes a span of queries, with items + 1 scores for each, is asked for many at once.
///
/// Throws DataError without queries or for a target or history outside 1..items, ArgumentError unless k is positive,
/// NumericError for the score of a candidate that is NaN or +Inf; -Inf may say that an item is none. Where ranks of a
/// world have other queries, ArgumentError on all of them with both values; where one throws, all do.
template <class Scorer>
RankingReport evaluate_ranking(const Scorer& scorer, std::span<const Query> queries, std::int32_t items,
                               RankingProtocol protocol = {}) {
    if (protocol.world) detail::agree_to_rank(queries, items, protocol);
    detail::check_queries("evaluate_ranking", queries, items, protocol);
    if (protocol.k < 1) throw ArgumentError(message("evaluate_ranking: expected a positive k, received ", protocol.k));
    RankingReport report{0, 0, 0, protocol, std::vector<Index>(queries.size(), 0)};
    std::vector<double> auc(queries.size(), 0.0);
    [[maybe_unused]] constexpr bool in_blocks = requires(std::span<float> scores) { scorer(queries, scores); };
    const std::size_t block = in_blocks ? 64 : 1, width = static_cast<std::size_t>(items) + 1;
    const auto rank_queries = [&](std::size_t begin, std::size_t end) {
        ThreadPool pool(protocol.threads);
        const Index lanes = std::min<Index>(pool.threads(), static_cast<Index>(end - begin));
        pool.run(lanes, [&](Index lane) {
            std::vector<float> block_scores(block * width);
            std::vector<std::uint8_t> candidate(width);
            const std::size_t stride = block * static_cast<std::size_t>(lanes);
            for (std::size_t first = begin + block * static_cast<std::size_t>(lane); first < end; first += stride) {
                const auto asked = queries.subspan(first, std::min(block, end - first));
                if constexpr (in_blocks)
                    scorer(asked, std::span(block_scores).first(asked.size() * width));
                else
                    scorer(asked.front(), std::span(block_scores));
                for (std::size_t i = 0; i < asked.size(); ++i) {
                    const detail::TargetRank rank = detail::rank_target(
                        asked[i], std::span(block_scores).subspan(i * width, width), candidate, protocol);
                    report.ranks[first + i] = rank.rank;
                    auc[first + i] = rank.auc;
                }
            }
        });
    };
    if (!protocol.world) {
        rank_queries(0, queries.size());
    } else {
        const auto first_of = [&](std::size_t rank) {
            return queries.size() * rank / static_cast<std::size_t>(protocol.world.size());
        };
        const auto own = static_cast<std::size_t>(protocol.world.rank());
        const std::size_t begin = first_of(own), end = first_of(own + 1);
        const auto all = detail::gather_work(*protocol.world, [&] {
            rank_queries(begin, end);
            std::vector<std::byte> found;
            for (const auto part : {std::as_bytes(std::span(report.ranks).subspan(begin, end - begin)),
                                    std::as_bytes(std::span(auc).subspan(begin, end - begin))})
                found.insert(found.end(), part.begin(), part.end());
            return found;
        });
        detail::gather_ranks(all, first_of, report.ranks, auc);
    }
    for (std::size_t q = 0; q < queries.size(); ++q) {
        report.auc += auc[q];
        const double gain = detail::gain(report.ranks[q], protocol.k);
        report.hr += gain > 0;
        report.ndcg += gain;
    }
    const double n = static_cast<double>(queries.size());
    report.auc /= n;
    report.hr /= n;
    report.ndcg /= n;
    return report;
}

DEEPREC_END
