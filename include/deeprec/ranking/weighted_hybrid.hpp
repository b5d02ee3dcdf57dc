/// One recommender out of several.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>

DEEPREC_BEGIN

struct WeightedHybridFit {
    double loss = 0;    ///< mean of -log P(target) with the weights found; log(candidates) is that of no knowledge
    Index queries = 0;  ///< that were used: those whose target was a candidate
};

namespace detail {
/// The x of A x = b by Cholesky's factors, for a symmetric A whose eigenvalues are 1 or more; its lower half is read.
/// So are the squares of the factors' diagonals, which rounding must not make smaller.
template <std::size_t N>
std::array<double, N> solve_symmetric(std::array<std::array<double, N>, N> a, std::array<double, N> b) {
    for (std::size_t j = 0; j < N; ++j)
        for (std::size_t i = j; i < N; ++i) {
            for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
            a[i][j] = i == j ? std::sqrt(std::max(a[i][j], 1.0)) : a[i][j] / a[j][j];
        }
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (std::size_t i = N; i-- > 0;) {
        for (std::size_t k = i + 1; k < N; ++k) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return b;
}
}  // namespace detail

/// score(j) = sum over the members m of weight_m (s_m(j) - mean_m) / deviation_m, with the mean and the deviation of a
/// member's scores over all items of the query: a weighted hybrid (Burke 2002) of content, behaviour and neighbourhood
/// models whose scores need not be on one scale. A member that scores all items alike adds nothing.
///
/// `WeightedHybrid hybrid{SequenceIndex{rnn}, ItemKnn{train}, BprMf{train}}; hybrid.fit(validation, items);` Members
/// are scorers as `evaluate_ranking` takes them, and the hybrid is one. All weights start at 1.
template <class... Members>
class WeightedHybrid {
    static constexpr std::size_t count = sizeof...(Members);
    static_assert(count > 0, "WeightedHybrid: there are no members");

public:
    static constexpr Index size = sizeof...(Members);

    explicit WeightedHybrid(Members... members) : members_(std::move(members)...) { weights_.fill(1); }

    std::vector<double> weights() const { return {weights_.begin(), weights_.end()}; }
    /// Throws ArgumentError unless there is one finite weight for each member, of at most 1e30 so that scores are too.
    void set_weights(std::span<const double> weights) {
        if (weights.size() != count)
            throw ArgumentError(
                message("WeightedHybrid: expected ", size, " finite weights, received ", weights.size()));
        for (std::size_t m = 0; m < count; ++m)
            if (!(std::abs(weights[m]) <= 1e30))
                throw ArgumentError(message("WeightedHybrid: expected finite weights of at most 1e30, received ",
                                            weights[m], " for member ", m));
        std::copy(weights.begin(), weights.end(), weights_.begin());
    }

    /// Chooses the weights that make the targets of held-out queries most likely, with P(j) the softmax of the scores
    /// over a query's candidates (`protocol` as in `evaluate_ranking`; its k plays no part): a conditional logit
    /// (McFadden 1974), which has one best solution. Newton's method; a quadratic penalty of half a squared weight
    /// keeps members apart that always agree. The result does not depend on the number of threads.
    ///
    /// Use queries that no member was trained on, a few thousand are enough: each pass, about six, asks every member
    /// for all scores of every query. Throws as `evaluate_ranking` for wrong queries, DataError where no query's target
    /// is a candidate, NumericError for scores that are not finite.
    WeightedHybridFit fit(std::span<const Query> queries, std::int32_t items, const RankingProtocol& protocol = {}) {
        detail::check_queries("WeightedHybrid", queries, items, protocol);
        ThreadPool pool(protocol.threads);
        Weights best{}, tried{};
        Likelihood at = likelihood(best, queries, items, protocol, pool);
        if (at.queries == 0) throw DataError("WeightedHybrid: no query has a target among its candidates");
        for (int i = 0; i < 50; ++i) {
            const Weights step = detail::solve_symmetric(at.curvature, at.slope);
            if (std::all_of(step.begin(), step.end(), [](double s) { return std::abs(s) < 1e-3; })) break;
            Likelihood next;
            double part = 1;
            for (int halved = 0; halved < 20; ++halved, part /= 2) {
                for (std::size_t m = 0; m < count; ++m) tried[m] = best[m] + part * step[m];
                next = likelihood(tried, queries, items, protocol, pool);
                if (next.value >= at.value) break;
            }
            if (!(next.value >= at.value)) break;  // rounding is all that is left to gain
            best = tried;
            at = next;
        }
        weights_ = best;
        const double penalty = squared(best) / 2;
        return {-(at.value + penalty) / static_cast<double>(at.queries), at.queries};
    }

    /// Scores [queries, N + 1] of all items for each query; element 0 of a row is padding.
    /// Throws what members throw, ShapeError unless there are scores of padding and an item or more for each query,
    /// NumericError for the first member and item whose score is not finite.
    void operator()(std::span<const Query> queries, std::span<float> scores) const {
        const std::size_t width = queries.empty() ? 0 : scores.size() / queries.size();
        if (width < 2 || width * queries.size() != scores.size())
            throw ShapeError(message("WeightedHybrid: expected scores of padding and all items for each of ",
                                     queries.size(), " queries, received ", scores.size()));
        std::vector<float> z(scores.size());
        std::fill(scores.begin(), scores.end(), 0.0f);
        each_member([&](const auto& member, std::size_t m) {
            standardised(member, m, queries, z);
            kernels::axpy(static_cast<float>(weights_[m]), z.data(), scores.data(), static_cast<Index>(z.size()));
        });
    }
    void operator()(const Query& query, std::span<float> scores) const { (*this)(std::span(&query, 1), scores); }

private:
    using Weights = std::array<double, count>;
    /// Of the targets: the logarithm, its gradient by the weights and minus its second derivatives, the lower half.
    struct Likelihood {
        double value = 0;
        Weights slope{};
        std::array<Weights, count> curvature{};
        Index queries = 0;
    };

    static double squared(const Weights& x) {
        double sum = 0;
        for (const double w : x) sum += w * w;
        return sum;
    }

    template <class F>
    void each_member(F&& f) const {
        std::size_t m = 0;
        std::apply([&](const auto&... member) { (f(member, m++), ...); }, members_);
    }
    /// (s - mean) / deviation of a member's scores, row by row; zeros where the deviation is no more than rounding.
    template <class Member>
    static void standardised(const Member& member, std::size_t m, std::span<const Query> queries, std::span<float> z) {
        const std::size_t width = z.size() / queries.size();
        if constexpr (requires { member(queries, z); })
            member(queries, z);
        else
            for (std::size_t q = 0; q < queries.size(); ++q) member(queries[q], z.subspan(q * width, width));
        for (std::size_t q = 0; q < queries.size(); ++q) {
            float* row = z.data() + q * width;
            row[0] = 0;
            double sum = 0, squares = 0;
            for (std::size_t i = 1; i < width; ++i) sum += double{row[i]};
            const double mean = sum / static_cast<double>(width - 1);
            for (std::size_t i = 1; i < width; ++i) squares += (double{row[i]} - mean) * (double{row[i]} - mean);
            const double deviation = std::sqrt(squares / static_cast<double>(width - 1));
            if (!std::isfinite(deviation)) {
                const float* bad = std::find_if(row + 1, row + width, [](float x) { return !std::isfinite(x); });
                throw NumericError(message("WeightedHybrid: member ", m,
                                           " gave scores that are not finite, the first is that of item ", bad - row));
            }
            const double scale = deviation > 1e-6 * std::abs(mean) ? 1 / deviation : 0;
            for (std::size_t i = 1; i < width; ++i) row[i] = static_cast<float>((double{row[i]} - mean) * scale);
        }
    }

    Likelihood likelihood(const Weights& weights, std::span<const Query> queries, std::int32_t items,
                          const RankingProtocol& protocol, ThreadPool& pool) const {
        constexpr std::size_t block = 32;  // queries, whose sums are added up in order whatever the threads
        const std::size_t width = static_cast<std::size_t>(items) + 1, blocks = (queries.size() + block - 1) / block;
        std::vector<Likelihood> parts(blocks);
        pool.run(static_cast<Index>(blocks), [&](Index b) {
            const std::size_t first = block * static_cast<std::size_t>(b);
            const auto asked = queries.subspan(first, std::min(block, queries.size() - first));
            const std::size_t one = asked.size() * width;  // scores of a member
            std::vector<float> z(one * count);
            each_member([&](const auto& member, std::size_t m) {
                standardised(member, m, asked, std::span(z).subspan(one * m, one));
            });
            std::vector<std::uint8_t> candidate(width, 0);
            std::vector<float> scratch(2 * width);
            for (std::size_t q = 0; q < asked.size(); ++q) {
                detail::mark_candidates(asked[q], candidate, protocol);
                if (candidate[static_cast<std::size_t>(asked[q].target)])
                    add_query(weights, z.data() + q * width, one, asked[q].target, candidate, scratch,
                              parts[static_cast<std::size_t>(b)]);
            }
        });
        Likelihood all;
        for (const Likelihood& part : parts) {
            all.value += part.value;
            all.queries += part.queries;
            for (std::size_t a = 0; a < count; ++a) {
                all.slope[a] += part.slope[a];
                for (std::size_t c = 0; c <= a; ++c) all.curvature[a][c] += part.curvature[a][c];
            }
        }
        all.value -= squared(weights) / 2;
        for (std::size_t a = 0; a < count; ++a) {
            all.slope[a] -= weights[a];
            all.curvature[a][a] += 1;
        }
        return all;
    }
    /// Adds what one query says whose target is a candidate; z + m * stride are member m's standardised scores [N + 1].
    static void add_query(const Weights& weights, const float* z, std::size_t stride, std::int32_t target,
                          const std::vector<std::uint8_t>& candidate, std::vector<float>& scratch, Likelihood& sum) {
        const Index n = static_cast<Index>(candidate.size());
        float *const p = scratch.data(), *const pz = p + n;  // P(item), and times a member's score
        const auto of = [&](std::size_t m) { return z + m * stride; };
        std::fill_n(p, n, 0.0f);
        for (std::size_t m = 0; m < count; ++m) kernels::axpy(static_cast<float>(weights[m]), of(m), p, n);
        for (Index i = 0; i < n; ++i)
            if (!candidate[static_cast<std::size_t>(i)]) p[i] = -std::numeric_limits<float>::infinity();
        const float own = p[target], highest = *std::max_element(p, p + n);
        double total = 0;
        for (Index i = 0; i < n; ++i) {
            p[i] = std::exp(p[i] - highest);
            total += double{p[i]};
        }
        sum.value += double{own} - double{highest} - std::log(total);
        Weights mean{};
        for (std::size_t a = 0; a < count; ++a) {
            for (Index i = 0; i < n; ++i) pz[i] = p[i] * of(a)[i];
            mean[a] = double{kernels::dot(p, of(a), n)} / total;
            sum.slope[a] += double{of(a)[target]} - mean[a];
            for (std::size_t b = 0; b <= a; ++b)
                sum.curvature[a][b] += double{kernels::dot(pz, of(b), n)} / total - mean[a] * mean[b];
        }
        ++sum.queries;
    }

    std::tuple<Members...> members_;
    Weights weights_;
};

DEEPREC_END
