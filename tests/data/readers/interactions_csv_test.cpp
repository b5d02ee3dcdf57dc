#include <deeprec/data/readers/interactions_csv.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Events from CSV and TSV by the names of the columns", "[data]") {
    const support::TemporaryDirectory directory;
    const Dataset csv = read_interactions_csv(
        directory.write("a.csv",
                        "\xef\xbb\xbfitem,when,user,stars\r\n\"a, \"\"b\"\"\",881250949.75,ann,4.5\r\nc,-0.5,bob,3\r\n"
                        "c,+881250951,ann,1\r\n"),
        {.rating = "stars", .timestamp = "when"});
    const Interactions& x = csv.interactions;
    x.check();
    CHECK(x.users.key(1) == "ann");
    CHECK(x.items.key(1) == "a, \"b\"");
    CHECK(x.user == std::vector<std::int32_t>{1, 2, 1});
    CHECK(x.item == std::vector<std::int32_t>{1, 2, 2});
    CHECK(x.rating == std::vector<float>{4.5f, 3, 1});
    CHECK(x.timestamp == std::vector<std::int64_t>{881250949, -1, 881250951});
    CHECK(csv.items.size() == 2);
    CHECK(csv.label(2) == "item c");

    const Dataset tsv = read_interactions_csv(directory.write("a.tsv", "visitorid\titemid\n7\t1,5\n"),
                                              {.user = "visitorid", .item = "itemid", .separator = '\t'});
    CHECK(tsv.interactions.items.key(1) == "1,5");
    CHECK(tsv.interactions.rating.empty());
    CHECK(tsv.interactions.timestamp.empty());
}

TEST_CASE("Events from CSV: what can be wrong, and memory goes by the events", "[data]") {
    const support::TemporaryDirectory directory;
    const auto error = [&]<class E>(E*, std::string_view text, const CsvColumns& columns = {}) {
        const auto file = directory.write("x.csv", text);
        const std::string what = message_of<E>([&] { read_interactions_csv(file, columns); });
        return what.empty() ? what : what.substr(file.string().size());
    };
    constexpr FormatError* of_format = nullptr;
    constexpr DataError* of_data = nullptr;
    CHECK(error(of_format, "user,thing\n") == ":1:11: expected a column \"item\", received \"user\", \"thing\"");
    CHECK(error(of_format, "user,item\na,b\n", {.timestamp = "t"}) ==
          ":1:10: expected a column \"t\", received \"user\", \"item\"");
    CHECK(error(of_format, "user,item\na\n") == ":2:2: expected 2 fields, received 1");
    CHECK(error(of_format, "user,item,t\na,b,soon\n", {.timestamp = "t"}) ==
          ":2:5: expected a number, received \"soon\"");
    CHECK(error(of_format, "user,item,t\na,b,1e16\n", {.timestamp = "t"}) ==
          ":2:5: expected seconds below 9e15, received 1e+16");
    CHECK(error(of_data, "user,item\na,\n") ==
          ":2:3: expected a key, received an empty field; skip_incomplete = true passes over such rows");
    CHECK(error(of_data, "user,item\n") == ":2:1: expected at least one event, received none");
    CHECK_THROWS_AS(read_interactions_csv(directory.path() / "none.csv"), FileError);

    const auto allocations = [&](int events) {
        std::string text = "user,item\n";
        for (int i = 0; i < events; ++i) text += std::to_string(i % 40) + "," + std::to_string(i % 30) + "\n";
        const auto file = directory.write("many.csv", text);
        return support::allocations_in([&] { read_interactions_csv(file); });
    };
    CHECK(allocations(16000) - allocations(4000) <= 2 * 2);  // two columns that grow twice
}

TEST_CASE("Events from tables of the wild", "[data]") {
    const support::TemporaryDirectory directory;
    const auto read = [&](std::string_view text, const CsvColumns& columns) {
        return read_interactions_csv(directory.write("x.csv", text), columns).interactions;
    };
    const Interactions bare = read("A1YJ,0001,5.0,1387670400\nA2,0002,4.0,1387670401\n",
                                   {.user = "1", .item = "2", .rating = "3", .timestamp = "4", .header = false});
    CHECK(bare.users.key(1) == "A1YJ");
    CHECK(bare.rating == std::vector<float>{5, 4});
    const Interactions latin =
        read("user;item;rating\n1;caf\xe9;3,5\n",
             {.rating = "rating", .separator = ';', .encoding = Encoding::latin1, .decimal = ','});
    CHECK(latin.items.key(1) == "caf\xc3\xa9");
    CHECK(latin.rating == std::vector<float>{3.5f});
    const Dataset holes =
        read_interactions_csv(directory.write("x.csv", "user,item,rating\n1,2,\n,2,3\n1,,3\n01,2,4\n"),
                              {.rating = "rating", .skip_incomplete = true});
    CHECK(holes.interactions.users.key(1) == "01");
    CHECK(holes.interactions.size() == 1);
    CHECK(holes.description.ends_with(", 3 incomplete rows passed over"));
    CHECK(
        message_of<DataError>([&] {
            read("user,item,rating\n1,2,\n", {.rating = "rating"});
        }).ends_with("2:5: expected a number, received an empty field; skip_incomplete = true passes over such rows"));
    CHECK_THROWS_AS(read("user,item,rating\n1,2,1e39\n", {.rating = "rating"}), FormatError);  // no float
    CHECK_THROWS_AS(read_interactions_csv(directory.path()), FileError);
}

TEST_CASE("Times are read in the unit that is said, and a wrong one is found", "[data]") {
    const support::TemporaryDirectory directory;
    const auto read = [&](std::string_view times, TimeUnit unit) {
        std::string text = "user,item,t\n";
        for (std::size_t begin = 0, end; begin < times.size(); begin = end + 1) {
            end = std::min(times.find('|', begin), times.size());
            text += "1,2," + std::string(times.substr(begin, end - begin)) + "\n";
        }
        return read_interactions_csv(directory.write("x.csv", text), {.timestamp = "t", .time_unit = unit})
            .interactions.timestamp;
    };
    using Times = std::vector<std::int64_t>;
    const Times new_year{1546300800};
    const std::string ms = "1546300800000", us = ms + "000", ns = us + "000";
    CHECK(read("1546300800", TimeUnit::seconds) == new_year);
    CHECK(read(ms + "|1546300799999|1546300800001.5", TimeUnit::milliseconds) ==
          Times{1546300800, 1546300799, 1546300800});
    CHECK(read(us, TimeUnit::microseconds) == new_year);
    CHECK(read(ns + "|1546300799999999999", TimeUnit::nanoseconds) == Times{1546300800, 1546300799});
    CHECK(read("-1|" + ms + "|" + ms, TimeUnit::milliseconds)[0] == -1);  // rounded down before 1970 too
    CHECK(
        read("2019-01-01T00:00:00Z|2019-01-01|2019-01-01 01:00:00.999+01:00|2018-12-31T18:30-0530|2018-12-31T23:59:60",
             TimeUnit::iso8601) == Times(5, 1546300800));
    for (const std::string& text : {std::string("1546300800"), ms, us, ns, std::string("2019-01-01T00:00:00Z")})
        CHECK(read(text, TimeUnit::guessed) == new_year);
    CHECK(read("3|1|2", TimeUnit::relative) == Times{3, 1, 2});
    CHECK(read("3|1|2", TimeUnit::seconds) == Times{3, 1, 2});  // an order

    const auto error = [&](std::string_view times, TimeUnit unit = TimeUnit::seconds) {
        const std::string what = message_of<Error>([&] { read(times, unit); });
        return what.empty() ? what : what.substr((directory.path() / "x.csv").string().size());
    };
    const std::string expected =
                          ":2:5: expected times whose median is in the years 1990 to 2100, received a median in ",
                      where = " (read_events, read_interactions_csv, read_recbole)";
    CHECK(error(ms + "|1|" + ms) ==
          expected + "50970 as seconds; they are milliseconds: time_unit = TimeUnit::milliseconds" + where);
    CHECK(error(us).find("they are microseconds") != std::string::npos);
    CHECK(error("1546300800", TimeUnit::milliseconds) ==
          expected + "1970 as milliseconds; they are seconds: time_unit = TimeUnit::seconds" + where);
    CHECK(error("17897|17898") ==
          expected + "1970 as seconds; times that are no dates are read with time_unit = TimeUnit::relative" + where);
    CHECK(error("3019-07-01", TimeUnit::iso8601).find("received a median in 3019;") != std::string::npos);
    CHECK(error("1546300800|" + ms, TimeUnit::guessed) ==
          ":2:5: expected all times as seconds, received time 2, which is in the years 1990 to 2100 as milliseconds");
    CHECK(!error("1546300800|" + ms + "|" + ms, TimeUnit::guessed).empty());
    CHECK(error("17897", TimeUnit::guessed).find("expected a time that is in the years 1990 to 2100 as") !=
          std::string::npos);
    CHECK(error("2019-01-01T00:00:00Z").find("such times are read with time_unit = TimeUnit::iso8601") !=
          std::string::npos);
    CHECK(error("1e300", TimeUnit::milliseconds).find("expected milliseconds below 9e18") != std::string::npos);
    for (const char* bad :
         {"2019-02-29", "2019-13-01", "2019-1-1", "2019-01-01T24:00", "2019-01-01T00:61", "2019-01-01Tx",
          "2019-01-01T00:00:00+1", "2019-01-01T00:00:00ZZ", "2019-01-01T00:00:00.", "", "soon"})
        CHECK(!error(bad, TimeUnit::iso8601).empty());
}
