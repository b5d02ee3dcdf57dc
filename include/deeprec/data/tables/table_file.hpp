/// Tables in safetensors files: written once, then mapped, so that they are there at once.
#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <deeprec/data/tables/tables.hpp>
#include <deeprec/io/mapped_file.hpp>
#include <deeprec/io/safetensors_writer.hpp>

DEEPREC_BEGIN

/// Writes a table in place of the file if there is one (FileReplacement: whole or not at all). Throws FileError,
/// DataError for columns that do not fit each other.
void save(const EventTable& table, const std::filesystem::path& path);
void save(const ItemTable& table, const std::filesystem::path& path);
void save(const UserTable& table, const std::filesystem::path& path);

/// The table that was saved. Its numbers stay in the file until they are looked at or changed; keys are read. Throws
/// FileError, FormatError (with the file and the tensor) for anything but such a table: the header, ids that no key
/// has, keys that occur twice.
EventTable load_events(const std::filesystem::path& path);
/// The same of items.
ItemTable load_items(const std::filesystem::path& path);
/// The same of users.
UserTable load_users(const std::filesystem::path& path);

/// All three in one file.
void save(const Tables& tables, const std::filesystem::path& path);
/// Throws as `load_events`.
Tables load_tables(const std::filesystem::path& path);

#if DEEPREC_BODIES
namespace detail {
/// The parts of a table by their names in the file: "user", "item", "time", and of column 2 "2.ids", "2.numbers",
/// "2.ends", "2.bytes"; a vocabulary x is the bytes of its keys, "x.bytes", and where each ends, "x.ends".
struct TableFile {
    SafetensorsWriter writer;
    std::deque<std::vector<std::int64_t>> ends;  // what the writer looks at
    std::deque<std::vector<std::uint8_t>> bytes;
    std::string prefix{};  // of all names, where a file has several tables

    void add(const std::string& name, const Vocabulary& keys) {
        auto& key_ends = ends.emplace_back();
        auto& key_bytes = bytes.emplace_back();
        for (std::int32_t id = 1; id <= keys.size(); ++id) {
            key_bytes.insert(key_bytes.end(), keys.key(id).begin(), keys.key(id).end());
            key_ends.push_back(static_cast<std::int64_t>(key_bytes.size()));
        }
        writer.add(prefix + name + ".ends", {static_cast<Index>(key_ends.size())}, key_ends.data());
        writer.add(prefix + name + ".bytes", {static_cast<Index>(key_bytes.size())}, key_bytes.data());
    }
    template <class T>
    void add(const std::string& name, const Values<T>& values) {
        writer.add(prefix + name, {values.size()}, values.all().data());
    }
    void add(const std::vector<Column>& columns) {
        std::string list = "[";
        for (std::size_t c = 0; c < columns.size(); ++c) {
            const Column& column = columns[c];
            const std::string name = std::to_string(c);
            list += message(c == 0 ? "" : ",", "{\"name\":", json_quoted(column.name_),
                            ",\"kind\":", json_quoted(column_kind_names[static_cast<std::size_t>(column.kind_)]),
                            ",\"width\":", column.width_, "}");
            for_parts(column.kind_, [&](Part part) {
                if (part == Part::ids) add(name + ".ids", column.ids_);
                if (part == Part::numbers) add(name + ".numbers", column.numbers_);
                if (part == Part::ends) add(name + ".ends", column.ends_);
                if (part == Part::bytes) add(name + ".bytes", column.bytes_);
                if (part == Part::values) add(name + ".values", column.values_);
            });
        }
        writer.metadata[prefix + "columns"] = list + "]";
    }
    void add(const EventTable& table) {
        add("users", table.users);
        add("items", table.items);
        add("user", table.user);
        add("item", table.item);
        if (!table.time.empty()) add("time", table.time);
        add(table.columns);
    }
    void add(const KeyedTable& table) {
        add("keys", table.keys);
        add(table.columns);
    }

    enum class Part { ids, numbers, ends, bytes, values };
    template <class F>
    static void for_parts(ColumnKind kind, const F& f) {
        const bool one = kind == ColumnKind::category, many = kind == ColumnKind::categories;
        if (one || many) f(Part::ids), f(Part::values);
        if (kind == ColumnKind::number || kind == ColumnKind::vector) f(Part::numbers);
        if (many || kind == ColumnKind::text) f(Part::ends);
        if (kind == ColumnKind::text) f(Part::bytes);
    }

    /// Reads one file, part by part.
    class In {
    public:
        In(const std::filesystem::path& path, std::string_view kind) : file_(path) {
            const auto found = file_.metadata().find("deeprec.table");
            if (found == file_.metadata().end() || found->second != kind)
                fail(message("expected a table of ", kind, ", received ",
                             found == file_.metadata().end() ? "a file without tables" : shown(found->second)));
        }
        [[noreturn]] void fail(const std::string& what) const { throw FormatError(file_.name() + ": " + what); }
        std::string prefix{};
        template <class T>
        Values<T> values(const std::string& name, Index size) {
            ++taken_;
            return {file_.values<T>(prefix + name, {size}), file_.keeper()};
        }
        bool has(const std::string& name) const { return file_.tensors().count(prefix + name) > 0; }
        /// The length of a tensor of one axis.
        Index size_of(const std::string& name) const {
            const auto found = file_.tensors().find(prefix + name);
            if (found == file_.tensors().end()) fail(message("expected a tensor ", shown(prefix + name, "'")));
            if (found->second.shape.size() != 1)
                fail(message("tensor ", shown(name, "'"), ": expected one axis, received ",
                             shape_text(found->second.shape)));
            return found->second.shape[0];
        }
        Values<std::int64_t> ends(const std::string& name, Index size, Index last) {
            const auto read = values<std::int64_t>(name, size);
            std::int64_t before = 0;
            for (const std::int64_t end : read.all()) {
                if (end < before || end > last)
                    fail(message("tensor ", shown(name, "'"), ": expected ends from ", before, " to ", last,
                                 ", received ", end));
                before = end;
            }
            if (before != last)
                fail(message("tensor ", shown(name, "'"), ": expected the last end at ", last, ", received ", before));
            return read;
        }
        Values<std::int32_t> ids(const std::string& name, Index size, std::int32_t least, const Vocabulary& known) {
            const auto read = values<std::int32_t>(name, size);
            for (const std::int32_t id : read.all())
                if (id < least || id > known.size())
                    fail(message("tensor ", shown(name, "'"), ": expected ids from ", least, " to ", known.size(),
                                 ", received ", id));
            return read;
        }
        Vocabulary vocabulary(const std::string& name) {
            const Index size = size_of(name + ".bytes");
            const auto key_ends = ends(name + ".ends", size_of(name + ".ends"), size);
            const auto read = values<std::uint8_t>(name + ".bytes", size);
            const std::string_view all(reinterpret_cast<const char*>(read.all().data()), read.all().size());
            Vocabulary keys;
            std::size_t begin = 0;
            for (const std::int64_t end : key_ends.all()) {
                const std::string_view key = all.substr(begin, static_cast<std::size_t>(end) - begin);
                if (key.empty() || keys.find(key))
                    fail(message("expected different ", name, ", received ", shown(key)));
                keys.add(key);
                begin = static_cast<std::size_t>(end);
            }
            return keys;
        }
        std::vector<Column> columns(Index rows) {
            std::vector<Column> all;
            std::unordered_set<std::string> names;
            const auto list = file_.metadata().find(prefix + "columns");
            if (list == file_.metadata().end()) fail("expected a list of columns, the file has none");
            JsonReader json(list->second, file_.name());
            json.array([&] {
                std::string name, kind;
                Index width = 0;
                json.object([&](const std::string& key) {
                    if (key == "name")
                        name = json.string();
                    else if (key == "kind")
                        kind = json.string();
                    else if (key == "width")
                        width = json.number();
                    else
                        json.fail("name, kind and width before this");
                });
                const auto found = std::find(column_kind_names.begin(), column_kind_names.end(), kind);
                if (found == column_kind_names.end() || name.empty()) json.fail("a name and the kind of a column");
                if (!names.insert(name).second) fail(message("two columns have the name ", shown(name, "'")));
                all.push_back(column(std::to_string(all.size()),
                                     Column(name, static_cast<ColumnKind>(found - column_kind_names.begin())), rows,
                                     width));
            });
            json.end();
            return all;
        }
        void read(EventTable& table) {
            table.users = vocabulary("users");
            table.items = vocabulary("items");
            const Index rows = size_of("user");
            table.user = ids("user", rows, 1, table.users);
            table.item = ids("item", rows, 1, table.items);
            if (has("time")) table.time = values<std::int64_t>("time", rows);
            table.columns = columns(rows);
            table.report.source = file_.name();
            table.report.read = rows;
            table.describe();
        }
        void read(KeyedTable& table, const char* kind) {
            table.keys = vocabulary("keys");
            table.columns = columns(table.size());
            table.report.source = file_.name();
            table.report.read = table.size();
            table.describe(kind);
        }
        void end() const {
            if (taken_ != file_.tensors().size())
                fail(message("expected ", taken_, " tensors of a table with these columns, received ",
                             file_.tensors().size()));
        }

    private:
        Column column(const std::string& name, Column column, Index rows, Index width) {
            column.rows_ = rows;
            column.width_ = width;
            const bool vector = column.kind_ == ColumnKind::vector;
            if ((width != 0 && !vector) || (rows > 0 && width > std::numeric_limits<Index>::max() / rows))
                fail(
                    message("column ", shown(column.name_, "'"), ": expected the width of a vector, received ", width));
            bool has_ends = false;
            for_parts(column.kind_, [&](Part part) { has_ends = has_ends || part == Part::ends; });
            for_parts(column.kind_, [&](Part part) {
                if (part == Part::values) column.values_ = vocabulary(name + ".values");
                if (part == Part::numbers) {
                    column.numbers_ = values<float>(name + ".numbers", vector ? rows * width : rows);
                    for (const float x : column.numbers_.all())
                        if (std::isinf(x)) fail(message("tensor '", name, ".numbers': expected finite numbers"));
                    if (vector) column.count_given();
                    for (Index row = 0; vector && row < rows; ++row)
                        for (const float x : column.vector(row))
                            if (std::isnan(x))
                                fail(message("tensor '", name, ".numbers': expected a vector or nothing in row ", row,
                                             ", received a part"));
                }
                if (part == Part::bytes)
                    column.bytes_ = values<std::uint8_t>(name + ".bytes", size_of(name + ".bytes"));
                if (part == Part::ends)
                    column.ends_ = ends(name + ".ends", rows,
                                        size_of(name + (column.kind_ == ColumnKind::text ? ".bytes" : ".ids")));
            });
            if (column.kind_ == ColumnKind::category) column.ids_ = ids(name + ".ids", rows, 0, column.values_);
            if (column.kind_ == ColumnKind::categories)
                column.ids_ = ids(name + ".ids", size_of(name + ".ids"), 1, column.values_);
            return column;
        }
        MappedSafetensors file_;
        std::size_t taken_ = 0;
    };
};

DEEPREC_FUNCTION void save_keyed(const KeyedTable& table, const char* kind, const std::filesystem::path& path) {
    table.check();
    TableFile file;
    file.writer.metadata["deeprec.table"] = kind;
    file.add(table);
    file.writer.write(path);
}
DEEPREC_FUNCTION void load_keyed(KeyedTable& table, const char* kind, const std::filesystem::path& path) {
    TableFile::In in(path, kind);
    in.read(table, kind);
    in.end();
}
}  // namespace detail

DEEPREC_FUNCTION void save(const EventTable& table, const std::filesystem::path& path) {
    table.check();
    detail::TableFile file;
    file.writer.metadata["deeprec.table"] = "events";
    file.add(table);
    file.writer.write(path);
}
DEEPREC_FUNCTION void save(const ItemTable& table, const std::filesystem::path& path) {
    detail::save_keyed(table, "items", path);
}
DEEPREC_FUNCTION void save(const UserTable& table, const std::filesystem::path& path) {
    detail::save_keyed(table, "users", path);
}
DEEPREC_FUNCTION void save(const Tables& tables, const std::filesystem::path& path) {
    tables.events.check();
    tables.items.check();
    tables.users.check();
    detail::TableFile file;
    file.writer.metadata["deeprec.table"] = "events, items and users";
    file.prefix = "events.";
    file.add(tables.events);
    file.prefix = "items.";
    file.add(tables.items);
    file.prefix = "users.";
    file.add(tables.users);
    file.writer.write(path);
}

DEEPREC_FUNCTION EventTable load_events(const std::filesystem::path& path) {
    detail::TableFile::In in(path, "events");
    EventTable table;
    in.read(table);
    in.end();
    return table;
}
DEEPREC_FUNCTION ItemTable load_items(const std::filesystem::path& path) {
    ItemTable table;
    detail::load_keyed(table, "items", path);
    return table;
}
DEEPREC_FUNCTION UserTable load_users(const std::filesystem::path& path) {
    UserTable table;
    detail::load_keyed(table, "users", path);
    return table;
}
DEEPREC_FUNCTION Tables load_tables(const std::filesystem::path& path) {
    detail::TableFile::In in(path, "events, items and users");
    Tables tables;
    in.prefix = "events.";
    in.read(tables.events);
    in.prefix = "items.";
    in.read(tables.items, "items");
    in.prefix = "users.";
    in.read(tables.users, "users");
    in.end();
    return tables;
}
#endif

DEEPREC_END
