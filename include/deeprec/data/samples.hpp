/// From tables to what models read: `events.samples(spec)`, a record of named fields with a row for each event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/record.hpp>
#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/tables/tables.hpp>

DEEPREC_BEGIN

namespace detail {
/// Adds the features of rows ids[r] - 1, or where there are no ids of every row.
void add_features(std::vector<Record::Field>& to, const FeatureSpec& spec, const FeatureTensors& x,
                  const Values<std::int32_t>* ids);
/// Throws DataError unless the table has the keys' rows in the order of their ids.
void check_aligned(std::string_view what, const Vocabulary& keys, const KeyedTable& table);
inline void add_joined(std::vector<Record::Field>&, const EventTable&) {}
template <class Table, class... Rest>
void add_joined(std::vector<Record::Field>& to, const EventTable& events, const Table& table, const FeatureSpec& spec,
                const Rest&... rest) {
    static_assert(std::is_same_v<Table, ItemTable> || std::is_same_v<Table, UserTable>,
                  "EventTable: samples(spec, items, spec of items, users, spec of users)");
    constexpr bool of_items = std::is_same_v<Table, ItemTable>;
    check_aligned(of_items ? "item" : "user", of_items ? events.items : events.users, table);
    add_features(to, spec, spec.transform(table), of_items ? &events.item : &events.user);
    add_joined(to, events, rest...);
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION void add_features(std::vector<Record::Field>& to, const FeatureSpec& spec, const FeatureTensors& x,
                                   const Values<std::int32_t>* ids) {
    x.each([&]<class T>(const std::string& name, const Tensor<T, 2>& from) {
        const Index rows = ids ? ids->size() : from.dimension(0), width = from.dimension(1);
        Tensor<T, 2> own(rows, width);
        for (Index r = 0; r < rows; ++r)
            std::copy_n(from.data() + (ids ? (*ids)[r] - 1 : r) * width, width, own.data() + r * width);
        if constexpr (std::is_same_v<T, std::int32_t>) {
            if (!spec.has_many(name)) {
                Tensor<T, 1> one(rows);
                std::copy_n(own.data(), rows, one.data());
                to.emplace_back(name, std::move(one));
                return;
            }
        }
        to.emplace_back(name, std::move(own));
    });
}
DEEPREC_FUNCTION void check_aligned(std::string_view what, const Vocabulary& keys, const KeyedTable& table) {
    for (std::int32_t id = 1; id <= keys.size(); ++id)
        if (id > table.keys.size() || table.keys.key(id) != keys.key(id))
            throw DataError(message("EventTable: expected row ", id, " of the ", what, "s to be ",
                                    shown(keys.key(id), "'"), ", received ",
                                    id > table.keys.size() ? "no such row" : shown(table.keys.key(id), "'"),
                                    "; align(events, ", what, "s) first"));
}
#endif
}  // namespace detail

/// See EventTable::samples.
template <class... About>
Record samples_of(const EventTable& events, const FeatureSpec& spec, const About&... about) {
    std::vector<Record::Field> fields;
    detail::add_features(fields, spec, spec.transform(events), nullptr);
    detail::add_joined(fields, events, about...);
    return Record(std::move(fields));
}
/// See KeyedTable::samples.
inline Record samples_of(const KeyedTable& table, const FeatureSpec& spec) {
    std::vector<Record::Field> fields;
    detail::add_features(fields, spec, spec.transform(table), nullptr);
    return Record(std::move(fields));
}

/// The ids of an item's features, of each item id (element 0 is padding), numbered one feature behind the other: what a
/// SequenceRecommender takes as `attributes`. Missing values are left out. Throws ArgumentError for a feature without
/// ids, and for more ids than numbers of 32 bits count.
std::vector<std::vector<std::int32_t>> item_attributes(const FeatureSpec& spec, const ItemTable& items);

/// What a SequenceRecommender knows of items: `item_features(of_items, items)` for features of every kind.
struct ItemFeatures {
    std::vector<std::vector<std::int32_t>> attributes;  ///< those with ids, as of item_attributes; empty without
    Tensor<float, 2> features;                          ///< numbers and vectors [N + 1, F]; empty without
};
/// The option `attributes` is of the features with ids, and `features` of the numbers, scaled, and the vectors, each
/// with its flag for missing. Throws as item_attributes.
ItemFeatures item_features(const FeatureSpec& spec, const ItemTable& items);

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::vector<std::vector<std::int32_t>> item_attributes(const FeatureSpec& spec,
                                                                        const ItemTable& items) {
    ItemFeatures all = item_features(spec, items);
    if (all.features.size() > 0)
        throw ArgumentError(message("item_attributes: expected features with ids, received the numbers '",
                                    spec.transform(items).floats.begin()->first,
                                    "'; item_features takes them, and a bucket of numbers has ids"));
    all.attributes.resize(static_cast<std::size_t>(items.size()) + 1);
    return std::move(all.attributes);
}
DEEPREC_FUNCTION ItemFeatures item_features(const FeatureSpec& spec, const ItemTable& items) {
    const FeatureTensors x = spec.transform(items);
    ItemFeatures all;
    Index width = 0;
    for (const auto& [name, numbers] : x.floats) width += numbers.dimension(1);
    if (width > 0) {
        all.features.resize(items.size() + 1, width);
        all.features.setZero();
        Index column = 0;
        for (const auto& [name, numbers] : x.floats) {
            const Index own = numbers.dimension(1);
            for (Index row = 0; row < items.size(); ++row)
                std::copy_n(numbers.data() + row * own, own, &all.features(row + 1, column));
            column += own;
        }
    }
    if (x.ids.empty()) return all;
    auto& lists = all.attributes;
    lists.resize(static_cast<std::size_t>(items.size()) + 1);
    Index first = 0;
    for (const auto& [name, ids] : x.ids) {
        if (spec.rows(name) > std::numeric_limits<std::int32_t>::max() - first)
            throw ArgumentError(message("item_attributes: expected less than 2^31 ids of all features together, '",
                                        name, "' adds ", spec.rows(name), " to ", first));
        for (Index row = 0; row < ids.dimension(0); ++row)
            for (Index i = 0; i < ids.dimension(1); ++i)
                if (ids(row, i) != 0)
                    lists[static_cast<std::size_t>(row) + 1].push_back(static_cast<std::int32_t>(first) + ids(row, i));
        first += spec.rows(name);
    }
    return all;
}
#endif

DEEPREC_END
