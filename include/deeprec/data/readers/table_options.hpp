/// What the readers of tables are told: which columns, which rows.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/readers/csv_format.hpp>
#include <deeprec/data/tables/column.hpp>
#include <deeprec/data/time_unit.hpp>

DEEPREC_BEGIN

/// A column of a file by its name, or by its number from 1.
class ColumnName {
public:
    ColumnName() = default;
    ColumnName(const char* name) : name_(name) {}
    ColumnName(std::string name) : name_(std::move(name)) {}
    ColumnName(int number) : name_(std::to_string(number)), number_(number) {}

    /// Whether no column is named.
    bool empty() const { return name_.empty(); }
    /// Whether it is said by its number.
    bool is_number() const { return number_ != 0; }
    /// From 1; 0 for one with a name.
    int number() const { return number_; }
    /// The name, or the number in digits.
    const std::string& text() const { return name_; }

private:
    std::string name_;
    int number_ = 0;
};

/// A column that goes into the table: `{"price", ColumnKind::number}`.
struct ColumnOptions {
    ColumnName column;                       ///< of the file, by name or by its number from 1
    ColumnKind kind = ColumnKind::category;  ///< what its fields are
    std::string name{};                      ///< in the table; empty = as in the file
    char separator = 0;                      ///< between the parts of categories and vectors; 0 = '|' and ' '
};

/// A kind of event that is kept, and what it weighs: `{"buy", 5}`.
struct EventType {
    std::string name;  ///< as it stands in the file
    float weight = 1;  ///< of each event of that kind
};

/// What happens to rows that cannot be read: another number of fields, no user, item, key or time, a number that is
/// none. Other damage (no text, another encoding, a quote that is not closed) is an error always.
enum class BadRows {
    error,  ///< the first one is an error, with its place
    skip    ///< they are left out and counted in the report
};

/// What happens to events that are there several times.
enum class Duplicates {
    keep,
    once,   ///< of events that are equal in all columns of the table, the first
    first,  ///< of a user's events with one item, the earliest
    last    ///< of a user's events with one item, the latest
};

/// Of events:
/// `{.user = "user_id", .item = "sku", .time = "timestamp", .columns = {{"price", ColumnKind::number}}}`.
/// Columns without a name have numbers: `{.user = 1, .item = 2, .format = {.header = false}}`.
struct EventColumns {
    ColumnName user = "user", item = "item";  ///< the columns of the keys
    ColumnName time{};                     ///< empty = the order of the file is the order in time
    std::vector<ColumnOptions> columns{};  ///< an empty field is a missing value
    ColumnName type{};                     ///< of the event; becomes a category of the table too
    std::vector<EventType> types{};        ///< those that are kept, empty = all; weights that are not all 1 become the
                                           ///< number column "weight"
    ColumnName rating{};                   ///< becomes a number of the table too; a row without one is a bad row
    float min_rating = -std::numeric_limits<float>::infinity();  ///< events below are not kept
    TimeUnit time_unit = TimeUnit::guessed;                      ///< by the first time, and checked at the end
    std::vector<std::string> missing{};  ///< texts that stand for an empty field, such as "NULL"
    BadRows bad_rows = BadRows::error;   ///< an error, or left out and counted
    Duplicates duplicates = Duplicates::keep;        ///< which of equal or repeated events are kept
    Index min_user_events = 0, min_item_events = 0;  ///< users and items with fewer go, until none has (k-core)
    CsvFormat format{};                              ///< how the text is written
    std::function<void(Index, Index)> progress{};    ///< told the bytes read of a file's, not of a pipe: a ProgressBar
};

/// Of items or users: `{.key = "sku", .columns = {{"brand"}, {"price", ColumnKind::number}}}`.
struct KeyColumns {
    ColumnName key = "id";                         ///< the column that says which item or user the row is about
    std::vector<ColumnOptions> columns{};          ///< an empty field is a missing value
    std::vector<std::string> missing{};            ///< texts that stand for an empty field, such as "NULL"
    BadRows bad_rows = BadRows::error;             ///< a key that was there before makes a bad row
    CsvFormat format{};                            ///< how the text is written
    std::function<void(Index, Index)> progress{};  ///< as of EventColumns
};

DEEPREC_END
