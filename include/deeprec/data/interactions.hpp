/// What every reader gives: who took what and when, and what the items are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/data/vocabulary.hpp>

DEEPREC_BEGIN

/// Events as columns of equal length, in the order of the input. A column that the input lacks is empty.
struct Interactions {
    Vocabulary users, items;              ///< keys by id, from 1
    std::vector<std::int32_t> user;       ///< ids of `users`
    std::vector<std::int32_t> item;       ///< ids of `items`
    std::vector<float> rating;            ///< empty without ratings
    std::vector<std::int64_t> timestamp;  ///< seconds; empty when the order of the input is the order in time

    Index size() const { return static_cast<Index>(user.size()); }

    /// Appends one event: `x.add(x.users.add("ann"), x.items.add("heat"), 4.5f, 881250949)`.
    /// Throws DataError for an unknown id, a rating that is not finite, or a value that other events lack or have.
    DEEPREC_LAZY void add(std::int32_t user_id, std::int32_t item_id, std::optional<float> stars = {},
                          std::optional<std::int64_t> seconds = {}) {
        check_id("user", user_id, users);
        check_id("item", item_id, items);
        check_column("rating", stars.has_value(), rating.empty());
        check_column("timestamp", seconds.has_value(), timestamp.empty());
        if (stars && !std::isfinite(*stars))
            throw DataError(message("Interactions: expected a finite rating, received ", *stars));
        user.push_back(user_id);
        item.push_back(item_id);
        if (stars) rating.push_back(*stars);
        if (seconds) timestamp.push_back(*seconds);
    }

    /// Throws DataError unless the columns have one length and all ids are known. The columns are open to edit, so
    /// whatever consumes them calls this first.
    DEEPREC_LAZY void check() const {
        check_length("item", item.size(), false);
        check_length("rating", rating.size(), true);
        check_length("timestamp", timestamp.size(), true);
        for (std::size_t i = 0; i < user.size(); ++i) {
            check_id("user", user[i], users);
            check_id("item", item[i], items);
        }
    }

private:
    static void check_id(const char* what, std::int32_t id, const Vocabulary& known) {
        if (id < 1 || id > known.size())
            throw DataError(
                message("Interactions: expected the ", what, " id to be from 1 to ", known.size(), ", received ", id));
    }
    void check_column(const char* what, bool given, bool empty) const {
        if (size() > 0 && given == empty)
            throw DataError(message("Interactions: event ", size() + 1, given ? " has a " : " has no ", what,
                                    given ? ", those before have none" : ", those before have one"));
    }
    void check_length(const char* what, std::size_t length, bool optional) const {
        if (length != user.size() && !(optional && length == 0))
            throw DataError(message("Interactions: expected ", user.size(), " values in column ", what,
                                    ", as in column user, received ", length));
    }
};

namespace detail {
/// A list from outside may name a thing twice: it counts once, at its first place.
DEEPREC_LAZY void keep_first_of_each(std::vector<std::string>& texts) {
    if (texts.size() < 2) return;
    std::unordered_set<std::string> seen;
    std::erase_if(texts, [&](const std::string& text) { return !seen.insert(text).second; });
}
}  // namespace detail

/// What is known about one item.
struct Item {
    std::string title;                ///< UTF-8, without the year; empty = unknown
    std::int32_t year = 0;            ///< 0 = unknown
    std::vector<std::string> genres;  ///< empty = unknown

    /// Whether it is of that genre, spelled alike.
    bool has_genre(std::string_view genre) const {
        return std::find(genres.begin(), genres.end(), genre) != genres.end();
    }
    friend bool operator==(const Item&, const Item&) = default;
};

/// Splits "Toy Story (1995)" into "Toy Story" and 1995; a title without "(yyyy)" at its end keeps all of it and year 0.
/// Spaces around the title go.
inline Item split_year(std::string_view title) {
    const auto trim = [&title] {
        while (!title.empty() && title.front() == ' ') title.remove_prefix(1);
        while (!title.empty() && title.back() == ' ') title.remove_suffix(1);
    };
    trim();
    Item item;
    if (title.size() >= 6 && title.back() == ')' && title[title.size() - 6] == '(') {
        const std::string_view digits = title.substr(title.size() - 5, 4);
        if (std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
            for (const char c : digits) item.year = item.year * 10 + (c - '0');
    }
    if (item.year != 0) {
        title.remove_suffix(6);
        trim();
    }
    item.title = title;
    return item;
}

/// The items by id, 1 to size().
class Catalogue {
public:
    /// An empty catalogue, or n items of which nothing is known.
    explicit Catalogue(std::int32_t n = 0) : items_(static_cast<std::size_t>(std::max(n, 0))) {}

    std::int32_t size() const { return static_cast<std::int32_t>(items_.size()); }
    /// Appends an item and returns its id.
    std::int32_t add(Item item) {
        items_.push_back(std::move(item));
        return size();
    }
    /// Throws DataError for an id that is not in 1 to size().
    const Item& operator[](std::int32_t id) const {
        if (id < 1 || id > size())
            throw DataError(message("Catalogue: expected an item id from 1 to ", size(), ", received ", id));
        return items_[static_cast<std::size_t>(id) - 1];
    }
    Item& operator[](std::int32_t id) { return const_cast<Item&>(std::as_const(*this)[id]); }

private:
    std::vector<Item> items_;
};

/// A whole data set. `items` has one entry for each key of `interactions.items`.
struct Dataset {
    Interactions interactions;  ///< who took what, and when
    Catalogue items;            ///< what is known of them
    std::string description;    ///< what it is and where it came from, for people

    /// How to print an item: "Toy Story (1995)", or its key, as in "item 4711", when it has no title.
    std::string label(std::int32_t item) const {
        const Item& about = items[item];
        if (about.title.empty()) return "item " + interactions.items.key(item);
        return about.year == 0 ? about.title : message(about.title, " (", about.year, ")");
    }
};

DEEPREC_END
