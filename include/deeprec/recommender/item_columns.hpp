/// What is known of the items of a recommender: named columns of texts.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/ranking/item_set.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// Columns by name, each with any number of texts for each item 1 ... N.
class ItemColumns {
public:
    explicit ItemColumns(std::int32_t items = 0) : items_(items) {}
    /// "title", "year" and "genres".
    explicit ItemColumns(const Catalogue& catalogue) : items_(catalogue.size()) {
        Values titles(size()), years(size()), genres(size());
        for (std::int32_t item = 1; item <= items_; ++item) {
            const auto i = static_cast<std::size_t>(item);
            if (!catalogue[item].title.empty()) titles[i] = {catalogue[item].title};
            if (catalogue[item].year != 0) years[i] = {std::to_string(catalogue[item].year)};
            for (const std::string& genre : catalogue[item].genres)
                if (!genre.empty()) genres[i].push_back(genre);
        }
        columns_["title"] = std::move(titles);
        columns_["year"] = std::move(years);
        columns_["genres"] = std::move(genres);
    }

    std::int32_t items() const { return items_; }
    /// Of the columns, in the order of the alphabet.
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& column : columns_) all.push_back(column.first);
        return all;
    }
    /// Throws DataError for a column that there is not and for items outside 1 ... N.
    const std::vector<std::string>& values(std::string_view column, std::int32_t item) const {
        detail::check_item("Recommender", items_, item);
        return at(column)[static_cast<std::size_t>(item)];
    }
    /// The items with this value; none, for a value that none has. Throws DataError for a column that there is not.
    ItemSet where(std::string_view column, std::string_view value) const {
        const Values& values = at(column);
        return ItemSet::where(items_, [&](std::int32_t item) {
            const auto& own = values[static_cast<std::size_t>(item)];
            return std::find(own.begin(), own.end(), value) != own.end();
        });
    }
    /// The items with a number from `low` to `high`, both included: `where("price", 5, 20)`. Throws ArgumentError
    /// unless low <= high, DataError for a column that there is not and one in which no item has a number.
    ItemSet where(std::string_view column, double low, double high) const {
        if (!(low <= high))
            throw ArgumentError(
                message("Recommender: expected numbers from low to high, received ", low, " and ", high));
        bool any = false;
        const Values& values = at(column);
        const ItemSet found = ItemSet::where(items_, [&](std::int32_t item) {
            bool inside = false;
            for (const std::string& text : values[static_cast<std::size_t>(item)]) {
                double number = 0;
                const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
                if (error != std::errc() || end != text.data() + text.size()) continue;
                any = true;
                inside = inside || (number >= low && number <= high);
            }
            return inside;
        });
        if (!any)
            throw DataError(message("Recommender: expected a column of numbers, received ", detail::shown(column),
                                    ", in which no item has one"));
        return found;
    }
    /// The values as numbers from 0, in the order of their first item; element 0 is padding. Throws DataError for a
    /// column that there is not.
    std::vector<std::vector<std::int32_t>> categories(std::string_view column) const {
        Vocabulary numbers;
        std::vector<std::vector<std::int32_t>> categories;
        for (const auto& own : at(column)) {
            categories.emplace_back();
            for (const std::string& value : own) categories.back().push_back(numbers.add(value) - 1);
        }
        return categories;
    }
    /// Sets a column: values by the key of an item, none for items that are not named. Throws DataError for a key that
    /// is not in `keys` and for an empty value.
    void set(const std::string& column, const Vocabulary& keys,
             const std::map<std::string, std::vector<std::string>>& values) {
        Values by_item(size());
        for (const auto& [key, own] : values) {
            if (std::find(own.begin(), own.end(), "") != own.end())
                throw DataError(
                    message("Recommender: column ", detail::shown(column), " has an empty value for item ", key));
            by_item[static_cast<std::size_t>(keys.at(key))] = own;
        }
        columns_[column] = std::move(by_item);
    }
    /// New items, of which nothing is known.
    void add_items(Index count) {
        items_ += static_cast<std::int32_t>(count);
        for (auto& column : columns_) column.second.resize(size());
    }
    void fields(StoredFields& f) {
        f.number("items", items_);
        f.require(items_ >= 0, "expected 0 or more items, received ", items_);
        std::vector<std::string> known = names();
        f.texts("names", known);
        for (std::size_t c = 0; c < known.size(); ++c) column_fields(f, message("column.", c), columns_[known[c]]);
    }

private:
    using Values = std::vector<std::vector<std::string>>;  // [N + 1] lists

    std::size_t size() const { return static_cast<std::size_t>(items_) + 1; }
    const Values& at(std::string_view column) const {
        const auto found = columns_.find(column);
        if (found != columns_.end()) return found->second;
        std::string names;
        for (const auto& other : columns_) names += (names.empty() ? "" : ", ") + other.first;
        throw DataError(message("Recommender: expected one of the columns ", names.empty() ? "(none)" : names,
                                ", received ", detail::shown(column)));
    }
    /// All texts one after the other, and where those of each item end.
    void column_fields(StoredFields& f, const std::string& name, Values& values) const {
        std::vector<std::string> texts;
        std::vector<std::int64_t> ends;
        for (const auto& own : values) {
            texts.insert(texts.end(), own.begin(), own.end());
            ends.push_back(std::ssize(texts));
        }
        f.texts(name, texts);
        f.kept_list(name + ".of_item", ends);
        if (!f.reading()) return;
        f.require(ends.size() == size(), name, ": expected the values of ", items_, " items, received ",
                  std::ssize(ends) - 1);
        values.clear();
        std::int64_t begin = 0;
        for (const std::int64_t end : ends) {
            f.require(end >= begin && end <= std::ssize(texts), name, ": expected ends of items up to ", texts.size(),
                      " in ascending order, received ", end);
            values.emplace_back(texts.begin() + begin, texts.begin() + end);
            begin = end;
        }
    }

    std::int32_t items_;
    std::map<std::string, Values, std::less<>> columns_;
};

DEEPREC_END
