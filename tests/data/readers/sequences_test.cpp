#include <deeprec/data/readers/sequences.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("The plain format: a user and items a line", "[data]") {
    const support::TemporaryDirectory directory;
    const Dataset data = read_sequences(directory.write("x.txt", "12 5 3 5\r\n\n7\t1 2 \n8 4"));
    const Interactions& x = data.interactions;
    REQUIRE(x.users.size() == 3);
    REQUIRE(x.users.key(1) == "12");
    REQUIRE(x.user == std::vector<std::int32_t>{1, 1, 1, 2, 2, 3});
    REQUIRE(x.item == std::vector<std::int32_t>{5, 3, 5, 1, 2, 4});  // without gaps: id = number
    REQUIRE(x.items.key(5) == "5");
    REQUIRE(x.rating.empty());
    REQUIRE(x.timestamp.empty());
    REQUIRE(data.items.size() == 5);
    REQUIRE(data.label(5) == "item 5");

    const Dataset gaps = read_sequences(directory.write("x.txt", "1 30 9 200\n"));
    REQUIRE(gaps.interactions.item == std::vector<std::int32_t>{2, 1, 3});
    REQUIRE(gaps.interactions.items.key(3) == "200");
}

TEST_CASE("The plain format in the forms that are about", "[data]") {
    const support::TemporaryDirectory directory;
    const auto read = [&](std::string_view text, const SequenceFormat& format = {}) {
        return read_sequences(directory.write("x.txt", text), format).interactions;
    };
    const Interactions pairs = read("1 7\n1 3\n2 7\n1 7\n");  // SASRec: an event a line
    CHECK(pairs.user == std::vector<std::int32_t>{1, 1, 2, 1});
    CHECK(pairs.item == std::vector<std::int32_t>{2, 1, 2, 2});

    const Interactions zero = read("0 0 1 2\n1 3 4\n2 \n");  // LightGCN: all from 0, and somebody without items
    CHECK(zero.users.size() == 3);
    CHECK(zero.users.key(1) == "0");
    CHECK(zero.user == std::vector<std::int32_t>{1, 1, 1, 2, 2});
    CHECK(zero.item == std::vector<std::int32_t>{1, 2, 3, 4, 5});
    CHECK(zero.items.key(1) == "0");
    CHECK(read("1 3 4\n2\n3 5\n").size() == 3);
    zero.check();

    const Interactions padded = read("1 0 0 5\n2 5 6\n", {.zero_pads = true});
    CHECK(padded.items.size() == 2);
    CHECK(padded.user == std::vector<std::int32_t>{1, 2, 2});
    CHECK(read("1 2 3\n2 4\n1 5\n", {.join_lines = true}).user == std::vector<std::int32_t>{1, 1, 2, 1});
}

TEST_CASE("The plain format: what can be wrong", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "x.txt";
    const auto format_error = [&](std::string_view text) {
        directory.write("x.txt", text);
        const std::string what = message_of<FormatError>([&] { read_sequences(file); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    REQUIRE(format_error("1 2 3\n2 x\n") == "2:3: expected a whole number, received \"x\"");
    REQUIRE(format_error("1 2 3\n2 4 -1\n") == "2:5: expected an item number from 0, received -1");
    REQUIRE(format_error("1 2 3\n2 4.5\n") == "2:3: expected a whole number, received \"4.5\"");
    for (const char* other : {"01", "+1", "-0", "00", "-01"})  // one number, one spelling: keys are texts
        for (const std::string& line : {"1 2\n" + std::string(other) + " 3\n", "1 2\n3 " + std::string(other) + "\n"})
            CHECK(format_error(line).find("expected a number without plus and leading zeros, received \"" +
                                          std::string(other) + "\"") != std::string::npos);
    const auto data_error = [&](std::string_view text) {
        directory.write("x.txt", text);
        const std::string what = message_of<DataError>([&] { read_sequences(file); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    for (const char* text : {"1 2 3\n2 4\n1 5\n", "1 5\n1 6\n2 4 7\n"})
        CHECK(data_error(text).find("user 1 has two lines, and the line at " + file.string()) != std::string::npos);
    CHECK(data_error("1\n2\n") == "3:1: expected \"user item item ...\", received no item");
    CHECK(data_error("1 2\n2 0 0 4\n") == "2:5: item 0 is twice in this line; if it is padding, zero_pads = true");
    REQUIRE(data_error("") == "1:1: expected lines of \"user item item ...\", received none");
    REQUIRE_THROWS_AS(read_sequences(directory.path() / "missing"), FileError);
}
