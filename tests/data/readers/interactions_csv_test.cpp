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
                        "\xef\xbb\xbfitem,when,user,stars\r\n\"a, \"\"b\"\"\",10.75,ann,4.5\r\nc,-0.5,bob,3\r\n"
                        "c,12,ann,1\r\n"),
        {.rating = "stars", .timestamp = "when"});
    const Interactions& x = csv.interactions;
    x.check();
    CHECK(x.users.key(1) == "ann");
    CHECK(x.items.key(1) == "a, \"b\"");
    CHECK(x.user == std::vector<std::int32_t>{1, 2, 1});
    CHECK(x.item == std::vector<std::int32_t>{1, 2, 2});
    CHECK(x.rating == std::vector<float>{4.5f, 3, 1});
    CHECK(x.timestamp == std::vector<std::int64_t>{10, -1, 12});
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
    CHECK(error(of_data, "user,item\na,\n") == ":2:3: expected a key, received an empty field");
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
