#include <deeprec/data/readers/read_tables.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <sys/stat.h>

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/sequences.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;
using Times = std::vector<std::int64_t>;

namespace {

Ids ids_of(const Values<std::int32_t>& values) { return {values.all().begin(), values.all().end()}; }
std::string printed(const ReadReport& report, const std::filesystem::path& file) {
    std::ostringstream out;
    out << report;
    std::string text = out.str();
    for (std::size_t at = 0; (at = text.find(file.string())) != text.npos;) text.replace(at, file.string().size(), "F");
    return text;
}
/// The message about `text` as a file, without its path.
template <class E>
std::string error(std::string_view text, const EventColumns& columns = {}) {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x.csv", text);
    const std::string what = message_of<E>([&] { read_events(file, columns); });
    return what.empty() ? what : what.substr(file.string().size());
}

constexpr std::string_view shop =
    "time,user,sku,event,price,tags,vector\n"
    "1726000073081,ann,a,view,13.5,x|y,1 2\n"
    "1726000074000,bob,b,hover,1,,\n"
    "1726000075000,ann,a,buy,,y|y,\n"
    "1726000076000,,a,view,1,,\n"
    "1726000077000,bob,b,view,NULL,,0.5 -1\n"
    "1726000077000,bob,b,view,NULL,,0.5 -1\n"
    "1726000078000,bob,b,view,cheap,,\n"
    "soon,bob,b,view,2,,\n"
    "1726000079999,eve,c,view,2\n"
    "1726000079999,eve,c,view,2.25,,3 4\n";

EventColumns shop_columns() {
    return {
        .user = "user",
        .item = "sku",
        .time = 1,
        .columns = {{"price", ColumnKind::number}, {"tags", ColumnKind::categories}, {7, ColumnKind::vector, "image"}},
        .type = "event",
        .types = {{"view"}, {"buy", 5}},
        .missing = {"NULL"},
        .bad_rows = BadRows::skip,
        .duplicates = Duplicates::once};
}

}  // namespace

TEST_CASE("A shop's log becomes a table, and the report says what went", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("shop.csv", shop);
    const EventTable events = read_events(file, shop_columns());
    events.check();
    REQUIRE(events.size() == 4);
    CHECK(ids_of(events.user) == Ids{1, 1, 2, 3});
    CHECK(events.users.key(2) == "bob");
    CHECK(ids_of(events.item) == Ids{1, 1, 2, 3});
    CHECK(Times(events.time.all().begin(), events.time.all().end()) ==
          Times{1726000073, 1726000075, 1726000077, 1726000079});
    CHECK(events.column("event").text(1) == "buy");
    CHECK(events.column("price").number(0) == 13.5f);
    CHECK(events.column("price").missing(1));
    CHECK(events.column("price").missing(2));
    CHECK(events.column("tags").ids(1).size() == 2);
    CHECK(events.column("image").width() == 2);
    CHECK(events.column("image").missing(1));
    CHECK(events.column("image").vector(3)[1] == 4);
    CHECK(events.column("weight").number(1) == 5);
    CHECK(printed(events.report, file) ==
          "F: 10 rows read, 4 kept\n"
          "  skipped: 1 of another event type \"hover\" (F:3), 1 without a user (F:5), 1 with a number that is none "
          "(F:8), 1 with a time that is none (F:9), 1 with another number of fields (F:10), 1 equal to another\n"
          "  who:     3 users, 3 items\n"
          "  when:    2024-09-10 to 2024-09-10, read from milliseconds\n"
          "  columns: price (number, 2.25 to 13.5, 2 missing), tags (categories, 2 values, 2 missing), image (vector, "
          "2 wide, 1 missing), event (category, 2 values), weight (number, 1 to 5)\n");

    const Interactions x = events.interactions("weight");
    CHECK(x.rating == std::vector<float>{1, 5, 1, 1});
    CHECK(Sequences{x}[1].size() == 2);
    CHECK(message_of<DataError>([&] { events.interactions("price"); }) ==
          "EventTable: expected a rating in column 'price', row 1 has none");

    const EventTable twice = read_events({file, file}, shop_columns());  // a file is there twice: all rows are equal
    CHECK(twice.size() == 4);
    CHECK(twice.report.read == 20);
    CHECK(twice.report.skipped_for("equal to another") == 6);
}

TEST_CASE("Readers say how far they are", "[data]") {
    std::string text = "user,item\n";
    for (int i = 0; i < 300000; ++i) text += message("u", i, ",i", i % 7, "\n");
    const support::TemporaryDirectory directory;
    const auto file = directory.write("long.csv", text);
    std::vector<std::pair<Index, Index>> told;
    EventColumns columns;
    columns.progress = [&](Index done, Index of) { told.emplace_back(done, of); };
    CHECK(read_events(file, columns).size() == 300000);
    const auto size = static_cast<Index>(text.size());
    REQUIRE(told.size() == 2 + static_cast<std::size_t>(size) / (1 << 20));
    CHECK(told.front() == std::pair<Index, Index>(0, size));
    CHECK(told.back() == std::pair(size, size));
    CHECK(std::is_sorted(told.begin(), told.end()));
}

TEST_CASE("Each bad row is an error unless it may be skipped", "[data]") {
    const EventColumns timed{.time = "t", .time_unit = TimeUnit::seconds};
    CHECK(error<DataError>("user,item\na,\n") ==
          ":2:3: expected a key, received an empty field; bad_rows = BadRows::skip passes over such rows");
    CHECK(error<FormatError>("user,item,t\na,b,soon\n", timed) == ":2:5: expected a number, received \"soon\"");
    CHECK(error<FormatError>("user,item\na\n") == ":2:2: expected 2 fields, received 1");
    CHECK(error<FormatError>("user,item,p\na,b,1\na,b,x\n", {.columns = {{"p", ColumnKind::number}}}) ==
          ":3:5: expected a number, received \"x\"");
    CHECK(error<FormatError>("user,item,v\na,b,1 2\na,b,1\n", {.columns = {{"v", ColumnKind::vector}}}) ==
          ":3:5: expected 2 numbers, as in the rows before, received 1");
    CHECK(error<FormatError>("user,thing\na,b\n") == ":1:11: expected a column \"item\", received \"user\", \"thing\"");
    CHECK(error<FormatError>("user,item\na,b\n", {.time = 3}) == ":1:1: expected a column from 1 to 2, received 3");
    // What is wrong with the whole file is never skipped.
    const EventColumns skip{.bad_rows = BadRows::skip};
    CHECK(error<FormatError>("user,item\na,\"b\nc,d\n", skip).find(":2:3: expected a closing quote") == 0);
    CHECK(error<FormatError>("user,item\na,\"b\nc\",d,e\na,b\n", skip).find("expected 2 fields, received 4") !=
          std::string::npos);  // rows inside quotes that a stray quote opened
    CHECK(error<FormatError>("user,item\na,caf\xe9\n", skip).find(":2:6: expected UTF-8, received byte 233") == 0);
    CHECK(error<FormatError>(std::string_view("\x1f\x8b\x08\0", 4), skip).find("a gzip file") != std::string::npos);
    CHECK(error<FormatError>(std::string_view("\xff\xfeu\0s\0", 6), skip).find("UTF-16") != std::string::npos);
    CHECK(error<DataError>("user,item\na,\n,b\n", skip)
              .find(": expected at least one row to keep, received none of 2; "
                    "skipped: 1 without an item") == 0);
    CHECK(error<DataError>("user,item\na,\n,b\na,b\n", skip).find(": expected rows that can be read, 2 of 3 cannot") ==
          0);
    CHECK(error<DataError>("user,item\n").find("received none of 0") != std::string::npos);
}

TEST_CASE("The unit of times is guessed and checked", "[data]") {
    const auto first = [](std::string_view time, TimeUnit unit = TimeUnit::guessed) {
        const support::TemporaryDirectory directory;
        const auto file = directory.write("x.csv", "user,item,t\na,b," + std::string(time) + "\n");
        return read_events(file, {.time = "t", .time_unit = unit}).time[0];
    };
    for (const char* time : {"1726000073", "1726000073081", "1726000073081123", "2024-09-10T20:27:53Z",
                             "2024-09-10 20:27:53 UTC", "2024-09-10 22:27:53.5 +0200"})
        CHECK(first(time) == 1726000073);
    CHECK(first("12", TimeUnit::relative) == 12);
    for (const char* time : {"2024-09-10 20:27:53 ", "2024-09-10 20:27:53  UTC", "2024-09-10 UTC", "10/09/2024"})
        CHECK(error<FormatError>("user,item,t\na,b," + std::string(time) + "\n", {.time = "t"}) ==
              ":2:5: expected a time as a number or such as 2009-05-04T23:08:57Z, received " + detail::shown(time));
    CHECK(error<FormatError>("user,item,t\na,b,12\n", {.time = "t"}).find("time_unit = TimeUnit::relative") !=
          std::string::npos);
    CHECK(
        error<DataError>("user,item,t\na,b,1726000073081\n", {.time = "t", .time_unit = TimeUnit::seconds})
            .find("received a median in 56664 as seconds; they are milliseconds: time_unit = TimeUnit::milliseconds") !=
        std::string::npos);
    // The first time is not like the others: the guess is wrong, and does not pass.
    CHECK(error<DataError>("user,item,t\na,b,1726000073\na,b,1726000073081\na,c,1726000073082\n", {.time = "t"})
              .find("they are milliseconds") != std::string::npos);
    // Nor do a few times in another unit than most.
    CHECK(error<DataError>("user,item,t\na,b,1726000073\na,b,1726000073081\na,c,1726000075\n", {.time = "t"})
              .find(":2:5: expected all times as seconds, received time 2, which is in the years 1990 to 2100 as "
                    "milliseconds") == 0);
    CHECK(error<DataError>("user,item,t\na,b,1726000073081\na,b,1726000073082\na,c,1726000075\n", {.time = "t"})
              .find("expected all times as milliseconds, received time 3, which is in the years 1990 to 2100 as "
                    "seconds") != std::string::npos);
}

TEST_CASE("Progress is told of files, and pipes have none", "[data]") {
    const support::TemporaryDirectory directory;
    Index told = 0;
    const auto tell = [&](Index, Index of) { told = of; };
    const auto file = directory.write("x.csv", "user,item\na,b\n");
    CHECK(read_events(file, {.progress = tell}).size() == 1);
    CHECK(std::exchange(told, 0) == 14);
    const auto pipe = directory.path() / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe) << "user,item\na,b\nc,d\n"; });
    CHECK(read_events(pipe, {.progress = tell}).size() == 2);
    writer.join();
    CHECK(told == 0);
}

TEST_CASE("Rows are chosen by type, rating, number and order", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("r.tsv",
                                      "a\tx\t5\t30\nb\tx\t2\t10\na\tx\t4\t20\nc\ty\t5\t10\na\tz\t5\t40\nb\ty\t5\t50\n"
                                      "b\tz\t3\t60\n");
    EventColumns columns{.user = 1,
                         .item = 2,
                         .time = 4,
                         .rating = 3,
                         .time_unit = TimeUnit::relative,
                         .format = {.separator = '\t', .header = false}};
    const auto rows = [&] {
        const EventTable t = read_events(file, columns);
        std::string text;
        for (Index i = 0; i < t.size(); ++i)
            text += t.users.key(t.user[i]) + t.items.key(t.item[i]) + std::to_string(t.time[i]) + " ";
        return text;
    };
    CHECK(rows() == "ax30 bx10 ax20 cy10 az40 by50 bz60 ");
    columns.duplicates = Duplicates::first;
    CHECK(rows() == "bx10 ax20 cy10 az40 by50 bz60 ");
    columns.duplicates = Duplicates::last;
    CHECK(rows() == "ax30 bx10 cy10 az40 by50 bz60 ");
    columns.min_rating = 3;
    CHECK(rows() == "ax30 cy10 az40 by50 bz60 ");
    columns.duplicates = Duplicates::keep;
    columns.min_user_events = columns.min_item_events = 2;
    // c has one event; without it y has one; without that b has one; then z has one; a has x twice.
    CHECK(rows() == "ax30 ax20 ");
    const EventTable core = read_events(file, columns);
    CHECK(core.items.size() == 1);
    CHECK(core.users.size() == 1);
    CHECK(core.report.skipped_for("of a user or an item with too few") == 4);
    CHECK(core.report.skipped_for("rated below min_rating") == 1);
    CHECK(core.column("3").number(1) == 4);
    columns.min_user_events = 3;
    CHECK(message_of<DataError>([&] { rows(); }).find("expected at least one row to keep") != std::string::npos);
}

TEST_CASE("Options without meaning are refused", "[data]") {
    const std::string_view text = "user,item,e,p\na,b,view,1\n";
    CHECK(message_of<ArgumentError>([&] { read_events("x", {.types = {{"view"}}}); }) ==
          "read_events: expected the column of the event types (type), received types alone");
    CHECK_THROWS_AS(read_events("x", {.min_rating = 3}), ArgumentError);
    CHECK(message_of<ArgumentError>([] { read_events("x", {.rating = "rating", .min_rating = std::nanf("")}); }) ==
          "read_events: expected a min_rating that is a number, received NaN");
    CHECK_THROWS_AS(read_events("x", {.min_user_events = -1}), ArgumentError);
    CHECK_THROWS_AS(read_events("x", {.type = "e", .types = {{"view", -1}}}), ArgumentError);
    CHECK_THROWS_AS(read_events(std::vector<std::filesystem::path>{}), ArgumentError);
    CHECK(message_of<ArgumentError>([&] {
              read_events("x", {.columns = {{"p"}, {"p", ColumnKind::number}}});
          }) == "columns: two have the name 'p'; give one a .name");
    CHECK(error<DataError>(text, {.type = "e", .types = {{"view"}, {"by"}}}).find(": no event is of type \"by\"") == 0);
    CHECK(error<DataError>(text, {.user = "user", .item = 1}) ==
          ": expected the user, the item and the time in columns of their own, received column 1 for two of them");
    CHECK_THROWS_AS(error<FormatError>(text, {.user = "user", .item = "item", .time = "item"}), DataError);
    CHECK_THROWS_AS(read_events("/nowhere.csv"), FileError);
}

TEST_CASE("Items and users are read by key", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("items.csv",
                                      "sku,title,brand,genres,price\n"
                                      "a,\"A, \"\"big\"\" one\",Acme,x|y,1\n"
                                      "b,,,,\n"
                                      "a,again,Acme,,2\n");
    KeyColumns columns{.key = "sku",
                       .columns = {{"title", ColumnKind::text}, {"brand"}, {"genres", ColumnKind::categories}}};
    CHECK(message_of<DataError>([&] { read_items(file, columns); }).substr(file.string().size()) ==
          ":4:1: expected a key once, received \"a\" again; bad_rows = BadRows::skip keeps the first");
    columns.bad_rows = BadRows::skip;
    const ItemTable items = read_items(file, columns);
    REQUIRE(items.size() == 2);
    CHECK(items.column("title").text(0) == "A, \"big\" one");
    CHECK(items.column("title").missing(1));
    CHECK(items.column("genres").missing(1));
    CHECK(items.column("brand").values().size() == 1);
    CHECK(printed(items.report, file) ==
          "F: 3 rows read, 2 kept\n  skipped: 1 with a key that was there before (F:4)\n  who:     2 items\n"
          "  when:    no times\n  columns: title (text, 1 missing), brand (category, 1 values, 1 missing), genres "
          "(categories, 2 values, 1 missing)\n");
    CHECK(message_of<DataError>([&] { items.column("year"); }) ==
          "KeyedTable: expected a column 'year', there are 'title', 'brand', 'genres'");
    const UserTable users =
        read_users(directory.write("u.csv", "id,age\nann,31\nbob,\n"), {.columns = {{"age", ColumnKind::number}}});
    CHECK(users.column("age").missing(1));
    CHECK(users.report.who == "2 users");
}

TEST_CASE("Many columns take no longer than their number", "[data]") {
    const support::TemporaryDirectory directory;
    std::string header = "user,item", row = "\na,b";
    EventColumns wanted;
    std::vector<Feature> features;
    for (int i = 0; i < 60'000; ++i) {
        const std::string name = "column " + std::to_string(i);
        header += "," + name, row += ",1";
        wanted.columns.push_back({name, ColumnKind::number});
        features.push_back({.name = name, .kind = FeatureKind::number});
    }
    const EventTable events = read_events(directory.write("x.csv", header + row + row), wanted);
    CHECK(events.select(std::vector<Index>{1}).column("column 59999").number(0) == 1);
    CHECK(FeatureSpec::fit(features, events).transform(events).floats.size() == 60'000);
}
