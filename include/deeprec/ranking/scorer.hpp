/// What scores a whole catalogue, and what such scorers refuse, in the same words.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include <deeprec/core/errors.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// Everything that scores a catalogue: `scorer(query, scores)` writes a score for each of the items 1 ...
/// `scorer.items()`, and for padding, item 0; many threads may call it. What else a scorer may have:
///
///     double similarity(a, b) const;              of two items: for `similar_items` and Mmr
///     bool knows(item) const;                     false for items of which it has nothing to say: for hybrids
///     bool answers(query) const;                  false for queries that it would refuse, as those of an unknown user
///     void operator()(queries, scores) const;     many queries at once, items() + 1 scores for each
///     void score(query, scores, eligible, pool) const;    leaves items out that are not eligible
///     std::vector<Hit<float>> best(query, k, options) const;      its own way to the list of `recommend`
template <class S>
concept Scorer = requires(const S& scorer, const Query& query, std::span<float> scores) {
    { scorer.items() } -> std::convertible_to<std::int32_t>;
    scorer(query, scores);
};

namespace detail {
/// Throws DataError unless there is a score for each of items 0 ... `items`; 0 is padding.
inline void check_scores(std::string_view name, std::int64_t items, std::span<const float> scores) {
    if (static_cast<std::int64_t>(scores.size()) != items + 1)
        throw DataError(
            message(name, ": expected ", items + 1, " scores, of items 0 to ", items, ", received ", scores.size()));
}
/// Throws DataError unless 1 <= item <= items.
inline void check_history_item(std::string_view name, std::int64_t items, std::int32_t item) {
    if (item < 1 || item > items)
        throw DataError(message(name, ": expected a history of items 1 to ", items, ", received ", item));
}
/// Throws DataError unless 1 <= item <= items.
inline void check_item(std::string_view name, std::int64_t items, std::int32_t item) {
    if (item < 1 || item > items)
        throw DataError(message(name, ": expected an item from 1 to ", items, ", received ", item));
}
/// Throws ArgumentError for a number of new items that is negative, or more than item numbers can count.
inline void check_new_items(std::string_view name, std::int64_t items, std::int64_t count) {
    if (count < 0 || count > std::numeric_limits<std::int32_t>::max() - 1 - items)
        throw ArgumentError(message(name, ": expected 0 or more new items, no more than 2^31 - 2 with the ", items,
                                    " that there are, received ", count));
}
/// Throws NumericError for a score that is not finite.
template <class T>
void check_finite_score(std::string_view name, std::int32_t item, T score) {
    if (!std::isfinite(score))
        throw NumericError(message(name, ": the score of item ", item, " is ", std::isnan(score) ? "NaN" : "infinite"));
}
template <class S>
concept HasItems = requires(const S& scorer) {
    { scorer.items() } -> std::convertible_to<std::int32_t>;
};
template <class S>
concept HasSimilarity = requires(const S& scorer) {
    { scorer.similarity(1, 1) } -> std::convertible_to<double>;
};
template <class S>
concept SaysWhatItKnows = requires(const S& scorer, std::int32_t item) {
    { scorer.knows(item) } -> std::same_as<bool>;
};
/// Whether the scorer has something to say of the item, which is what it does not deny.
template <class S>
bool knows(const S& scorer, std::int32_t item) {
    if constexpr (SaysWhatItKnows<S>)
        return scorer.knows(item);
    else
        return true;
}
/// known[i] = whether the scorer knows item i, for items 1 ... of `known`.
template <class S>
void mark_known(const S& scorer, std::span<std::uint8_t> known) {
    if constexpr (requires { scorer.mark_known(known); })
        scorer.mark_known(known);
    else
        for (std::size_t i = 1; i < known.size(); ++i) known[i] = knows(scorer, static_cast<std::int32_t>(i));
}
/// Whether it can do without a history: whether it scores by the user.
template <class S>
bool goes_by_user(const S& scorer) {
    if constexpr (requires {
                      { scorer.goes_by_user() } -> std::same_as<bool>;
                  })
        return scorer.goes_by_user();
    else
        return requires { scorer.users(); };
}
/// Whether the scorer has anything to go by in a query, which is what it does not deny: it may throw for others.
template <class S>
bool answers(const S& scorer, const Query& query) {
    if constexpr (requires {
                      { scorer.answers(query) } -> std::same_as<bool>;
                  })
        return scorer.answers(query);
    else
        return true;
}
/// a . b / (|a| |b|); 0 where one has no length.
template <class T>
double cosine(const T* a, const T* b, Index width) {
    const double squares =
        static_cast<double>(kernels::dot<T>(a, a, width)) * static_cast<double>(kernels::dot<T>(b, b, width));
    return squares > 0 ? static_cast<double>(kernels::dot<T>(a, b, width)) / std::sqrt(squares) : 0;
}
/// What somebody else keeps alive, as a shared_ptr that does not.
template <class T>
std::shared_ptr<const T> borrowed(const T& value) {
    return {std::shared_ptr<const void>(), std::addressof(value)};
}
}  // namespace detail

DEEPREC_END
