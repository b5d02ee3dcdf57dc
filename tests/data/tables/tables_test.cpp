#include <deeprec/data/tables/tables.hpp>

#include <cstring>
#include <limits>

#include <deeprec/data/sequences.hpp>
#include <deeprec/data/tables/table_file.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Texts = std::vector<std::string>;

namespace {

EventTable shop() {
    EventTable events{{Column{"event", ColumnKind::category}, Column{"price", ColumnKind::number},
                       Column{"note", ColumnKind::text}, Column{"tags", ColumnKind::categories},
                       Column{"image", ColumnKind::vector}}};
    events.add("ann", "a", 300, {"view", 1.5, "caf\xc3\xa9", Texts{"x", "y"}, {}});
    events.add("bob", "b", 100, {"buy", {}, "", Texts{}, std::vector<float>{1, 2}});
    events.add("ann", "c", 200, {{}, 2.0, "z", Texts{"y"}, std::vector<float>{3, 4}});
    return events;
}
void same(const EventTable& a, const EventTable& b) {
    REQUIRE(a.size() == b.size());
    REQUIRE(a.columns.size() == b.columns.size());
    for (Index row = 0; row < a.size(); ++row) {
        CHECK(a.users.key(a.user[row]) == b.users.key(b.user[row]));
        CHECK(a.items.key(a.item[row]) == b.items.key(b.item[row]));
        CHECK(a.time[row] == b.time[row]);
    }
    for (std::size_t c = 0; c < a.columns.size(); ++c) {
        CHECK(a.columns[c].about() == b.columns[c].about());
        for (Index row = 0; row < a.size(); ++row) CHECK(a.columns[c].hash(row) == b.columns[c].hash(row));
    }
}

}  // namespace

TEST_CASE("A table has columns of every kind, each with what is missing", "[data]") {
    const EventTable events = shop();
    events.check();
    CHECK(events.column("event").id(0) == 1);
    CHECK(events.column("event").id(2) == 0);
    CHECK(events.column("event").text(1) == "buy");
    CHECK(std::isnan(events.column("price").number(1)));
    CHECK(events.column("note").text(0) == "caf\xc3\xa9");
    CHECK(events.column("note").text(1).empty());
    CHECK(events.column("tags").ids(2)[0] == 2);
    CHECK(events.column("image").vector(0).empty());
    CHECK(events.column("image").vector(2)[1] == 4);
    CHECK(events.bytes() == 3 * (4 + 4 + 8) + 3 * 4 + 3 * 4 + (3 * 8 + 6) + (3 * 8 + 3 * 4) + 6 * 4);
    CHECK(events.by_user_and_time() == std::vector<Index>{2, 0, 1});
    const Sequences sequences{events.interactions()};
    CHECK(sequences[1][0] == events.item[2]);

    const std::vector<Index> rows{2, 1};
    const EventTable some = events.select(rows);
    CHECK(some.users.size() == 2);
    CHECK(some.column("note").text(0) == "z");
    CHECK(some.column("image").vector(1)[0] == 1);
    CHECK(some.column("event").values().size() == 2);
    const std::vector<Index> beyond{3};
    CHECK_THROWS_AS(events.select(beyond), DataError);
}

TEST_CASE("A table whose parts were made to differ is refused before a row is read", "[data]") {
    const std::vector<Index> rows{0};
    const auto refused = [&](const EventTable& events, const std::string& what) {
        CHECK(message_of<DataError>([&] { events.select(rows); }) == what);
        CHECK(message_of<DataError>([&] { events.by_user_and_time(); }) == what);
        CHECK(message_of<DataError>([&] { events.before(9'000'000'000); }) == what);
    };
    EventTable events = shop();
    events.time.own().pop_back();
    refused(events, "EventTable: expected 3 times, received 2");
    events = shop();
    events.item.own().clear();
    refused(events, "EventTable: expected 3 ids of items, received 0");
    events = shop();
    events.item.own()[1] = 7;
    refused(events, "EventTable: expected the item id to be from 1 to 3, received 7");
}

TEST_CASE("What does not fit a column is refused, and the row is not there", "[data]") {
    EventTable events = shop();
    const auto refused = [&](std::initializer_list<Cell> cells) {
        const std::string what = message_of<DataError>([&] { events.add("ann", "a", 1, cells); });
        events.check();
        CHECK(events.size() == 3);
        CHECK(events.column("event").values().size() == 2);
        return what;
    };
    CHECK(refused({"view"}) == "EventTable: expected 5 cells, one for each column, received 1 in row 3");
    CHECK(refused({"view", "x", "", Texts{}, {}}) == "Column 'price': expected a number (number), received a text");
    CHECK(refused({"view", 1e99, "", Texts{}, {}}) ==
          "Column 'price': expected a number that is finite as a float, received 1e+99");
    CHECK(refused({"view", 1.0, "", Texts{}, std::vector<float>{1}}) ==
          "Column 'image': expected 2 numbers, as in the rows before, received 1");
    CHECK(message_of<DataError>([&] { events.add("", "a", 1); }) ==
          "EventTable: expected keys, received user \"\" and item \"a\"");
    CHECK(message_of<DataError>([&] {
              events.add("ann", "a", {}, {"view", {}, {}, {}, {}});
          }) == "EventTable: event 4 has no time, those before have one");
    CHECK(message_of<DataError>([&] { events.column("price").id(0); }) ==
          "Column 'price': expected category, received number");
    CHECK(message_of<DataError>([&] { events.column("price").number(3); }) ==
          "Column 'price': expected a row below 3, received 3");
    CHECK_THROWS_AS((Column{"", ColumnKind::number}), ArgumentError);
    events.columns[1].add_missing();
    CHECK(message_of<DataError>([&] { events.check(); }) ==
          "EventTable: expected 3 rows in column 'price', received 4");
}

TEST_CASE("What is added to a column by its kind is checked as a cell is", "[data]") {
    const float infinite = std::numeric_limits<float>::infinity();
    Column note("note", ColumnKind::text), price("price", ColumnKind::number), image("image", ColumnKind::vector);
    CHECK(message_of<DataError>([&] { note.add_number(1); }) == "Column 'note': expected number, received text");
    CHECK(message_of<DataError>([&] { note.add_vector(std::vector<float>{1}); }) ==
          "Column 'note': expected vector, received text");
    CHECK(message_of<DataError>([&] { price.add_texts({}); }) ==
          "Column 'price': expected categories, received number");
    CHECK(message_of<DataError>([&] { price.add_number(infinite); }) ==
          "Column 'price': expected a number that is finite as a float, received inf");
    CHECK(note.size() + price.size() == 0);

    // A wide vector and many rows without one: a few bytes in a file.
    const std::vector<float> wide(1 << 18, 1);
    for (int row = 0; row < 129; ++row) image.add_missing();
    CHECK(message_of<DataError>([&] { image.add_vector(wide); }) ==
          "Column 'image': expected vectors in more than one row of 129, received 1 of 262144 numbers in 130 rows");
    CHECK(image.size() == 129);
    Column pictures("pictures", ColumnKind::vector);
    pictures.add_vector(wide);
    for (int row = 0; row < 128; ++row) pictures.add_missing();
    CHECK_THROWS_AS(pictures.add_missing(), DataError);
    pictures.add_vector(wide);
    pictures.add_missing();
    CHECK(pictures.size() == 131);
    CHECK(pictures.select(std::vector<Index>{-1, -1, 129}).vector(2)[0] == 1);
}

TEST_CASE("Items get one number in both tables", "[data]") {
    EventTable events = shop();
    ItemTable items{{Column{"title", ColumnKind::text}}};
    items.add("d", {"D"});
    items.add("c", {"C"});
    items.add("a", {"A"});
    CHECK_THROWS_AS(items.add("a", {"again"}), DataError);
    align(events, items);
    REQUIRE(items.size() == 4);
    CHECK(events.items.size() == 4);
    for (std::int32_t id = 1; id <= 4; ++id) CHECK(items.keys.key(id) == events.items.key(id));
    CHECK(items.column("title").text(0) == "A");
    CHECK(items.column("title").missing(1));  // b has events and no row
    CHECK(items.column("title").text(3) == "D");
    events.check();
    items.check();
}

TEST_CASE("Interactions and data sets become tables", "[data]") {
    Dataset data;
    Interactions& x = data.interactions;
    x.add(x.users.add("ann"), x.items.add("heat"), 4.5f, 10);
    data.items = Catalogue{1};
    data.items[1] = {"Heat", 1995, {"Crime", "Drama"}};
    const EventTable events{x};
    CHECK(events.column("rating").number(0) == 4.5f);
    const Interactions again = events.interactions("rating");
    CHECK(again.rating == x.rating);
    CHECK(again.timestamp == x.timestamp);
    const ItemTable items{data};
    CHECK(items.column("title").text(0) == "Heat");
    CHECK(items.column("year").number(0) == 1995);
    CHECK(items.column("genres").ids(0).size() == 2);
}

TEST_CASE("A table comes back from its file, mapped", "[data][io]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "events.safetensors";
    const EventTable events = shop();
    save(events, file);
    EventTable loaded = load_events(file);
    CHECK(loaded.user.mapped());
    CHECK(loaded.report.kept == 3);
    same(events, loaded);
    save(events.select(std::vector<Index>{0}), file);  // what is mapped stays as it was
    same(events, loaded);
    loaded.add("eve", "z", 7, {"view", 3.0, "", Texts{"new"}, {}});  // and is copied when it changes
    CHECK(!loaded.user.mapped());
    CHECK(loaded.column("tags").values().size() == 3);
    CHECK(load_events(file).size() == 1);

    ItemTable items{{Column{"title", ColumnKind::text}}};
    items.add("a", {"A"});
    save(items, file);
    CHECK(load_items(file).column("title").text(0) == "A");
    CHECK(message_of<FormatError>([&] { load_events(file); }) ==
          file.string() + ": expected a table of events, received \"items\"");
    UserTable users;
    users.add("ann");
    save(users, file);
    CHECK(load_users(file).keys.key(1) == "ann");
    CHECK_THROWS_AS(load_items(directory.path() / "none"), FileError);
    CHECK_THROWS_AS(load_items(directory.path()), FileError);
    save(EventTable{}, file);
    CHECK(load_events(file).size() == 0);
}

TEST_CASE("Tables of events, items and users go into one file", "[data][io]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "data.deeprec";
    Tables tables{shop(), ItemTable{{Column{"title", ColumnKind::text}}}, {}};
    tables.items.add("a", {"A"});
    tables.users.add("ann");
    save(tables, file);
    const Tables loaded = load_tables(file);
    same(tables.events, loaded.events);
    CHECK(loaded.items.column("title").text(0) == "A");
    CHECK(loaded.users.keys.key(1) == "ann");
    CHECK(message_of<FormatError>([&] { load_events(file); }) ==
          file.string() + ": expected a table of events, received \"events, items and users\"");
    save(tables.items, file);
    CHECK(message_of<FormatError>([&] { load_tables(file); }) ==
          file.string() + ": expected a table of events, items and users, received \"items\"");
}

TEST_CASE("A damaged file is an error, whichever byte it is", "[data][io]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "events.safetensors";
    save(shop(), file);
    std::ifstream in(file, std::ios::binary);
    const std::string good{std::istreambuf_iterator<char>(in), {}};
    int errors = 0;
    const auto read = [&](const std::string& bytes) {
        const auto damaged = directory.write("damaged", bytes);
        try {
            const EventTable table = load_events(damaged);
            table.check();  // other numbers, texts and times are a table still
            for (const Column& column : table.columns)
                for (Index row = 0; row < table.size(); ++row) (void)column.hash(row);
        } catch (const FormatError&) {
            ++errors;
        }
    };
    for (std::size_t i = 0; i < good.size(); ++i)
        for (const int change : {1, 0x80}) {
            std::string bytes = good;
            bytes[i] = static_cast<char>(bytes[i] ^ change);
            read(bytes);
        }
    CHECK(errors > static_cast<int>(good.size()));
    errors = 0;
    for (std::size_t size = 0; size < good.size(); size += 7) read(good.substr(0, size));
    CHECK(errors == static_cast<int>((good.size() + 6) / 7));

    const auto with = [&](const std::string& from, const std::string& to) {
        std::string bytes = good;
        const auto at = bytes.find(from);
        REQUIRE(at != bytes.npos);
        const auto damaged = directory.write("damaged", bytes.replace(at, from.size(), to));
        const std::string what = message_of<FormatError>([&] { load_events(damaged); });
        return what.empty() ? what : what.substr(damaged.string().size());
    };
    const float number = 2, none = std::numeric_limits<float>::quiet_NaN();  // of a vector, half of it
    std::string part(8, '\0'), vector(8, '\0');
    const float both[] = {1, number}, half[] = {1, none};
    std::memcpy(vector.data(), both, 8);
    std::memcpy(part.data(), half, 8);
    CHECK(with(vector, part).find("expected a vector or nothing in row ") != std::string::npos);
    CHECK(with("annbob", "annann") == ": expected different users, received \"ann\"");
    CHECK(with("\"3.ids\"", "\"3.idz\"") == ": expected a tensor '3.ids'");
    CHECK(with("deeprec.table", "deeprec.tabel") == ": expected a table of events, received a file without tables");
}
