/// The attributes of a SequenceRecommender's items, and which items are known by them alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace detail {

/// Lists of attributes one after the other. No larger than those lists: the number of items may come from a damaged
/// file.
class ItemAttributes {
public:
    enum class Kind : std::uint8_t { plain, with_attributes, cold };

    ItemAttributes() = default;
    /// Lists of padding and `items` items, or none; with `features`, numbers say something of every item too. Throws
    /// ArgumentError for another number of lists, attributes below 1 and `cold` items that are none.
    ItemAttributes(std::string_view who, Index items, const std::vector<std::vector<std::int32_t>>& lists,
                   const std::vector<std::int32_t>& cold, bool features = false);

    Kind kind(Index item) const {
        if (!kinds_.empty()) return kinds_[static_cast<std::size_t>(item)];
        if (!features_) return Kind::plain;
        const bool cold = std::binary_search(cold_.begin(), cold_.end(), static_cast<std::int32_t>(item));
        return cold ? Kind::cold : Kind::with_attributes;
    }
    /// Whether some item has attributes and no part in training.
    bool has_cold() const { return has_cold_; }
    /// A + 1 for the largest attribute A, 0 without attributes.
    Index rows() const { return rows_; }
    /// f(attribute, its share of the item's vector) for each that the item has.
    template <class T, class F>
    void each(Index item, F&& f) const {
        const auto i = static_cast<std::size_t>(item);
        if (i + 1 >= begin_.size()) return;
        for (std::size_t k = begin_[i]; k < begin_[i + 1]; ++k)
            f(attributes_[k], T(1) / static_cast<T>(begin_[i + 1] - begin_[i]));
    }

private:
    std::vector<std::size_t> begin_;  // item i has attributes_[begin_[i]] up to [begin_[i + 1]]
    std::vector<std::int32_t> attributes_;
    std::vector<Kind> kinds_;         // empty without lists
    std::vector<std::int32_t> cold_;  // in ascending order, with features and without lists
    bool features_ = false;
    Index rows_ = 0;
    bool has_cold_ = false;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION ItemAttributes::ItemAttributes(std::string_view who, Index items,
                                                const std::vector<std::vector<std::int32_t>>& lists,
                                                const std::vector<std::int32_t>& cold, bool features)
    : begin_{0}, kinds_(lists.size(), Kind::plain), features_(features) {
    if (!lists.empty() && static_cast<Index>(lists.size()) != items + 1)
        throw ArgumentError(
            message(who, ": expected attributes of padding and ", items, " items, received ", lists.size(), " lists"));
    for (const auto& list : lists) {
        for (const std::int32_t a : list) {
            if (a < 1) throw ArgumentError(message(who, ": expected attributes from 1, received ", a));
            attributes_.push_back(a);
            rows_ = std::max<Index>(rows_, Index{a} + 1);
        }
        begin_.push_back(attributes_.size());
    }
    for (std::size_t i = 1; i < lists.size(); ++i)
        if (!lists[i].empty()) kinds_[i] = Kind::with_attributes;
    if (features) kinds_.assign(kinds_.size(), Kind::with_attributes);
    for (const std::int32_t item : cold) {
        if (item < 1 || item > items)
            throw ArgumentError(message(who, ": expected cold items from 1 to ", items, ", received ", item));
        if (features && lists.empty())
            cold_.push_back(item);
        else if (kind(item) != Kind::plain)
            kinds_[static_cast<std::size_t>(item)] = Kind::cold, has_cold_ = true;
    }
    std::sort(cold_.begin(), cold_.end());
    has_cold_ = has_cold_ || !cold_.empty();
}
#endif

}  // namespace detail
DEEPREC_END
