#include <deeprec/data/readers/csv.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("CsvReader finds columns by name", "[data]") {
    const support::TemporaryDirectory directory;
    CsvReader in{directory.write("x.csv", "\"b\",a\r\n1,\"x,y\"\r\n2,z")};
    const auto a = in.column("a"), b = in.column("b");
    REQUIRE(in.find_column("a") == a);
    REQUIRE(!in.find_column("c"));
    REQUIRE(in.next());
    REQUIRE(in[a].text == "x,y");
    REQUIRE(in.number<int>(in[b]) == 1);
    REQUIRE(in.next());
    REQUIRE(in[a].text == "z");
    REQUIRE(!in.next());
}

TEST_CASE("CsvReader reads tabs too", "[data]") {
    const support::TemporaryDirectory directory;
    CsvReader in{directory.write("x.tsv", "a\tb\n1\t2\n"), '\t'};
    REQUIRE(in.next());
    REQUIRE(in[in.column("b")].text == "2");
}

TEST_CASE("CsvReader says what is wrong with the columns", "[data]") {
    const support::TemporaryDirectory directory;
    const auto read = [&](std::string_view text) {
        const auto file = directory.write("x.csv", text);
        const std::string what = message_of<FormatError>([&] {
            CsvReader in{file};
            in.column("userId");
            while (in.next()) continue;
        });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    REQUIRE(read("userId,rating\n1,2\n").empty());
    REQUIRE(read("") == "1:1: expected a line of column names, received an empty file");
    REQUIRE(read("userId,rating,userId\n") == "1:15: expected different column names, received \"userId\" twice");
    REQUIRE(read("user,rating\n") == "1:12: expected a column \"userId\", received \"user\", \"rating\"");
    REQUIRE(read("userId,rating\n1,2\n3\n") == "3:2: expected 2 fields, received 1");
    REQUIRE(read("userId,rating\n1,2,3\n") == "2:5: expected 2 fields, received 3");
    REQUIRE(read("\"userId,rating\n") == "1:1: expected a closing quote on this line, received \"\"userId,rating\"");
}
