/// What a recommender learns from tables without training: columns to filter by, new items, new events.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/samples.hpp>
#include <deeprec/data/tables/tables.hpp>
#include <deeprec/recommender/served_fields.hpp>

DEEPREC_BEGIN

/// The cell of a row as texts: none where it is missing, a number in digits, each of a list's categories; none of a
/// vector.
std::vector<std::string> cell_texts(const Column& column, Index row);

/// Sets every column of the table but vectors as a column of the recommender (Recommender or AnyRecommender), for
/// `where`, `values` and `categories`. Items that the table has not keep what they had. Throws DataError for a key that
/// the recommender does not know, and for an empty value in a list; then nothing has changed.
template <class Shop>
void set_columns(Shop& shop, const ItemTable& items) {
    Shop filled = shop;
    const std::vector<std::string> known = shop.column_names();
    for (const Column& column : items.columns) {
        if (column.kind() == ColumnKind::vector) continue;
        std::map<std::string, std::vector<std::string>> values;
        if (std::find(known.begin(), known.end(), column.name()) != known.end())
            for (std::int32_t id = 1; id <= shop.items().size(); ++id)
                values[shop.items().key(id)] = shop.values(column.name(), shop.items().key(id));
        for (Index row = 0; row < items.size(); ++row)
            values[items.keys.key(static_cast<std::int32_t>(row + 1))] = cell_texts(column, row);
        filled.set_column(column.name(), values);
    }
    shop = std::move(filled);
}

/// Adds those items of the table that the recommender has not, with the attributes that `of_items`, which was fitted
/// before, makes of them (`item_features`; a SequenceRecommender ranks them at once), and sets the columns of all:
/// how many were new. Throws as `set_columns` and the recommender's `add_items`; then nothing has changed.
template <class Shop>
Index add_items(Shop& shop, const ItemTable& items, const FeatureSpec& of_items) {
    const ItemFeatures all = item_features(of_items, items);
    std::vector<std::string> keys;
    std::vector<std::vector<std::int32_t>> attributes;
    std::vector<std::int32_t> fresh;
    for (std::int32_t id = 1; id <= items.keys.size(); ++id) {
        if (shop.items().find(items.keys.key(id))) continue;
        keys.push_back(items.keys.key(id));
        fresh.push_back(id);
        if (!all.attributes.empty()) attributes.push_back(all.attributes[static_cast<std::size_t>(id)]);
    }
    Tensor<float, 2> features;
    if (const Index width = all.features.size() > 0 ? all.features.dimension(1) : 0; width > 0) {
        features.resize(std::ssize(fresh), width);
        for (std::size_t i = 0; i < fresh.size(); ++i)
            std::copy_n(&all.features(fresh[i], 0), width, features.data() + static_cast<Index>(i) * width);
    }
    Shop grown = shop;
    if (!keys.empty()) grown.add_items(keys, attributes, features);
    set_columns(grown, items);
    shop = std::move(grown);
    return std::ssize(keys);
}

/// Appends the events of the table to the histories, in the order of time where there are times, else of the rows, with
/// what the model reads of them; the gap before a user's first event of the table counts as none. Throws as the
/// recommender's `add_events`; then nothing has changed.
template <class Shop>
void add_events(Shop& shop, const EventTable& events) {
    std::vector<Index> order(static_cast<std::size_t>(events.size()));
    std::iota(order.begin(), order.end(), Index{0});
    if (!events.time.empty())
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return events.time[a] < events.time[b]; });
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const Index row : order)
        pairs.emplace_back(events.users.key(events.user[row]), events.items.key(events.item[row]));
    const ServedFields& served = shop.served_fields();
    shop.add_events(pairs, served.events().fields().empty() ? Record{}
                                                            : events.select(order).samples(served.of_events()));
}

/// What the model reads of the users of the table from now on; those of whom it says nothing keep what they had. Throws
/// as the recommender's `set_users`; then nothing has changed.
template <class Shop>
void set_users(Shop& shop, const UserTable& users) {
    std::vector<std::string> keys;
    std::vector<Index> rows;
    for (Index row = 0; row < users.size(); ++row) {
        if (std::all_of(users.columns.begin(), users.columns.end(), [&](const Column& c) { return c.missing(row); }))
            continue;
        keys.push_back(users.keys.key(static_cast<std::int32_t>(row + 1)));
        rows.push_back(row);
    }
    shop.set_users(keys, detail::rows_of(users.samples(shop.served_fields().of_users()), {}, rows));
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::vector<std::string> cell_texts(const Column& column, Index row) {
    std::vector<std::string> all;
    if (column.missing(row) || column.kind() == ColumnKind::vector) return all;
    if (column.kind() == ColumnKind::number) {
        char digits[32];  // as few as tell the number from all others
        all.emplace_back(digits, std::to_chars(digits, digits + sizeof digits, column.number(row)).ptr);
    } else if (column.kind() == ColumnKind::categories) {
        for (const std::int32_t id : column.ids(row)) all.push_back(column.values().key(id));
    } else {
        all.push_back(std::string(column.text(row)));
    }
    return all;
}
#endif

DEEPREC_END
