/// What scorers over a whole catalogue refuse, in the same words.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

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
/// Throws NumericError for a score that is not finite.
template <class T>
void check_finite_score(std::string_view name, std::int32_t item, T score) {
    if (!std::isfinite(score))
        throw NumericError(message(name, ": the score of item ", item, " is ", std::isnan(score) ? "NaN" : "infinite"));
}
}  // namespace detail

DEEPREC_END
