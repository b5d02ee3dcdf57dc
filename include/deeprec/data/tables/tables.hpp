/// Tables of events, items and users: any number of typed columns.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/tables/column.hpp>
#include <deeprec/data/tables/read_report.hpp>
#include <deeprec/data/time_unit.hpp>

DEEPREC_BEGIN

namespace detail {
/// Throws DataError, with the names that there are, for one that there is not.
const Column& column_of(const char* who, std::span<const Column> columns, std::string_view name);
void add_cells(const char* who, std::vector<Column>& columns, std::span<const Cell> cells, Index rows);
void check_columns(const char* who, std::span<const Column> columns, Index rows);
/// Columns by name, for who asks for many of them. Refers to the columns.
class ColumnsByName {
public:
    ColumnsByName(const char* who, std::span<const Column> columns) : who_(who), columns_(columns) {
        for (const Column& column : columns) by_name_.emplace(column.name(), &column);
    }
    /// As column_of.
    const Column& at(std::string_view name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? column_of(who_, columns_, name) : *found->second;
    }

private:
    const char* who_;
    std::span<const Column> columns_;
    std::unordered_map<std::string_view, const Column*> by_name_;
};
}  // namespace detail

/// Who did what and when, and whatever else is known of an event: its type, a price. 16 bytes a row with times, 8
/// without, and those of the columns (see ColumnKind): 20 million events with a type, a price and a device take 560 MB.
///
///     EventTable events{{Column{"type", ColumnKind::category}, Column{"price", ColumnKind::number}}};
///     events.add("ann", "heat", 881250949, {"view", 3.5});
struct EventTable {
    Vocabulary users, items;          ///< keys by id, from 1
    Values<std::int32_t> user, item;  ///< ids of `users` and `items`, one a row
    Values<std::int64_t> time;        ///< seconds; empty when the order of the rows is the order in time
    std::vector<Column> columns;      ///< what else is known of the events, each with a value a row
    ReadReport report;                ///< of a table that was read from files

    EventTable() = default;
    explicit EventTable(std::vector<Column> empty_columns) : columns(std::move(empty_columns)) {}
    /// The same events; ratings become the number column "rating".
    explicit EventTable(const Interactions& events);

    Index size() const { return user.size(); }
    /// Throws DataError, with the names that there are, for one that there is not.
    const Column& column(std::string_view name) const { return detail::column_of("EventTable", columns, name); }
    /// Memory of the rows, without that of vocabularies.
    Index bytes() const;

    /// Appends an event with a cell for each column. Throws DataError, and appends nothing, for an empty key, another
    /// number of cells, a cell of another kind than its column's, or a time that other events lack or have.
    void add(std::string_view user_key, std::string_view item_key, std::optional<std::int64_t> seconds,
             std::initializer_list<Cell> cells = {});
    /// These rows in this order, with the same vocabularies: what `FeatureSpec::fit` may see of a training part.
    EventTable select(std::span<const Index> rows) const;
    /// The events before a moment, in seconds: the training part of a TimeSplit. Throws DataError without times.
    EventTable before(std::int64_t seconds) const;
    /// The rows user by user and oldest first, equal times in the order of the rows: row k of this list is event k of
    /// `Sequences{interactions()}`.
    std::vector<Index> by_user_and_time() const;
    /// What sequences, splits and samplers take; `rating` names the number column that is the rating. Throws DataError
    /// for a column that is not there or no number, and for a rating that is missing.
    Interactions interactions(std::string_view rating = {}) const;
    /// A Record with a row for each event and a field for each feature of the spec, by its name: one id a row as [N],
    /// bags and tokens as [N, length], numbers as [N, F]. Tables of items and users that are aligned with the events
    /// add the features of each event's own: `events.samples(spec, items, of_items, users, of_users)`. Throws DataError
    /// for tables that are not aligned and as FeatureSpec::transform, ArgumentError for two features of one name. Needs
    /// data/samples.hpp.
    template <class Spec, class... About>
    auto samples(const Spec& spec, const About&... about) const {
        return samples_of(*this, spec, about...);
    }
    /// Throws DataError unless all columns have one length and all ids are known.
    void check() const;
    /// Writes size, users, items, times and columns into the report; `unit`, in which the file had the times.
    void describe(std::string_view unit = {});
};

/// Rows by key: row r is that of the key with id r + 1.
struct KeyedTable {
    Vocabulary keys;              ///< of the rows, with ids from 1
    std::vector<Column> columns;  ///< what is known of them, each with a value a row
    ReadReport report;            ///< of a table that was read from files

    KeyedTable() = default;
    explicit KeyedTable(std::vector<Column> empty_columns) : columns(std::move(empty_columns)) {}

    Index size() const { return keys.size(); }
    /// Throws DataError, with the names that there are, for one that there is not.
    const Column& column(std::string_view name) const { return detail::column_of("KeyedTable", columns, name); }
    /// Memory of the columns, without that of vocabularies.
    Index bytes() const;
    /// A Record with a row for each row, as EventTable::samples.
    template <class Spec>
    auto samples(const Spec& spec) const {
        return samples_of(*this, spec);
    }
    /// Appends a row with a cell for each column. Throws DataError, and appends nothing, for a key that is empty or
    /// there already, another number of cells or a cell of another kind than its column's.
    void add(std::string_view key, std::initializer_list<Cell> cells = {});
    void check() const { detail::check_columns("KeyedTable", columns, size()); }
    /// Writes size, columns and what the rows are ("items") into the report.
    void describe(std::string_view what);

protected:
    /// The rows of `order`, -1 = all missing, with these keys.
    void reorder(Vocabulary order_keys, std::span<const Index> order);
};
/// What is known of items: `ItemTable{{Column{"title", ColumnKind::text}}}`.
struct ItemTable : KeyedTable {
    using KeyedTable::KeyedTable;
    /// Title, year and genres of a data set's items, as text, number and categories.
    explicit ItemTable(const Dataset& data);
    friend void align(EventTable& events, ItemTable& about);
};
/// What is known of users: `UserTable{{Column{"country", ColumnKind::category}}}`.
struct UserTable : KeyedTable {
    using KeyedTable::KeyedTable;
    friend void align(EventTable& events, UserTable& about);
};

/// A log with what is known of its items and users (tables without rows: nothing).
struct Tables {
    EventTable events;  ///< the log
    ItemTable items;    ///< aligned with the log's items
    UserTable users;    ///< aligned with the log's users
};

/// Gives items one number in both tables: the rows of `about` come into the order of the events' ids (an item that it
/// lacks has a row of missing values), and its other items, those without events, get the ids behind them in both.
void align(EventTable& events, ItemTable& about);
/// The same for users.
void align(EventTable& events, UserTable& about);

#if DEEPREC_BODIES
namespace detail {
DEEPREC_FUNCTION const Column& column_of(const char* who, std::span<const Column> columns, std::string_view name) {
    for (const Column& column : columns)
        if (column.name() == name) return column;
    std::string known;
    for (const Column& column : columns) known += (known.empty() ? "" : ", ") + shown(column.name(), "'");
    throw DataError(message(who, ": expected a column ", shown(name, "'"), ", there ",
                            known.empty() ? "are no columns" : "are " + known));
}
DEEPREC_FUNCTION void add_cells(const char* who, std::vector<Column>& columns, std::span<const Cell> cells,
                                Index rows) {
    if (cells.size() != columns.size())
        throw DataError(message(who, ": expected ", columns.size(), " cells, one for each column, received ",
                                cells.size(), " in row ", rows));
    std::size_t done = 0;
    try {
        for (; done < cells.size(); ++done) columns[done].add(cells[done]);
    } catch (const Error&) {  // the columns before it have the row already
        std::vector<Index> before(static_cast<std::size_t>(rows));
        std::iota(before.begin(), before.end(), Index{0});
        for (std::size_t c = 0; c < done; ++c) columns[c] = columns[c].select(before);
        throw;
    }
}
DEEPREC_FUNCTION void check_columns(const char* who, std::span<const Column> columns, Index rows) {
    std::unordered_set<std::string_view> names;
    for (const Column& column : columns) {
        if (column.size() != rows)
            throw DataError(message(who, ": expected ", rows, " rows in column ", shown(column.name(), "'"),
                                    ", received ", column.size()));
        if (!names.insert(column.name()).second)
            throw DataError(message(who, ": two columns have the name ", shown(column.name(), "'")));
    }
}
/// For align: the rows of `about` by the ids of `known`, then the others, whose keys `known` gets.
DEEPREC_FUNCTION std::vector<Index> aligned(Vocabulary& known, const Vocabulary& about) {
    std::vector<Index> order;
    for (std::int32_t id = 1; id <= known.size(); ++id) order.push_back(about.find(known.key(id)).value_or(0) - 1);
    for (std::int32_t id = 1; id <= about.size(); ++id) {
        const std::int32_t before = known.size();
        if (known.add(about.key(id)) > before) order.push_back(id - 1);
    }
    return order;
}
/// Year, month and day.
DEEPREC_FUNCTION std::string date_text(std::int64_t seconds) {
    const std::int64_t days = floor_divided(seconds, 86400);
    if (days < -700'000 || days > 2'900'000) return message("second ", seconds);  // no year of four digits
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
    const auto two = [](unsigned n) { return (n < 10 ? "-0" : "-") + std::to_string(n); };
    return std::to_string(static_cast<int>(date.year())) + two(static_cast<unsigned>(date.month())) +
           two(static_cast<unsigned>(date.day()));
}
}  // namespace detail

DEEPREC_FUNCTION EventTable::EventTable(const Interactions& events)
    : users(events.users), items(events.items), user(events.user), item(events.item), time(events.timestamp) {
    events.check();
    if (events.rating.empty()) return;
    columns.emplace_back("rating", ColumnKind::number);
    for (const float stars : events.rating) columns[0].add_number(stars);
}

DEEPREC_FUNCTION Index EventTable::bytes() const {
    Index sum = user.bytes() + item.bytes() + time.bytes();
    for (const Column& column : columns) sum += column.bytes();
    return sum;
}

DEEPREC_FUNCTION void EventTable::add(std::string_view user_key, std::string_view item_key,
                                      std::optional<std::int64_t> seconds, std::initializer_list<Cell> cells) {
    if (user_key.empty() || item_key.empty())
        throw DataError(message("EventTable: expected keys, received user ", detail::shown(user_key), " and item ",
                                detail::shown(item_key)));
    if (size() > 0 && seconds.has_value() == time.empty())
        throw DataError(message("EventTable: event ", size() + 1, seconds ? " has a time" : " has no time",
                                seconds ? ", those before have none" : ", those before have one"));
    detail::add_cells("EventTable", columns, {cells.begin(), cells.size()}, size());
    user.push_back(users.add(user_key));
    item.push_back(items.add(item_key));
    if (seconds) time.push_back(*seconds);
}

DEEPREC_FUNCTION EventTable EventTable::select(std::span<const Index> rows) const {
    check();
    EventTable chosen;
    chosen.users = users;
    chosen.items = items;
    chosen.report = report;
    for (const Index row : rows) {
        if (row < 0 || row >= size())
            throw DataError(message("EventTable: expected rows below ", size(), ", received ", row));
        chosen.user.push_back(user[row]);
        chosen.item.push_back(item[row]);
        if (!time.empty()) chosen.time.push_back(time[row]);
    }
    for (const Column& column : columns) chosen.columns.push_back(column.select(rows));
    return chosen;
}

DEEPREC_FUNCTION EventTable EventTable::before(std::int64_t seconds) const {
    if (time.empty()) throw DataError("EventTable: expected events with times, received none");
    check();
    std::vector<Index> rows;
    for (Index row = 0; row < size(); ++row)
        if (time[row] < seconds) rows.push_back(row);
    return select(rows);
}

DEEPREC_FUNCTION std::vector<Index> EventTable::by_user_and_time() const {
    check();
    std::vector<Index> order(static_cast<std::size_t>(size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
        if (user[a] != user[b]) return user[a] < user[b];
        return !time.empty() && time[a] < time[b];
    });
    return order;
}

DEEPREC_FUNCTION Interactions EventTable::interactions(std::string_view rating) const {
    Interactions events;
    events.users = users;
    events.items = items;
    events.user.assign(user.all().begin(), user.all().end());
    events.item.assign(item.all().begin(), item.all().end());
    events.timestamp.assign(time.all().begin(), time.all().end());
    if (!rating.empty()) {
        const Column& stars = column(rating);
        for (Index row = 0; row < size(); ++row) {
            if (stars.missing(row))
                throw DataError(message("EventTable: expected a rating in column ", detail::shown(rating, "'"),
                                        ", row ", row, " has none"));
            events.rating.push_back(stars.number(row));
        }
    }
    events.check();
    return events;
}

DEEPREC_FUNCTION void EventTable::check() const {
    const auto ids_of = [&](const char* what, const Values<std::int32_t>& ids, const Vocabulary& known) {
        if (ids.size() != size())
            throw DataError(message("EventTable: expected ", size(), " ids of ", what, "s, received ", ids.size()));
        for (const std::int32_t id : ids.all())
            if (id < 1 || id > known.size())
                throw DataError(message("EventTable: expected the ", what, " id to be from 1 to ", known.size(),
                                        ", received ", id));
    };
    ids_of("user", user, users);
    ids_of("item", item, items);
    if (!time.empty() && time.size() != size())
        throw DataError(message("EventTable: expected ", size(), " times, received ", time.size()));
    detail::check_columns("EventTable", columns, size());
}

DEEPREC_FUNCTION void EventTable::describe(std::string_view unit) {
    report.kept = size();
    report.who = message(users.size(), " users, ", items.size(), " items");
    report.when = "in the order of the rows";
    if (!time.empty()) {
        const auto [first, last] = std::minmax_element(time.all().begin(), time.all().end());
        report.when = message(detail::date_text(*first), " to ", detail::date_text(*last));
        if (!unit.empty()) report.when += message(", read from ", unit);
    }
    report.columns.clear();
    for (const Column& each : columns) report.columns.push_back(each.about());
}

DEEPREC_FUNCTION void KeyedTable::describe(std::string_view what) {
    report.kept = size();
    report.who = message(size(), " ", what);
    report.when = "no times";
    report.columns.clear();
    for (const Column& each : columns) report.columns.push_back(each.about());
}

DEEPREC_FUNCTION Index KeyedTable::bytes() const {
    Index sum = 0;
    for (const Column& column : columns) sum += column.bytes();
    return sum;
}

DEEPREC_FUNCTION void KeyedTable::add(std::string_view key, std::initializer_list<Cell> cells) {
    if (key.empty() || keys.find(key))
        throw DataError(message("KeyedTable: expected a new key, received ", detail::shown(key)));
    detail::add_cells("KeyedTable", columns, {cells.begin(), cells.size()}, size());
    keys.add(key);
}

DEEPREC_FUNCTION void KeyedTable::reorder(Vocabulary order_keys, std::span<const Index> order) {
    keys = std::move(order_keys);
    for (Column& column : columns) column = column.select(order);
}

DEEPREC_FUNCTION ItemTable::ItemTable(const Dataset& data) {
    keys = data.interactions.items;
    columns = {Column{"title", ColumnKind::text}, Column{"year", ColumnKind::number},
               Column{"genres", ColumnKind::categories}};
    for (std::int32_t id = 1; id <= keys.size(); ++id) {
        const Item& item = data.items[id];
        columns[0].add(item.title);
        columns[1].add(item.year == 0 ? Cell{} : Cell{static_cast<double>(item.year)});
        columns[2].add(item.genres);
    }
}

DEEPREC_FUNCTION void align(EventTable& events, ItemTable& about) {
    const auto order = detail::aligned(events.items, about.keys);
    about.reorder(events.items, order);
}
DEEPREC_FUNCTION void align(EventTable& events, UserTable& about) {
    const auto order = detail::aligned(events.users, about.keys);
    about.reorder(events.users, order);
}
#endif

DEEPREC_END
