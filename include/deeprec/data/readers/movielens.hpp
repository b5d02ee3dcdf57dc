/// MovieLens as GroupLens publishes it and as R's dslabs package ships it. See
/// https://grouplens.org/datasets/movielens.
///
/// All readers keep every rating as one event, in the order of the file, and every item and user that the files list,
/// rated or not. Times are seconds. Genres that mean "none" ("(no genres listed)", "unknown") give an item without
/// genres. They throw FileError for a missing file, FormatError for text that is not in the format, and DataError for a
/// rating of an item or user that is not listed, an item listed twice, or no rating at all: always with file, line and
/// column.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/csv.hpp>
#include <deeprec/data/readers/times.hpp>

DEEPREC_BEGIN

namespace detail {

inline bool is_no_genre(std::string_view name) {
    return name.empty() || name == "(no genres listed)" || name == "unknown";
}

/// "Action|Drama" as two names.
inline std::vector<std::string> split_genres(std::string_view text) {
    std::vector<std::string> genres;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('|', begin), text.size());
        if (const auto name = text.substr(begin, end - begin); !is_no_genre(name)) genres.emplace_back(name);
        begin = end + 1;
    }
    keep_first_of_each(genres);
    return genres;
}

/// The key of a user or item: MovieLens numbers them, so anything else is a damaged or misread file.
inline std::string_view movielens_key(const TextReader& in, const Field& field) {
    if (in.number<std::int64_t>(field) < 1)
        in.fail(field, "expected a positive whole number, received ", shown(field.text));
    if (field.text[0] < '1')
        in.fail(field, "expected a number without plus and leading zeros, received ", shown(field.text));
    return field.text;
}

inline void add_item(Dataset& data, const TextReader& in, const Field& id, Item item) {
    Vocabulary& items = data.interactions.items;
    const std::string_view key = movielens_key(in, id);
    if (items.find(key)) in.fail<DataError>(id, "item ", key, " is listed twice");
    items.add(key);
    data.items.add(std::move(item));
}

/// Lists the users, if the file is there; else users are met in the order of their ratings. Returns whether it is.
inline bool add_users(Dataset& data, const std::filesystem::path& path, std::string_view separator) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return false;
    TextReader in{path, Encoding::utf8_or_latin1};
    while (in.next()) {
        const Field id = in.split(separator, 5)[0];
        const std::string_view key = movielens_key(in, id);
        if (data.interactions.users.find(key)) in.fail<DataError>(id, "user ", key, " is listed twice");
        data.interactions.users.add(key);
    }
    return true;
}

/// Adds the event of one line. `users_listed`: a user not met before is an error.
inline void add_rating(Dataset& data, const TextReader& in, const Field& user, const Field& item, const Field& rating,
                       const Field& timestamp, bool users_listed) {
    Interactions& events = data.interactions;
    const std::string_view user_key = movielens_key(in, user), item_key = movielens_key(in, item);
    const auto item_id = events.items.find(item_key);
    if (!item_id) in.fail<DataError>(item, "item ", item_key, " is rated but not listed");
    const auto known_user = events.users.find(user_key);
    if (!known_user && users_listed) in.fail<DataError>(user, "user ", user_key, " has a rating but is not listed");
    events.add(known_user ? *known_user : events.users.add(user_key), *item_id, in.number<float>(rating),
               in.number<std::int64_t>(timestamp));
}

/// Called at the end of the ratings; `what` names the set.
inline Dataset finished(Dataset data, const TextReader& ratings, std::string_view what) {
    const Interactions& x = data.interactions;
    if (x.size() == 0) ratings.fail<DataError>(ratings.whole(), "expected at least one rating, received none");
    check_years(x.timestamp, ratings.path().string(), &numeric_units[0], false);
    data.description = message(what, " from ", ratings.path().string(), ": ", x.size(), " ratings by ", x.users.size(),
                               " users of ", x.items.size(), " items");
    return data;
}

/// The ratings of 100K and 1M: `user, item, rating, time` between separators.
inline Dataset add_ratings(Dataset data, const std::filesystem::path& path, std::string_view separator,
                           bool users_listed, std::string_view what) {
    TextReader in{path};
    while (in.next()) {
        const std::vector<Field>& field = in.split(separator, 4);
        add_rating(data, in, field[0], field[1], field[2], field[3], users_listed);
    }
    return finished(std::move(data), in, what);
}

}  // namespace detail

/// MovieLens latest-small, latest, 20M, 25M, ...: `ratings.csv` (userId, movieId, rating, timestamp) and `movies.csv`
/// (movieId, title, genres) in one directory. The year is the one at the end of the title.
inline Dataset read_movielens_csv(const std::filesystem::path& directory) {
    return detail::within_memory(directory, [&] {
        Dataset data;
        {
            CsvReader in{directory / "movies.csv"};
            const auto id = in.column("movieId"), title = in.column("title"), genres = in.column("genres");
            while (in.next()) {
                Item item = split_year(in[title].text);
                item.genres = detail::split_genres(in[genres].text);
                detail::add_item(data, in.text(), in[id], std::move(item));
            }
        }
        CsvReader in{directory / "ratings.csv"};
        const auto user = in.column("userId"), item = in.column("movieId"), rating = in.column("rating"),
                   timestamp = in.column("timestamp");
        while (in.next()) detail::add_rating(data, in.text(), in[user], in[item], in[rating], in[timestamp], false);
        return detail::finished(std::move(data), in.text(), "MovieLens");
    });
}

/// Ratings joined with their items in one CSV file, as `write.csv(dslabs::movielens, "movielens.csv")` gives in R:
/// columns movieId, title, year, genres, userId, rating, timestamp in any order, others (row names) are passed over;
/// NA or an empty field is a title, year or genre that is not known. Without a column year it is taken from the title.
/// Items are numbered in the order of their first rating. DataError if two rows disagree about an item.
///
/// Run R in a UTF-8 locale (`LC_ALL=C.UTF-8`): in the C locale it writes "L<U+00E9>on" for "Léon".
inline Dataset read_movielens_table(const std::filesystem::path& file) {
    return detail::within_memory(file, [&] {
        Dataset data;
        CsvReader in{file};
        const auto user = in.column("userId"), id = in.column("movieId"), title = in.column("title"),
                   genres = in.column("genres"), rating = in.column("rating"), timestamp = in.column("timestamp");
        const auto year = in.find_column("year");
        const auto known = [](const Field& field) {
            return !field.text.empty() && (field.quoted || field.text != "NA");
        };
        std::unordered_map<std::int32_t, std::size_t> first_line;
        while (in.next()) {
            Item item;
            if (known(in[title])) item = year ? Item{std::string(in[title].text), 0, {}} : split_year(in[title].text);
            if (year && known(in[*year])) item.year = in.number<std::int32_t>(in[*year]);
            if (known(in[genres])) item.genres = detail::split_genres(in[genres].text);
            const auto met = data.interactions.items.find(in[id].text);
            if (!met) {
                detail::add_item(data, in.text(), in[id], std::move(item));
                first_line[data.items.size()] = in.text().number();
            } else if (data.items[*met] != item) {
                in.text().fail<DataError>(in[id], "item ", in[id].text,
                                          " has another title, year or genres than on line ", first_line[*met]);
            }
            detail::add_rating(data, in.text(), in[user], in[id], in[rating], in[timestamp], false);
        }
        return detail::finished(std::move(data), in.text(), "MovieLens");
    });
}

/// MovieLens-100K: `u.data` (tabs), `u.item` (`id|title (year)|release date|video date|url|genre flags`, Latin-1),
/// `u.genre` and, if it is there, `u.user`. A title without a year takes that of the release date.
inline Dataset read_movielens_100k(const std::filesystem::path& directory) {
    return detail::within_memory(directory, [&] {
        Dataset data;
        std::vector<std::string> genres;
        {
            TextReader in{directory / "u.genre", Encoding::utf8_or_latin1};
            while (in.next()) {
                const std::vector<Field>& field = in.split("|", 2);
                if (in.number<std::size_t>(field[1]) != genres.size())
                    in.fail(field[1], "expected genre number ", genres.size(), ", received ", field[1].text);
                genres.emplace_back(field[0].text);
            }
        }
        constexpr std::size_t first_flag = 5;
        TextReader in{directory / "u.item", Encoding::utf8_or_latin1};
        while (in.next()) {
            const std::vector<Field>& field = in.split("|", first_flag + genres.size());
            Item item = split_year(field[1].text);
            if (const Field& date = field[2]; item.year == 0 && !date.text.empty()) {  // 01-Jan-1995
                const std::size_t begin = date.text.rfind('-') + 1;
                item.year = in.number<std::int32_t>({date.text.substr(begin), date.offset + begin});
            }
            for (std::size_t g = 0; g < genres.size(); ++g) {
                const Field& flag = field[first_flag + g];
                if (flag.text != "0" && flag.text != "1")
                    in.fail(flag, "expected a genre flag 0 or 1, received ", detail::shown(flag.text));
                if (flag.text == "1" && !detail::is_no_genre(genres[g])) item.genres.push_back(genres[g]);
            }
            detail::keep_first_of_each(item.genres);  // u.genre may have a name twice
            detail::add_item(data, in, field[0], std::move(item));
        }
        const bool users_listed = detail::add_users(data, directory / "u.user", "|");
        return detail::add_ratings(std::move(data), directory / "u.data", "\t", users_listed, "MovieLens-100K");
    });
}

/// MovieLens-1M (and 10M): `ratings.dat`, `movies.dat` (`id::title (year)::genres`, Latin-1) and, if it is there,
/// `users.dat`.
inline Dataset read_movielens_1m(const std::filesystem::path& directory) {
    return detail::within_memory(directory, [&] {
        Dataset data;
        TextReader in{directory / "movies.dat", Encoding::utf8_or_latin1};
        while (in.next()) {
            const std::vector<Field>& field = in.split("::", 3);
            Item item = split_year(field[1].text);
            item.genres = detail::split_genres(field[2].text);
            detail::add_item(data, in, field[0], std::move(item));
        }
        const bool users_listed = detail::add_users(data, directory / "users.dat", "::");
        return detail::add_ratings(std::move(data), directory / "ratings.dat", "::", users_listed, "MovieLens");
    });
}

DEEPREC_END
