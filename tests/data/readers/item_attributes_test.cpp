#include <deeprec/data/readers/item_attributes.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Attributes by item id; unknown items are passed over, items without a line have none", "[data]") {
    const support::TemporaryDirectory directory;
    Vocabulary items;
    for (const char* key : {"9", "30", "200"}) items.add(key);
    const auto attributes =
        read_item_attributes(directory.write("a.json", "{\"200\": [4, 1, 4],\n \"7\": [8], \"9\": []}\n"), items);
    CHECK(attributes == std::vector<std::vector<std::int32_t>>{{}, {}, {}, {4, 1, 4}});
    CHECK(read_item_attributes(directory.write("a.json", "{}"), items).size() == 4);
}

TEST_CASE("Attributes: what can be wrong", "[data]") {
    const support::TemporaryDirectory directory;
    Vocabulary items;
    for (const char* key : {"1", "2"}) items.add(key);
    const auto file = directory.path() / "a.json";
    const auto error = [&](std::string_view text) {
        directory.write("a.json", text);
        const std::string what = message_of<FormatError>([&] { read_item_attributes(file, items); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    CHECK(error("") == "1:1: expected '{', received its end");
    CHECK(error("{\"1\": [3],\n\"2\" [4]}") == "2:5: expected ':', received '[4]}'");
    CHECK(error("{\"1\": [3],\n\"2\": [-4]}") == "2:7: expected a whole number that is not negative, received '-4]}'");
    CHECK(error("{\"1\": [\"a\"]}") == "1:8: expected a whole number that is not negative, received '\"a\"]}'");
    CHECK(error("{\"1\": [3 4]}") == "1:10: expected ']', received '4]}'");
    CHECK(error("{\"1\": [0]}") ==
          "1:9: expected an attribute from 1 to 10000000 (largest) before this, received ']}'");
    CHECK(error("{\"1\": [2147483648]}") ==
          "1:18: expected an attribute from 1 to 10000000 (largest) before this, received ']}'");
    CHECK(error("{\"1\": [1], \"1\": [2]}") == "1:16: expected item \"1\" once, received ' [2]}'");
    CHECK(error("{\"1\": [1]} x") == "1:12: expected the end of the file, received 'x'");
    CHECK(error("{\"1\": [1]") == "1:10: expected '}', received its end");
    CHECK(error("{\"\xc3\xa9\": [x]}") == "1:8: expected a whole number that is not negative, received 'x]}'");
    CHECK_THROWS_AS(read_item_attributes(directory.path() / "missing", items), FileError);
}

TEST_CASE("Attributes: a byte order mark, other files than text, and numbers that would cost a large table", "[data]") {
    const support::TemporaryDirectory directory;
    Vocabulary items;
    items.add("1");
    CHECK(read_item_attributes(directory.write("a.json", "\xef\xbb\xbf{\"1\": [3]}"), items)[1].size() == 1);
    CHECK(
        read_item_attributes(directory.write("a.json", "{\"1\": [20000000]}"), items, {.largest = 20'000'000}).size() ==
        2);
    CHECK_THROWS_AS(read_item_attributes(directory.path(), items), FileError);
    CHECK(message_of<FormatError>([&] { read_item_attributes("/dev/zero", items); }) ==
          "/dev/zero:1:1: expected text of at most 4294967296 bytes, received a byte 0");
    CHECK_THROWS_AS(read_item_attributes("/dev/null", items), FormatError);
    const auto error = [&](std::string_view text) {
        return message_of<FormatError>([&] { read_item_attributes(directory.write("a.json", text), items); });
    };
    using namespace std::string_view_literals;
    CHECK(error("\xff\xfe{\0"sv).find(":1:1: expected text, received UTF-16 text") != std::string::npos);
    CHECK(error("{\"1\": [3],\n \"\xe9\": [1]}").find(":2:3: expected UTF-8, received byte 233") != std::string::npos);
    CHECK(!error("{\"1\": [20000000]}").empty());
}
