/// Tables from a database of SQLite. Needs its header and library (Debian: libsqlite3-dev; link with -lsqlite3), and so
/// no other header includes this one.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

#include <deeprec/data/readers/csv.hpp>
#include <deeprec/data/readers/table_rows.hpp>

DEEPREC_BEGIN

/// The rows of a SELECT, one after the other, as CsvReader gives those of a file. NULL is an empty field.
class SqliteReader final : public FieldReader {
public:
    /// Opens the database to read. Throws FileError for what is no database, ArgumentError for a statement that SQLite
    /// refuses, gives no columns or gives two of one name, and for several statements.
    SqliteReader(std::filesystem::path path, const std::string& select) : path_(std::move(path)) {
        sqlite3* database = nullptr;
        const int opened = sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
        database_.reset(database);
        if (opened != SQLITE_OK ||
            sqlite3_exec(database, "PRAGMA schema_version", nullptr, nullptr, nullptr) != SQLITE_OK)
            throw FileError(message(path_.string(), ": cannot be read: ", sqlite3_errmsg(database)));
        sqlite3_stmt* statement = nullptr;
        const char* rest = nullptr;
        const int made = sqlite3_prepare_v2(database, select.c_str(), -1, &statement, &rest);
        statement_.reset(statement);
        const auto refuse = [&](const std::string& why) {
            throw ArgumentError(message(path_.string(), ": ", detail::shown(select), ": ", why));
        };
        if (made != SQLITE_OK) refuse(sqlite3_errmsg(database));
        sqlite3_stmt* another = nullptr;  // none behind blanks and comments
        const bool alone = sqlite3_prepare_v2(database, rest, -1, &another, nullptr) == SQLITE_OK && !another;
        sqlite3_finalize(another);
        if (!alone) refuse("expected one statement, received more");
        for (int c = 0; c < sqlite3_column_count(statement); ++c) {
            const char* const name = sqlite3_column_name(statement, c);
            if (!name || !names_.add(name)) refuse(message("two columns are called ", detail::shown(name ? name : "")));
        }
        if (names_.size() == 0) refuse("expected a SELECT, received a statement without columns");
        fields_.resize(names_.size());
    }

    /// The column of that name. Throws FormatError, with the names that are there, if there is none.
    std::size_t column(std::string_view name) const {
        if (const auto found = names_.find(name)) return *found;
        throw FormatError(message(path_.string(), ": expected a column \"", name, "\", received ", names_.list()));
    }
    /// How many there are.
    std::size_t columns() const { return names_.size(); }

    /// Goes to the next row; false at the end. Throws FileError where the database cannot be read, FormatError for a
    /// blob and a text that is not UTF-8.
    bool next() {
        ++row_;
        const int step = sqlite3_step(statement_.get());
        if (step == SQLITE_DONE) return false;
        if (step != SQLITE_ROW)
            throw FileError(
                message(path_.string(), ": row ", row_, " cannot be read: ", sqlite3_errmsg(database_.get())));
        for (std::size_t c = 0; c < fields_.size(); ++c) {
            const int column = static_cast<int>(c);
            Field& field = fields_[c];
            field.offset = c;
            const int type = sqlite3_column_type(statement_.get(), column);
            if (type == SQLITE_BLOB) fail(field, "expected a text, a number or NULL, received a blob");
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
            const auto bytes = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
            field.text = text ? std::string_view(text, bytes) : std::string_view();
            if (type == SQLITE_TEXT && detail::find_not_utf8(field.text) != field.text.npos)
                fail(field, "expected UTF-8, received ", detail::shown(field.text));
        }
        return true;
    }
    /// A field of the current row.
    const Field& operator[](std::size_t column) const { return fields_[column]; }
    /// A field as a number. Throws FormatError, with its place, for another text.
    template <class T>
    T number(const Field& field) const {
        return FieldReader::number<T>(field);
    }
    /// As the other readers: the rows' places and errors.
    const SqliteReader& text() const { return *this; }
    /// "shop.db:row 17:column 2"
    std::string place(const Field& field) const override {
        return message(path_.string(), ":row ", row_, ":column ", field.offset + 1);
    }

private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close(database); }
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::filesystem::path path_;
    std::unique_ptr<sqlite3, Close> database_;
    std::unique_ptr<sqlite3_stmt, Close> statement_;
    detail::ColumnNames names_;
    std::vector<Field> fields_;
    Index row_ = 0;
};

/// As read_events, of the rows that a SELECT gives, in its order; `columns` are those of the SELECT:
///
///     read_events_sqlite("shop.db", "SELECT user, item, at, price FROM log ORDER BY at",
///                        {.time = "at", .columns = {{"price", ColumnKind::number}}})
inline EventTable read_events_sqlite(const std::filesystem::path& database, const std::string& select,
                                     const EventColumns& columns = {}) {
    SqliteReader in{database, select};
    detail::EventFiller filler(columns);
    filler.read(in, database.string());
    return filler.finish();
}
/// As read_items.
inline ItemTable read_items_sqlite(const std::filesystem::path& database, const std::string& select,
                                   const KeyColumns& columns = {}) {
    SqliteReader in{database, select};
    ItemTable table;
    detail::KeyFiller filler(columns, table);
    filler.read(in, database.string());
    filler.finish("items");
    return table;
}
/// As read_users.
inline UserTable read_users_sqlite(const std::filesystem::path& database, const std::string& select,
                                   const KeyColumns& columns = {}) {
    SqliteReader in{database, select};
    UserTable table;
    detail::KeyFiller filler(columns, table);
    filler.read(in, database.string());
    filler.finish("users");
    return table;
}

DEEPREC_END
