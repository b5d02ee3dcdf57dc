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

TEST_CASE("The plain format: what can be wrong", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "x.txt";
    const auto format_error = [&](std::string_view text) {
        directory.write("x.txt", text);
        const std::string what = message_of<FormatError>([&] { read_sequences(file); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    REQUIRE(format_error("1 2 3\n2 x\n") == "2:3: expected a whole number, received \"x\"");
    REQUIRE(format_error("1 2 3\n2 4 0\n") == "2:5: expected an item number from 1, received 0");
    REQUIRE(format_error("1 2 3\n2 4 -1\n") == "2:5: expected an item number from 1, received -1");
    REQUIRE(format_error("1 2 3\n2 4.5\n") == "2:3: expected a whole number, received \"4.5\"");
    REQUIRE(format_error("1 2 3\n2\n") == "2:2: expected \"user item item ...\", received a user without items");
    REQUIRE(format_error("1\n") == "1:2: expected \"user item item ...\", received a user without items");
    const auto data_error = [&](std::string_view text) {
        directory.write("x.txt", text);
        const std::string what = message_of<DataError>([&] { read_sequences(file); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    REQUIRE(data_error("1 2 3\n2 4\n1 5\n") == "3:1: user 1 has two lines");
    REQUIRE(data_error("") == "1:1: expected lines of \"user item item ...\", received none");
    REQUIRE_THROWS_AS(read_sequences(directory.path() / "missing"), FileError);
}
