/// New items for a scorer of any kind.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN
namespace detail {

template <class S>
inline constexpr bool item_tower_reads_ids = false;
template <class S>
    requires std::is_same_v<typename S::ItemElement, std::int32_t>
inline constexpr bool item_tower_reads_ids<S> = true;

/// Gives a scorer what its kind knows new items by: `attributes` and `features` where it takes those, an ItemIndex the
/// `rows` [count, L] of ids that its item tower reads, others their number alone. Throws ArgumentError for an ItemIndex
/// without rows, and one whose item tower reads something else than ids.
template <class S>
void add_items_by_kind(S& scorer, Index count, const std::vector<std::vector<std::int32_t>>& attributes,
                       const Tensor<float, 2>& features, const Tensor<std::int32_t, 2>& rows) {
    if constexpr (requires { scorer.add_items(count, attributes, features, rows); })
        scorer.add_items(count, attributes, features, rows);
    else if constexpr (requires { scorer.add_items(count, attributes, features); })
        scorer.add_items(count, attributes, features);
    else if constexpr (requires { scorer.add_items(count, attributes); })
        scorer.add_items(count, attributes);
    else if constexpr (requires { scorer.add_items(count); })
        scorer.add_items(count);
    else if constexpr (item_tower_reads_ids<S>)
        if (rows.size() > 0)
            scorer.add_items(count, rows);
        else
            throw ArgumentError(message("ItemIndex: expected the ids that its item tower reads of ", count, " new ",
                                        "items, as the recommender's tokenizer makes them, received none"));
    else
        throw ArgumentError(
            "AnyScorer: this scorer's new items need features that only its type knows: add them "
            "before it is made an AnyScorer");
}

}  // namespace detail
DEEPREC_END
