/// One recommender out of several.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <deeprec/io/stored_fields.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/hybrid_scores.hpp>
#include <deeprec/ranking/new_items.hpp>

DEEPREC_BEGIN

/// What `WeightedHybrid::fit` found.
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
/// member's scores over the items that it knows: a weighted hybrid (Burke 2002) of content, behaviour and neighbourhood
/// models whose scores need not be on one scale. A member that scores all items alike adds nothing.
///
/// Where members do not know an item (their `knows(j)` is false, as a neighbourhood's of an item without events), the
/// others speak for them: the sum over those that know it, times (sum of all |weight|) / (sum of theirs). So a new item
/// competes by what its content says. An item that nobody knows has the score 0.
///
/// `WeightedHybrid hybrid{SequenceIndex{rnn}, ItemKnn{train}, BprMf{train}}; hybrid.fit(validation, items);` Members
/// are scorers as `evaluate_ranking` takes them, and the hybrid is one. All weights start at 1.
template <class... Members>
class WeightedHybrid {
    static constexpr std::size_t count = sizeof...(Members);
    static_assert(count > 0, "WeightedHybrid: there are no members");

public:
    static constexpr std::string_view kind = "WeightedHybrid";  ///< in files
    static constexpr Index size = sizeof...(Members);           ///< how many members there are

    explicit WeightedHybrid(Members... members) : members_(std::move(members)...) { weights_.fill(1); }
    /// Of members that are to be loaded.
    WeightedHybrid()
        requires(std::default_initializable<Members> && ...)
    {
        weights_.fill(1);
    }
    /// All members and their weights.
    void fields(StoredFields& f)
        requires(Stored<Members> && ...)
    {
        f.kind(kind);
        f.list("weights", weights_);
        std::size_t m = 0;
        std::apply([&](auto&... member) { (f.part(std::to_string(m++), member), ...); }, members_);
        if (!f.reading()) return;
        f.require(std::all_of(weights_.begin(), weights_.end(), [](double w) { return std::abs(w) <= 1e30; }),
                  "expected finite weights of at most 1e30");
        each_member([&](const auto& member, std::size_t number) {
            f.require(member.items() == items(), "expected members of ", items(), " items, member ", number, " has ",
                      member.items());
        });
    }

    /// Those of the first member; all have as many.
    std::int32_t items() const
        requires(detail::HasItems<Members> && ...)
    {
        return std::get<0>(members_).items();
    }
    /// New items: each member gets the features where it takes them, else knows nothing of the items.
    template <class... Features>
    void add_items(Index count_of_items, const Features&... features) {
        std::apply([&](auto&... member) { (add_to(member, count_of_items, features...), ...); }, members_);
    }
    /// The same where members know items in different ways: what an AnyScorer has for each of them.
    void add_items(Index count_of_items, const std::vector<std::vector<std::int32_t>>& attributes,
                   const Tensor<float, 2>& features, const Tensor<std::int32_t, 2>& rows) {
        std::apply(
            [&](auto&... member) {
                (detail::add_items_by_kind(member, count_of_items, attributes, features, rows), ...);
            },
            members_);
    }
    /// Whether a member has an answer; one that has none adds nothing.
    bool answers(const Query& query) const {
        bool any = false;
        each_member([&](const auto& member, std::size_t) { any = any || detail::answers(member, query); });
        return any;
    }
    /// Whether a member asks who the user is, not only for the history.
    bool goes_by_user() const {
        bool any = false;
        each_member([&](const auto& member, std::size_t) { any = any || detail::goes_by_user(member); });
        return any;
    }
    /// Whether a member knows the item.
    bool knows(std::int32_t item) const {
        bool known = false;
        each_member([&](const auto& member, std::size_t) { known = known || detail::knows(member, item); });
        return known;
    }
    /// The mean of the members' that have one.
    double similarity(std::int32_t a, std::int32_t b) const
        requires(detail::HasSimilarity<Members> || ...)
    {
        double sum = 0, having = 0;
        each_member([&](const auto& member, std::size_t) {
            if constexpr (detail::HasSimilarity<std::remove_cvref_t<decltype(member)>>) {
                sum += member.similarity(a, b);
                ++having;
            }
        });
        return sum / having;
    }
    /// f(member, number) for each.
    template <class F>
    void each_member(F&& f) const {
        std::size_t m = 0;
        std::apply([&](const auto&... member) { (f(member, m++), ...); }, members_);
    }
    /// Member number M.
    template <std::size_t M>
    const auto& member() const {
        return std::get<M>(members_);
    }

    /// One for each member, in their order.
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
    /// over a query's candidates that all members know (`protocol` as in `evaluate_ranking`): a conditional logit
    /// (McFadden 1974), which has one best solution. Newton's method; a quadratic penalty of half a squared weight
    /// keeps members apart that always agree. The result does not depend on the number of threads.
    ///
    /// Use queries that no member was trained on, a few thousand are enough: each pass, about six, asks every member
    /// for all scores of every query. Throws as `evaluate_ranking` for wrong queries, DataError where no query's target
    /// is such a candidate, NumericError for scores that are not finite.
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
    /// Throws what members throw, DataError where none has an answer to a query, ShapeError unless there are scores of
    /// padding and an item or more for each query, NumericError for the first member and item whose score is not
    /// finite.
    void operator()(std::span<const Query> queries, std::span<float> scores) const {
        with_members([&](std::span<const detail::HybridMember> members) {
            detail::hybrid_scores(members, weights_, queries, scores);
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

    template <class Member, class... Features>
    static void add_to(Member& member, Index count_of_items, const Features&... features) {
        if constexpr (requires { member.add_items(count_of_items, features...); })
            member.add_items(count_of_items, features...);
        else
            member.add_items(count_of_items);
    }
    /// f(members) with all of them as one type.
    template <std::size_t M = 0, class F, class... Seen>
    void with_members(const F& f, const Seen&... seen) const {
        if constexpr (M == count)
            f(std::span<const detail::HybridMember>(std::array<detail::HybridMember, count>{seen...}));
        else
            detail::as_hybrid_member(std::get<M>(members_),
                                     [&](const detail::HybridMember& next) { with_members<M + 1>(f, seen..., next); });
    }

    Likelihood likelihood(const Weights& weights, std::span<const Query> queries, std::int32_t items,
                          const RankingProtocol& protocol, ThreadPool& pool) const {
        constexpr std::size_t block = 32;  // queries, whose sums are added up in order whatever the threads
        const std::size_t width = static_cast<std::size_t>(items) + 1, blocks = (queries.size() + block - 1) / block;
        std::vector<Likelihood> parts(blocks);
        std::vector<std::uint8_t> common(width, 1), known(count * width);  // items that all members know
        each_member([&](const auto& member, std::size_t m) {
            detail::mark_known(member, std::span(known).subspan(m * width, width));
            for (std::size_t i = 1; i < width; ++i) common[i] = common[i] && known[m * width + i];
        });
        pool.run(static_cast<Index>(blocks), [&](Index b) {
            const std::size_t first = block * static_cast<std::size_t>(b);
            const auto asked = queries.subspan(first, std::min(block, queries.size() - first));
            const std::size_t one = asked.size() * width;  // scores of a member
            std::vector<float> z(one * count);
            with_members([&](std::span<const detail::HybridMember> members) {
                for (std::size_t m = 0; m < count; ++m)
                    detail::standardised_scores(members[m], m, asked, std::span(known).subspan(m * width, width),
                                                std::span(z).subspan(one * m, one));
            });
            std::vector<std::uint8_t> candidate(width, 0);
            std::vector<float> scratch(2 * width);
            for (std::size_t q = 0; q < asked.size(); ++q) {
                detail::mark_candidates(asked[q], candidate, protocol);
                for (std::size_t i = 1; i < width; ++i) candidate[i] &= common[i];
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
