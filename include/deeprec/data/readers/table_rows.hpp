/// From rows of fields, whatever they come from, to tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/readers/column_filler.hpp>
#include <deeprec/data/readers/table_options.hpp>
#include <deeprec/data/readers/times.hpp>
#include <deeprec/data/tables/tables.hpp>

DEEPREC_BEGIN

namespace detail {

/// "events.csv:17"
template <class Rows>
std::string line_of(const Rows& in) {
    const std::string place = in.text().place(Field{});
    return place.substr(0, place.rfind(':'));
}
/// row(wrong) for each row of `in`; `wrong` is to say what is wrong with the row if the next step throws. Rows that
/// cannot be read are counted, or the first one is an error.
template <class Rows, class F>
void each_row(Rows& in, const std::string& source, ReadReport& report, BadRows bad_rows, const F& row) {
    report.source += (report.source.empty() ? "" : ", ") + source;
    const char* wrong = "";
    const auto skip = [&] {
        ++report.bad;
        report.skip(wrong, {}, [&] { return line_of(in); });
    };
    for (;;) {
        try {
            wrong = "";
            if (!in.next()) return;
            ++report.read;
            row(wrong);
        } catch (const RowError&) {
            if (bad_rows == BadRows::error) throw;
            ++report.read;
            wrong = "with another number of fields";
            skip();
        } catch (const Error&) {
            if (bad_rows == BadRows::error || *wrong == '\0') throw;
            skip();
        }
    }
}
/// The field of a key. Throws DataError for an empty one.
template <class Rows>
std::string_view key_of(const Rows& in, std::size_t at, const ColumnFiller& filler) {
    const std::string_view text = filler.value(in, at);
    if (text.empty())
        in.text().template fail<DataError>(in[at], "expected a key, received ",
                                           in[at].text.empty() ? "an empty field" : shown(in[at].text),
                                           "; bad_rows = BadRows::skip passes over such rows");
    return text;
}
/// Throws DataError where no row was kept, or most of them could not be read.
void check_rows(const ReadReport& report, Index kept);

/// Reads events from any number of sources into one table.
class EventFiller {
public:
    /// Throws ArgumentError for options without meaning.
    explicit EventFiller(EventColumns options);
    template <class Rows>
    void read(Rows& in, const std::string& source) {
        const auto optional = [&](const ColumnName& column) {
            return column.empty() ? std::nullopt : std::optional(place_of(in, column));
        };
        const std::size_t user = place_of(in, options_.user), item = place_of(in, options_.item);
        const auto time = optional(options_.time), type = optional(options_.type), rating = optional(options_.rating);
        if (user == item || time == user || time == item)
            throw DataError(message(source, ": expected the user, the item and the time in columns of their own, ",
                                    "received column ", (user == item || time == user ? user : item) + 1,
                                    " for two of them"));
        filler_.open(in);
        each_row(in, source, table_.report, options_.bad_rows, [&](const char*& wrong) {
            const auto place = [&] { return line_of(in); };
            wrong = "without a user";
            const auto user_key = table_.users.hashed(key_of(in, user, filler_));
            wrong = "without an item";
            const auto item_key = table_.items.hashed(key_of(in, item, filler_));
            float weight = 1;
            if (type && !options_.types.empty()) {
                const std::string_view text = filler_.value(in, *type);
                const std::size_t kind = type_of(text);
                if (kind == options_.types.size())
                    return table_.report.skip("of another event type", text.empty() ? "(none)" : text, place);
                weight = options_.types[kind].weight;
            }
            std::int64_t seconds = 0;
            if (time) {
                wrong = "with a time that is none";
                seconds = times_(in.text(), in[*time]);
            }
            if (rating) {
                wrong = "with a rating that is none";
                if (in.template number<float>(in[*rating]) < options_.min_rating)
                    return table_.report.skip("rated below min_rating", {}, place);
            }
            wrong = "with a number that is none";
            table_.users.prefetch(user_key), table_.items.prefetch(item_key);
            filler_.read(in, table_.columns);
            table_.user.push_back(table_.users.add(user_key));
            table_.item.push_back(table_.items.add(item_key));
            if (time) table_.time.push_back(seconds);
            filler_.append(table_.columns);
            if (weights_) table_.columns.back().add_number(weight);
        });
    }
    /// What needs all rows: checks, duplicates, the least numbers of events, the report.
    EventTable finish();

private:
    /// Its place in options_.types; their number for another.
    std::size_t type_of(std::string_view type);
    void drop(const char* reason, std::vector<bool>& gone);
    void drop_duplicates();
    void keep_core();

    EventColumns options_;
    EventTable table_;
    ColumnFiller filler_;
    TimeColumn times_;
    bool weights_ = false;
    std::vector<bool> types_seen_;
};

/// The same for rows by key.
class KeyFiller {
public:
    KeyFiller(const KeyColumns& options, KeyedTable& table)
        : options_(options), table_(table), filler_(options.columns, options_.missing, table.columns) {}
    template <class Rows>
    void read(Rows& in, const std::string& source) {
        const std::size_t key = place_of(in, options_.key);
        filler_.open(in);
        each_row(in, source, table_.report, options_.bad_rows, [&](const char*& wrong) {
            wrong = "without a key";
            const std::string_view text = key_of(in, key, filler_);
            wrong = "with a key that was there before";
            if (table_.keys.find(text))
                in.text().template fail<DataError>(in[key], "expected a key once, received ", shown(text),
                                                   " again; bad_rows = BadRows::skip keeps the first");
            wrong = "with a number that is none";
            filler_.read(in, table_.columns);
            table_.keys.add(text);
            filler_.append(table_.columns);
        });
    }
    /// `what` they are, for the report: "items".
    void finish(const char* what);

private:
    const KeyColumns options_;
    KeyedTable& table_;
    ColumnFiller filler_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION void check_rows(const ReadReport& report, Index kept) {
    if (kept == 0)
        throw DataError(message(report.source, ": expected at least one row to keep, received none of ", report.read,
                                "; skipped: ", report.skipped_text()));
    if (2 * report.bad > report.read)
        throw DataError(message(report.source, ": expected rows that can be read, ", report.bad, " of ", report.read,
                                " cannot; skipped: ", report.skipped_text()));
}

DEEPREC_FUNCTION std::vector<ColumnOptions> wanted_columns(const EventColumns& options) {
    std::vector<ColumnOptions> wanted = options.columns;
    const auto also = [&](const ColumnName& column, ColumnKind kind) {
        for (const ColumnOptions& other : wanted)
            if (other.column.text() == column.text()) return;
        if (!column.empty()) wanted.push_back({column, kind});
    };
    also(options.type, ColumnKind::category);
    also(options.rating, ColumnKind::number);
    return wanted;
}

DEEPREC_FUNCTION EventFiller::EventFiller(EventColumns options)
    : options_(std::move(options)),
      filler_(wanted_columns(options_), options_.missing, table_.columns),
      times_(options_.time_unit, options_.format.decimal),
      types_seen_(options_.types.size(), false) {
    if (options_.type.empty() != options_.types.empty() && options_.type.empty())
        throw ArgumentError("read_events: expected the column of the event types (type), received types alone");
    if (options_.rating.empty() && options_.min_rating > -std::numeric_limits<float>::infinity())
        throw ArgumentError("read_events: expected the column of ratings (rating), received min_rating alone");
    if (std::isnan(options_.min_rating))
        throw ArgumentError("read_events: expected a min_rating that is a number, received NaN");
    if (options_.min_user_events < 0 || options_.min_item_events < 0)
        throw ArgumentError(message("read_events: expected least numbers of events from 0, received ",
                                    options_.min_user_events, " and ", options_.min_item_events));
    for (const EventType& type : options_.types) {
        if (!std::isfinite(type.weight) || type.weight < 0)
            throw ArgumentError(
                message("read_events: expected weights from 0, received ", type.weight, " for ", shown(type.name)));
        weights_ = weights_ || !equal(type.weight, 1);
    }
    if (!weights_) return;
    for (const Column& column : table_.columns)
        if (column.name() == "weight")
            throw ArgumentError("read_events: the weights of event types make a column 'weight'; there is another");
    table_.columns.emplace_back("weight", ColumnKind::number);
}

DEEPREC_FUNCTION std::size_t EventFiller::type_of(std::string_view type) {
    std::size_t kind = 0;
    while (kind < options_.types.size() && options_.types[kind].name != type) ++kind;
    if (kind < options_.types.size()) types_seen_[kind] = true;
    return kind;
}

DEEPREC_FUNCTION EventTable EventFiller::finish() {
    ReadReport& report = table_.report;
    check_rows(report, table_.size());
    for (std::size_t kind = 0; kind < options_.types.size(); ++kind)
        if (!types_seen_[kind])
            throw DataError(message(report.source, ": no event is of type ", shown(options_.types[kind].name),
                                    "; skipped: ", report.skipped_text()));
    if (!table_.time.empty()) times_.check(table_.time.own());
    drop_duplicates();
    keep_core();
    check_rows(report, table_.size());
    table_.describe(times_.unit());
    table_.user.own().shrink_to_fit();
    table_.item.own().shrink_to_fit();
    table_.time.own().shrink_to_fit();
    return std::move(table_);
}

DEEPREC_FUNCTION void EventFiller::drop(const char* reason, std::vector<bool>& gone) {
    const Index count = std::count(gone.begin(), gone.end(), true);
    table_.report.skip(reason, count);
    if (count == 0) return;
    std::vector<Index> rows;
    for (std::size_t row = 0; row < gone.size(); ++row)
        if (!gone[row]) rows.push_back(static_cast<Index>(row));
    table_ = table_.select(rows);
}

DEEPREC_FUNCTION void EventFiller::drop_duplicates() {
    if (options_.duplicates == Duplicates::keep) return;
    const bool once = options_.duplicates == Duplicates::once;
    const auto equal = [&](Index a, Index b) {
        if (table_.user[a] != table_.user[b] || table_.item[a] != table_.item[b]) return false;
        if (!once) return true;
        return (table_.time.empty() || table_.time[a] == table_.time[b]) &&
               std::all_of(table_.columns.begin(), table_.columns.end(),
                           [&](const Column& c) { return c.equal(a, b); });
    };
    std::vector<std::pair<std::uint64_t, Index>> order;  // equal rows have one hash
    order.reserve(static_cast<std::size_t>(table_.size()));
    for (Index row = 0; row < table_.size(); ++row) {
        std::uint64_t hash =
            mix64(static_cast<std::uint64_t>(table_.user[row]) << 32 | static_cast<std::uint64_t>(table_.item[row]));
        if (once && !table_.time.empty()) hash = mix64(hash ^ static_cast<std::uint64_t>(table_.time[row]));
        for (std::size_t c = 0; once && c < table_.columns.size(); ++c)
            hash = mix64(hash ^ table_.columns[c].hash(row));
        order.emplace_back(hash, row);
    }
    std::sort(order.begin(), order.end());
    std::vector<bool> gone(order.size(), false);
    for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        while (end < order.size() && order[end].first == order[begin].first) ++end;
        for (std::size_t i = begin; i < end; ++i) {
            Index& kept = order[i].second;  // of those that are equal to it
            for (std::size_t j = i + 1; kept >= 0 && j < end; ++j) {
                Index& other = order[j].second;
                if (other < 0 || !equal(kept, other)) continue;
                const bool later = options_.duplicates == Duplicates::last &&
                                   (table_.time.empty() || table_.time[other] >= table_.time[kept]);
                const bool earlier = options_.duplicates == Duplicates::first && !table_.time.empty() &&
                                     table_.time[other] < table_.time[kept];
                if (later || earlier) std::swap(kept, other);
                gone[static_cast<std::size_t>(std::exchange(other, -1))] = true;
            }
        }
    }
    drop(once ? "equal to another" : "of a user and an item that have another", gone);
}

DEEPREC_FUNCTION void EventFiller::keep_core() {
    if (options_.min_user_events < 2 && options_.min_item_events < 2) return;
    std::vector<Index> users(static_cast<std::size_t>(table_.users.size()) + 1, 0);
    std::vector<Index> items(static_cast<std::size_t>(table_.items.size()) + 1, 0);
    const auto of_user = [&](Index row) -> Index& { return users[static_cast<std::size_t>(table_.user[row])]; };
    const auto of_item = [&](Index row) -> Index& { return items[static_cast<std::size_t>(table_.item[row])]; };
    for (Index row = 0; row < table_.size(); ++row) ++of_user(row), ++of_item(row);
    std::vector<bool> gone(static_cast<std::size_t>(table_.size()), false);
    for (bool again = true; again;) {
        again = false;
        for (Index row = 0; row < table_.size(); ++row) {
            if (gone[static_cast<std::size_t>(row)] ||
                (of_user(row) >= options_.min_user_events && of_item(row) >= options_.min_item_events))
                continue;
            gone[static_cast<std::size_t>(row)] = again = true;
            --of_user(row), --of_item(row);
        }
    }
    drop("of a user or an item with too few", gone);
    const auto renumber = [](Values<std::int32_t>& ids, Vocabulary& known) {  // those without rows have no id
        Vocabulary left;
        for (std::int32_t& id : ids.own()) id = left.add(known.key(id));
        known = std::move(left);
    };
    renumber(table_.user, table_.users);
    renumber(table_.item, table_.items);
}

DEEPREC_FUNCTION void KeyFiller::finish(const char* what) {
    check_rows(table_.report, table_.size());
    table_.describe(what);
}
#endif

}  // namespace detail

DEEPREC_END
