/// One recommender out of several.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>

DEEPREC_BEGIN

struct WeightedHybridFit {
    double loss = 0;    ///< mean of -log P(target) with the weights found; log(candidates) is that of no knowledge
    Index queries = 0;  ///< that were used: those whose target was a candidate
};

/// score(j) = sum over the members m of weight_m (s_m(j) - mean_m) / deviation_m, with the mean and the deviation of a
/// member's scores over all items of the query: a weighted hybrid (Burke 2002) of content, behaviour and neighbourhood
/// models whose scores need not be on one scale. A member that scores all items alike adds nothing.
///
/// `WeightedHybrid hybrid{SequenceIndex{rnn}, ItemKnn{train}, BprMf{train}}; hybrid.fit(validation, items);` Members
/// are scorers as `evaluate_ranking` takes them, and the hybrid is one. All weights start at 1.
template <class... Members>
class WeightedHybrid {
public:
    static constexpr Index size = sizeof...(Members);

    explicit WeightedHybrid(Members... members) : members_(std::move(members)...), weights_(Weights::Ones()) {}

    std::vector<double> weights() const { return {weights_.data(), weights_.data() + size}; }
    /// Throws ArgumentError unless there is one finite weight for each member.
    void set_weights(std::span<const double> weights) {
        if (static_cast<Index>(weights.size()) != size ||
            !std::all_of(weights.begin(), weights.end(), [](double w) { return std::isfinite(w); }))
            throw ArgumentError(
                message("WeightedHybrid: expected ", size, " finite weights, received ", weights.size()));
        std::copy(weights.begin(), weights.end(), weights_.data());
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
        Weights best = Weights::Zero(), tried = best, step = best;
        Likelihood at = likelihood(best, queries, items, protocol, pool);
        if (at.queries == 0) throw DataError("WeightedHybrid: no query has a target among its candidates");
        for (int i = 0; i < 50; ++i) {
            step = at.curvature.ldlt().solve(at.slope);
            if (step.cwiseAbs().maxCoeff() < 1e-3) break;
            Likelihood next;
            for (int halved = 0; halved < 20; ++halved, step /= 2) {
                tried = best + step;
                next = likelihood(tried, queries, items, protocol, pool);
                if (next.value >= at.value) break;
            }
            if (!(next.value >= at.value)) break;  // rounding is all that is left to gain
            best = tried;
            at = next;
        }
        weights_ = best;
        const double penalty = best.squaredNorm() / 2;
        return {-(at.value + penalty) / static_cast<double>(at.queries), at.queries};
    }

    /// Scores [queries, N + 1] of all items for each query; element 0 of a row is padding.
    /// Throws what members throw, ShapeError unless there are scores of padding and an item or more for each query,
    /// NumericError where a member's scores are not finite.
    void operator()(std::span<const Query> queries, std::span<float> scores) const {
        const std::size_t width = queries.empty() ? 0 : scores.size() / queries.size();
        if (width < 2 || width * queries.size() != scores.size())
            throw ShapeError(message("WeightedHybrid: expected scores of padding and all items for each of ",
                                     queries.size(), " queries, received ", scores.size()));
        std::vector<float> z(scores.size());
        std::fill(scores.begin(), scores.end(), 0.0f);
        each_member([&](const auto& member, Index m) {
            standardised(member, m, queries, z);
            kernels::axpy(static_cast<float>(weights_[m]), z.data(), scores.data(), static_cast<Index>(z.size()));
        });
    }
    void operator()(const Query& query, std::span<float> scores) const { (*this)(std::span(&query, 1), scores); }

private:
    using Weights = Eigen::Matrix<double, size, 1>;
    using Square = Eigen::Matrix<double, size, size>;
    /// Of the targets: the logarithm, its gradient by the weights and minus its second derivatives.
    struct Likelihood {
        double value = 0;
        Weights slope = Weights::Zero();
        Square curvature = Square::Zero();
        Index queries = 0;
    };

    template <class F>
    void each_member(F&& f) const {
        Index m = 0;
        std::apply([&](const auto&... member) { (f(member, m++), ...); }, members_);
    }
    /// (s - mean) / deviation of a member's scores, row by row; zeros where the deviation is no more than rounding.
    template <class Member>
    static void standardised(const Member& member, Index m, std::span<const Query> queries, std::span<float> z) {
        const std::size_t width = z.size() / queries.size();
        if constexpr (requires { member(queries, z); })
            member(queries, z);
        else
            for (std::size_t q = 0; q < queries.size(); ++q) member(queries[q], z.subspan(q * width, width));
        for (std::size_t q = 0; q < queries.size(); ++q) {
            float* row = z.data() + q * width;
            row[0] = 0;
            double sum = 0, squares = 0;
            for (std::size_t i = 1; i < width; ++i) sum += static_cast<double>(row[i]);
            const double mean = sum / static_cast<double>(width - 1);
            for (std::size_t i = 1; i < width; ++i) squares += (row[i] - mean) * (row[i] - mean);
            const double deviation = std::sqrt(squares / static_cast<double>(width - 1));
            if (!std::isfinite(deviation))
                throw NumericError(message("WeightedHybrid: member ", m, " gave scores that are not finite"));
            const double scale = deviation > 1e-6 * std::abs(mean) ? 1 / deviation : 0;
            for (std::size_t i = 1; i < width; ++i) row[i] = static_cast<float>((row[i] - mean) * scale);
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
            std::vector<float> z(one * std::size_t{size});
            each_member([&](const auto& member, Index m) {
                standardised(member, m, asked, std::span(z).subspan(one * static_cast<std::size_t>(m), one));
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
            all.slope += part.slope;
            all.curvature += part.curvature;
            all.queries += part.queries;
        }
        all.value -= weights.squaredNorm() / 2;
        all.slope -= weights;
        all.curvature += Square::Identity();
        return all;
    }
    /// Adds what one query says whose target is a candidate; z + m * stride are member m's standardised scores [N + 1].
    static void add_query(const Weights& weights, const float* z, std::size_t stride, std::int32_t target,
                          const std::vector<std::uint8_t>& candidate, std::vector<float>& scratch, Likelihood& sum) {
        const Index n = static_cast<Index>(candidate.size());
        float *const p = scratch.data(), *const pz = p + n;  // P(item), and times a member's score
        const auto of = [&](Index m) { return z + static_cast<std::size_t>(m) * stride; };
        std::fill_n(p, n, 0.0f);
        for (Index m = 0; m < size; ++m) kernels::axpy(static_cast<float>(weights[m]), of(m), p, n);
        for (Index i = 0; i < n; ++i)
            if (!candidate[static_cast<std::size_t>(i)]) p[i] = -std::numeric_limits<float>::infinity();
        const double own = p[target], highest = *std::max_element(p, p + n);
        double total = 0;
        for (Index i = 0; i < n; ++i) total += p[i] = std::exp(p[i] - static_cast<float>(highest));
        sum.value += own - highest - std::log(total);
        Weights mean;
        for (Index a = 0; a < size; ++a) {
            for (Index i = 0; i < n; ++i) pz[i] = p[i] * of(a)[i];
            mean[a] = kernels::dot(p, of(a), n) / total;
            sum.slope[a] += of(a)[target] - mean[a];
            for (Index b = 0; b <= a; ++b) {
                const double both = kernels::dot(pz, of(b), n) / total - mean[a] * mean[b];
                sum.curvature(a, b) += both;
                if (a != b) sum.curvature(b, a) += both;
            }
        }
        ++sum.queries;
    }

    std::tuple<Members...> members_;
    Weights weights_;
};

DEEPREC_END
