#include <deeprec/adapters/sqlite.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

std::filesystem::path make_database(const support::TemporaryDirectory& directory, const std::string& sql) {
    const auto path = directory.path() / "shop.db";
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    char* error = nullptr;
    const int done = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error);
    INFO((error ? error : ""));
    REQUIRE(done == SQLITE_OK);
    sqlite3_close(database);
    return path;
}

}  // namespace

TEST_CASE("A SELECT gives the columns of a table", "[data]") {
    const support::TemporaryDirectory directory;
    const auto path = make_database(
        directory,
        "CREATE TABLE log (user TEXT, item INTEGER, at INTEGER, price REAL, event TEXT);"
        "INSERT INTO log VALUES ('ann', 7, 1726000073081, 13.5, 'view'), ('bob', 8, 1726000073999, NULL, 'buy'),"
        " (NULL, 7, 1726000074000, 1, 'view'), ('ann', 8, 'soon', 2, 'view'), ('eve', 9, 1726000075000, 0.1, 'hover');"
        "CREATE TABLE items (sku INTEGER PRIMARY KEY, title TEXT); INSERT INTO items VALUES (7, 'Caf\xc3\xa9'), (8, "
        "NULL);"
        "CREATE TABLE odd (user TEXT, item BLOB); INSERT INTO odd VALUES ('ann', x'00ff');"
        "CREATE TABLE latin (user TEXT, item TEXT); INSERT INTO latin VALUES ('ann', CAST(x'636166e9' AS TEXT));");
    EventColumns columns{
        .time = "at", .columns = {{"price", ColumnKind::number}}, .type = "event", .types = {{"view"}, {"buy"}}};
    const std::string all = "SELECT * FROM log ORDER BY rowid";
    CHECK(message_of<DataError>([&] { read_events_sqlite(path, all, columns); }).substr(path.string().size()) ==
          ":row 3:column 1: expected a key, received an empty field; bad_rows = BadRows::skip passes over such rows");
    columns.bad_rows = BadRows::skip;
    const EventTable events = read_events_sqlite(path, all, columns);
    REQUIRE(events.size() == 2);
    CHECK(events.items.key(1) == "7");
    CHECK(events.time[1] == 1726000073);
    CHECK(events.column("price").number(0) == 13.5f);
    CHECK(events.column("price").missing(1));
    CHECK(events.column("event").text(1) == "buy");
    CHECK(events.report.skipped_text() ==
          "1 without a user (" + path.string() + ":row 3), 1 with a time that is none (" + path.string() +
              ":row 4), 1 of another event type \"hover\" (" + path.string() + ":row 5)");

    const ItemTable items =
        read_items_sqlite(path, "SELECT sku AS id, title FROM items", {.columns = {{"title", ColumnKind::text}}});
    CHECK(items.column("title").text(0) == "Caf\xc3\xa9");
    CHECK(items.column("title").missing(1));
    CHECK(read_users_sqlite(path, "SELECT DISTINCT user AS id FROM log WHERE user IS NOT NULL").size() == 3);

    CHECK(message_of<FormatError>([&] {
              read_events_sqlite(path, "SELECT user, at FROM log");
          }).find(": expected a column \"item\", received \"user\", \"at\"") != std::string::npos);
    CHECK(message_of<FormatError>([&] { read_events_sqlite(path, "SELECT * FROM odd"); }).find("received a blob") !=
          std::string::npos);
    CHECK(message_of<FormatError>([&] { read_events_sqlite(path, "SELECT * FROM latin"); }).find("expected UTF-8") !=
          std::string::npos);
    CHECK(message_of<ArgumentError>([&] { SqliteReader(path, "SELECT nowhere FROM log"); }) ==
          path.string() + ": \"SELECT nowhere FROM log\": no such column: nowhere");
    CHECK_THROWS_AS(SqliteReader(path, "DROP TABLE IF EXISTS none"), ArgumentError);
    CHECK_THROWS_AS(SqliteReader(path, "SELECT user, user FROM log"), ArgumentError);
    CHECK(message_of<ArgumentError>([&] {
              SqliteReader(path, "SELECT user FROM log; SELECT item FROM log");
          }).ends_with("expected one statement, received more"));
    CHECK(SqliteReader(path, "SELECT user FROM log; -- all of them\n ").columns() == 1);
    CHECK_THROWS_AS(SqliteReader(directory.path() / "none.db", all), FileError);
    CHECK_THROWS_AS(SqliteReader(directory.write("text.db", std::string(5000, 'x')), all), FileError);
}
