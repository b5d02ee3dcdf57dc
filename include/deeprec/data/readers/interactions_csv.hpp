/// Any table of events: CSV, TSV and their kin.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/csv.hpp>
#include <deeprec/data/readers/times.hpp>

DEEPREC_BEGIN

/// Which columns a table has, and how it is written:
/// `{.user = "visitorid", .item = "itemid", .timestamp = "time", .separator = '\t'}`, or of a file whose first line is
/// an event `{.user = "1", .item = "2", .rating = "3", .header = false}`.
struct CsvColumns {
    std::string user = "user", item = "item";  ///< names of the columns of the keys
    std::string rating{}, timestamp{};         ///< empty = the table has none
    char separator = ',';                      ///< this and the next ones: as in CsvFormat
    std::optional<bool> quotes{};              ///< as in CsvFormat
    bool header = true;                        ///< as in CsvFormat
    Encoding encoding = Encoding::utf8;        ///< as in CsvFormat
    bool backslash_escapes = false;            ///< as in CsvFormat
    bool trim = false;                         ///< as in CsvFormat
    bool trailing_separator = false;           ///< as in CsvFormat
    char decimal = '.';                        ///< as in CsvFormat
    char line_end = '\n';                      ///< as in CsvFormat
    TimeUnit time_unit = TimeUnit::seconds;    ///< of the column `timestamp`
    bool skip_incomplete = false;              ///< rows in which one of these columns is empty are passed, and counted

    /// The same without the columns.
    CsvFormat format() const {
        return {separator, quotes, header, encoding, backslash_escapes, trim, trailing_separator, decimal, line_end};
    }
};

/// Reads one event a row, in the order of the file; users and items are numbered as they are met, by keys that may be
/// any text: "1", "01" and "1.0" are three. Timestamps are seconds, rounded down to whole ones, whatever the unit of
/// the file. Nothing is known about the items.
/// Throws FileError, FormatError (columns, fields, numbers), DataError for an empty key, a file without events or times
/// whose median is not in the years 1990 to 2100: always with file, line and column, and the option that would read it.
inline Dataset read_interactions_csv(const std::filesystem::path& file, const CsvColumns& columns = {}) {
    return detail::within_memory(file, [&] {
        Dataset data;
        Interactions& x = data.interactions;
        CsvReader in{file, columns.format()};
        const auto optional = [&](const std::string& name) {
            return name.empty() ? std::nullopt : std::optional(in.column(name));
        };
        const std::size_t user = in.column(columns.user), item = in.column(columns.item);
        const auto rating = optional(columns.rating), time = optional(columns.timestamp);
        detail::TimeColumn seconds_of{columns.time_unit, columns.decimal};
        Index skipped = 0;
        const auto empty = [&](std::optional<std::size_t> column) { return column && in[*column].text.empty(); };
        while (in.next()) {
            if (columns.skip_incomplete && (empty(user) || empty(item) || empty(rating) || empty(time))) {
                ++skipped;
                continue;
            }
            for (const auto column : {std::optional(user), std::optional(item), rating, time})
                if (empty(column))
                    in.text().fail<DataError>(
                        in[*column], "expected ", column == user || column == item ? "a key" : "a number",
                        ", received an empty field; skip_incomplete = true passes over such rows");
            std::optional<float> stars;
            std::optional<std::int64_t> seconds;
            if (rating) stars = in.number<float>(in[*rating]);
            if (time) seconds = seconds_of(in.text(), in[*time]);
            x.add(x.users.add(in[user].text), x.items.add(in[item].text), stars, seconds);
        }
        if (x.size() == 0) in.text().fail<DataError>(in.text().whole(), "expected at least one event, received none");
        seconds_of.check(x.timestamp);
        data.items = Catalogue{x.items.size()};
        data.description = message("Events from ", file.string(), ": ", x.size(), " by ", x.users.size(),
                                   " users with ", x.items.size(), " items");
        if (skipped > 0) data.description += message(", ", skipped, " incomplete rows passed over");
        return data;
    });
}

DEEPREC_END
