#include <deeprec/data/readers/negatives.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

TEST_CASE("Negatives come in the ids of the data", "[data]") {
    const support::TemporaryDirectory directory;
    const Dataset data = read_sequences(directory.write("x.txt", "12 30 9\n7 200 9\n8 9 30\n"));  // 9 30 200 are 1 2 3
    const Sequences negatives = read_negatives(directory.write("n.txt", "8\t200\r\n\n12 200 9 \n"), data.interactions);
    const auto of = [&](std::int32_t user) { return Ids(negatives[user].begin(), negatives[user].end()); };
    CHECK(of(1) == Ids{3, 1});
    CHECK(of(2).empty());
    CHECK(of(3) == Ids{3});
    CHECK(negatives.items() == 3);
}

TEST_CASE("Negatives: what can be wrong", "[data]") {
    const support::TemporaryDirectory directory;
    const Dataset data = read_sequences(directory.write("x.txt", "1 2 3\n2 3 4\n"));
    const auto file = directory.path() / "n.txt";
    const auto error = [&]<class E>(E*, std::string_view text) {
        directory.write("n.txt", text);
        const std::string what = message_of<E>([&] { read_negatives(file, data.interactions); });
        return what.empty() ? what : what.substr(file.string().size() + 1);
    };
    constexpr DataError* of_data = nullptr;
    constexpr FormatError* of_format = nullptr;
    CHECK(error(of_data, "1 4\n3 2\n") == "2:1: user 3 is not in the data");
    CHECK(error(of_data, "1 4\n2 3 5\n") == "2:5: item 5 is not in the data");
    CHECK(error(of_data, "1 4\n1 2\n") == "2:1: user 1 has two lines");
    CHECK(error(of_data, "1 4\n2 3 2 3\n") == "2:7: item 3 is twice in this line");
    CHECK(error(of_data, "") == "1:1: expected lines of \"user item item ...\", received none");
    CHECK(error(of_format, "1 4 x\n") == "1:5: expected a whole number, received \"x\"");
    CHECK(error(of_format, "1\n") == "1:2: expected \"user item item ...\", received a user without items");
    CHECK_THROWS_AS(read_negatives(directory.path() / "missing", data.interactions), FileError);
}
