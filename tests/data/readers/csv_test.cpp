#include <deeprec/data/readers/csv.hpp>

#include <string>
#include <vector>

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
    REQUIRE(read("\"userId,rating\n") ==
            "1:1: expected a closing quote, received none up to the end of the file, after \"\"userId,rating\"; text "
            "in which "
            "quotes are letters is read with quotes = false");
}

TEST_CASE("CsvReader reads tables as they are written elsewhere", "[data]") {
    const support::TemporaryDirectory directory;
    const auto cells = [&](std::string_view text, const CsvFormat& format, std::size_t columns) {
        CsvReader in{directory.write("x.csv", text), format};
        std::vector<std::string> all;
        while (in.next())
            for (std::size_t c = 0; c < columns; ++c) all.emplace_back(in[c].text);
        return all;
    };
    using Cells = std::vector<std::string>;
    CHECK(cells("a\tb\n\"Weird Al\" Y\t3\n\"x\t4\n", {.separator = '\t'}, 2) ==
          Cells{"\"Weird Al\" Y", "3", "\"x", "4"});
    CHECK(cells("a\tb\n\"x\ty\"\t3\n", {.separator = '\t', .quotes = true}, 2) == Cells{"x\ty", "3"});
    CHECK(cells("a,b\n\"x,3\n", {.quotes = false}, 2) == Cells{"\"x", "3"});
    CHECK(cells("x,1\ny,2\n", {.header = false}, 2) == Cells{"x", "1", "y", "2"});
    CHECK(cells("a;b\n1;\"x \\\"y\\\" \\\\ \\n\"\n", {.separator = ';', .backslash_escapes = true}, 2) ==
          Cells{"1", "x \"y\" \\ \\n"});
    CHECK(cells("a, b\n 1,\t\"x\" \n", {.trim = true}, 2) == Cells{"1", "x"});
    CHECK(cells("a,b\n1,2,\n3,4\n", {.trailing_separator = true}, 2) == Cells{"1", "2", "3", "4"});
    CHECK(cells("a,b,\n1,2,\n", {}, 3) == Cells{"1", "2", ""});
    CHECK(cells(",a,\n0,1,2\n", {}, 3) == Cells{"0", "1", "2"});  // columns without a name

    CsvReader numbered{directory.write("x.csv", "x,1\n"), {.header = false}};
    CHECK(numbered.column("2") == 1);
    CHECK(!numbered.find_column("3"));
    CsvReader comma{directory.write("x.csv", "a\n4,5\n+3,25\n1.234\n1.234,5\n"), {.separator = ';', .decimal = ','}};
    for (const double x : {4.5, 3.25}) {
        comma.next();
        CHECK(comma.number<double>(comma[0]) == x);
    }
    while (comma.next()) CHECK_THROWS_AS(comma.number<double>(comma[0]), FormatError);  // a thousand or one?
}

TEST_CASE("CsvReader says which option would read a table", "[data]") {
    const support::TemporaryDirectory directory;
    const auto error = [&](std::string_view text, const CsvFormat& format = {}) {
        return message_of<FormatError>([&] {
            CsvReader in{directory.write("x.csv", text), format};
            const auto column = in.column("b");
            while (in.next()) in.number<double>(in[column]);
        });
    };
    const auto ends = [](const std::string& text, std::string_view end) { return text.ends_with(end); };
    CHECK(ends(error("a;b\n1;2\n"), "; is it separator = ';'?"));
    CHECK(ends(error("x,4.5\ny,3\n"),
               "; a file without a header is read with header = false and columns \"1\", \"2\", ..."));
    CHECK(ends(error("a, b\n1, 2\n"), "; blanks around fields go with trim = true"));
    CHECK(ends(error("a,b\n1, 2\n"), "; blanks around fields go with trim = true"));
    CHECK(ends(error("a,b\n1,2,\n"), "; lines that end in a separator are read with trailing_separator = true"));
    CHECK(ends(error("a,b\n1,\"4,5\"\n"), "; numbers such as 4,5 are read with decimal = ','"));
    CHECK(ends(error("a,b\n\"a \\\"b\\\"\",2\n"), "; quotes written as \\\" are read with backslash_escapes = true"));
}

TEST_CASE("Columns are found in the same time however many there are", "[data]") {
    const support::TemporaryDirectory directory;
    constexpr std::size_t n = 60'000;
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += "column-with-a-long-name-" + std::to_string(i) + ",";
    text += "b\n";
    for (std::size_t i = 0; i < n; ++i) text += "0,";
    CsvReader in{directory.write("x.csv", text + "1\n")};
    for (std::size_t i = 0; i < n; ++i) REQUIRE(in.column("column-with-a-long-name-" + std::to_string(i)) == i);
    REQUIRE(in.next());
    CHECK(in.number<int>(in[in.column("b")]) == 1);
    CHECK(message_of<FormatError>([&] { in.column("c"); }).find("... (60001 columns)") != std::string::npos);
}
