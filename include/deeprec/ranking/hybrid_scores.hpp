/// What hybrids say, whatever the types of their members: standardised scores, weighted and added.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

namespace detail {
/// One member of a hybrid, whatever its type.
struct HybridMember {
    FunctionRef<void(std::span<const Query>, std::span<float>)> score;
    FunctionRef<void(std::span<std::uint8_t>)> mark_known;  // of items 0 ... N
    FunctionRef<bool(const Query&)> answers;
};
/// f(HybridMember) for a scorer; the member refers to it and to what this call holds.
template <class S, class F>
void as_hybrid_member(const S& scorer, F&& f) {
    const auto score = [&](std::span<const Query> queries, std::span<float> z) {
        const std::size_t width = z.size() / queries.size();
        if constexpr (requires { scorer(queries, z); })
            scorer(queries, z);
        else
            for (std::size_t q = 0; q < queries.size(); ++q) scorer(queries[q], z.subspan(q * width, width));
    };
    const auto mark = [&](std::span<std::uint8_t> known) { mark_known(scorer, known); };
    const auto answers_to = [&](const Query& query) { return answers(scorer, query); };
    f(HybridMember{score, mark, answers_to});
}
/// A member's scores of one query, shifted and scaled to a mean of 0 and a deviation of 1 over what it knows.
struct Standardised {
    double mean = 0, scale = 0;  ///< z = (s - mean) scale; a scale of 0 where the deviation is no more than rounding
};
/// Replaces row[1 ... N] by z, 0 for items that are not known. Throws NumericError.
DEEPREC_LAZY_DECLARED Standardised standardise(std::size_t member, std::span<float> row,
                                               std::span<const std::uint8_t> known);
/// z [queries, N + 1] of a member; rows of 0 for queries that it has no answer to.
DEEPREC_LAZY_DECLARED void standardised_scores(const HybridMember& member, std::size_t number,
                                               std::span<const Query> queries, std::span<const std::uint8_t> known,
                                               std::span<float> z);
/// By item: (sum of all |weight|) / (sum of those whose members know it), 0 for nobody's; `known` is [members, N + 1].
DEEPREC_LAZY_DECLARED std::vector<float> speaking_for_others(std::span<const double> weights,
                                                             std::span<const std::uint8_t> known, std::size_t width);
/// What a hybrid says, for any list of members.
DEEPREC_LAZY_DECLARED void hybrid_scores(std::span<const HybridMember> members, std::span<const double> weights,
                                         std::span<const Query> queries, std::span<float> scores);

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION Standardised standardise(std::size_t member, std::span<float> row,
                                               std::span<const std::uint8_t> known) {
    row[0] = 0;
    const auto sum = [&](const auto& term) {  // in eight parts, which compilers add up at once
        std::array<double, 8> parts{};
        std::size_t i = 1;
        for (; i + 8 <= row.size(); i += 8)
            for (std::size_t lane = 0; lane < 8; ++lane) parts[lane] += term(i + lane);
        for (std::size_t lane = 0; i < row.size(); ++i, ++lane) parts[lane] += term(i);
        return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
    };
    const double n = sum([&](std::size_t i) { return known[i] ? 1.0 : 0.0; });
    const double mean = n > 0 ? sum([&](std::size_t i) { return known[i] ? double{row[i]} : 0.0; }) / n : 0;
    const double squares = sum([&](std::size_t i) {
        const double d = double{row[i]} - mean;
        return known[i] ? d * d : 0.0;
    });
    const double deviation = n > 0 ? std::sqrt(squares / n) : 0;
    if (!std::isfinite(deviation)) {
        std::size_t bad = 1;
        while (bad + 1 < row.size() && (!known[bad] || std::isfinite(row[bad]))) ++bad;
        throw NumericError(message("WeightedHybrid: member ", member,
                                   " gave scores that are not finite, the first is that of item ", bad));
    }
    const double scale = deviation > 1e-6 * std::abs(mean) ? 1 / deviation : 0;
    for (std::size_t i = 1; i < row.size(); ++i)
        row[i] = known[i] ? static_cast<float>((double{row[i]} - mean) * scale) : 0.0f;
    return {mean, scale};
}

DEEPREC_LAZY_FUNCTION void standardised_scores(const HybridMember& member, std::size_t number,
                                               std::span<const Query> queries, std::span<const std::uint8_t> known,
                                               std::span<float> z) {
    const std::size_t width = known.size();
    if (std::all_of(queries.begin(), queries.end(), [&](const Query& query) { return member.answers(query); })) {
        member.score(queries, z);
        for (std::size_t q = 0; q < queries.size(); ++q) standardise(number, z.subspan(q * width, width), known);
        return;
    }
    for (std::size_t q = 0; q < queries.size(); ++q) {
        const auto row = z.subspan(q * width, width);
        if (member.answers(queries[q])) {
            member.score(queries.subspan(q, 1), row);
            standardise(number, row, known);
        } else {
            std::fill(row.begin(), row.end(), 0.0f);
        }
    }
}

DEEPREC_LAZY_FUNCTION std::vector<float> speaking_for_others(std::span<const double> weights,
                                                             std::span<const std::uint8_t> known, std::size_t width) {
    std::vector<double> knowing(width, 0.0);
    double all = 0;
    for (std::size_t m = 0; m < weights.size(); ++m) {
        all += std::abs(weights[m]);
        for (std::size_t i = 1; i < width; ++i)
            if (known[m * width + i]) knowing[i] += std::abs(weights[m]);
    }
    std::vector<float> factors(width, 1.0f);
    for (std::size_t i = 1; i < width; ++i)
        if (knowing[i] < all) factors[i] = knowing[i] > 0 ? static_cast<float>(all / knowing[i]) : 0.0f;
    return factors;
}

DEEPREC_LAZY_FUNCTION void hybrid_scores(std::span<const HybridMember> members, std::span<const double> weights,
                                         std::span<const Query> queries, std::span<float> scores) {
    const std::size_t width = queries.empty() ? 0 : scores.size() / queries.size();
    if (width < 2 || width * queries.size() != scores.size())
        throw ShapeError(message("WeightedHybrid: expected scores of padding and all items for each of ",
                                 queries.size(), " queries, received ", scores.size()));
    for (const Query& query : queries)
        if (std::none_of(members.begin(), members.end(), [&](const HybridMember& m) { return m.answers(query); }))
            throw DataError(message("WeightedHybrid: no member has an answer to a query of user ", query.user));
    std::vector<float> z(scores.size());
    std::vector<std::uint8_t> known(members.size() * width);
    std::fill(scores.begin(), scores.end(), 0.0f);
    for (std::size_t m = 0; m < members.size(); ++m) {
        const auto own = std::span(known).subspan(m * width, width);
        members[m].mark_known(own);
        standardised_scores(members[m], m, queries, own, z);
        kernels::axpy(static_cast<float>(weights[m]), z.data(), scores.data(), static_cast<Index>(z.size()));
    }
    const std::vector<float> factors = speaking_for_others(weights, known, width);
    for (std::size_t i = 1; i < width; ++i)
        for (std::size_t at = i; at < scores.size() && !equal(factors[i], 1); at += width) scores[at] *= factors[i];
}
#endif
}  // namespace detail

DEEPREC_END
