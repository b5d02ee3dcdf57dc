/// Any table of events: CSV or TSV whose first line names the columns.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/csv.hpp>

DEEPREC_BEGIN

/// Which columns a table has: `{.user = "visitorid", .item = "itemid", .timestamp = "time", .separator = '\t'}`.
struct CsvColumns {
    std::string user = "user", item = "item";
    std::string rating{}, timestamp{};  ///< empty = the table has none
    char separator = ',';
};

/// Reads one event a line, in the order of the file; users and items are numbered as they are met, by keys that may be
/// any text. Timestamps are seconds, rounded down to whole ones. Nothing is known about the items.
/// Throws FileError, FormatError (columns, fields, numbers), DataError for an empty key or a file without events:
/// always with file, line and column.
inline Dataset read_interactions_csv(const std::filesystem::path& file, const CsvColumns& columns = {}) {
    Dataset data;
    Interactions& x = data.interactions;
    CsvReader in{file, columns.separator};
    const auto optional = [&](const std::string& name) {
        return name.empty() ? std::nullopt : std::optional(in.column(name));
    };
    const std::size_t user = in.column(columns.user), item = in.column(columns.item);
    const auto rating = optional(columns.rating), time = optional(columns.timestamp);
    const auto id = [&](Vocabulary& known, const Field& field) {
        if (field.text.empty()) in.text().fail<DataError>(field, "expected a key, received an empty field");
        return known.add(field.text);
    };
    while (in.next()) {
        std::optional<float> stars;
        std::optional<std::int64_t> seconds;
        if (rating) stars = in.number<float>(in[*rating]);
        if (time) seconds = in.text().seconds(in[*time]);
        x.add(id(x.users, in[user]), id(x.items, in[item]), stars, seconds);
    }
    if (x.size() == 0) in.text().fail<DataError>(in.text().whole(), "expected at least one event, received none");
    data.items = Catalogue{x.items.size()};
    data.description = message("Events from ", file.string(), ": ", x.size(), " by ", x.users.size(), " users with ",
                               x.items.size(), " items");
    return data;
}

DEEPREC_END
