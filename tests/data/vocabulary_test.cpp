#include <deeprec/data/vocabulary.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("Vocabulary numbers keys from 1 in the order of insertion", "[data]") {
    Vocabulary v;
    REQUIRE(v.size() == 0);
    REQUIRE(v.add("heat") == 1);
    REQUIRE(v.add("alien") == 2);
    REQUIRE(v.add("heat") == 1);
    REQUIRE(v.size() == 2);
    REQUIRE(v.key(2) == "alien");
    REQUIRE(v.at("heat") == 1);
    REQUIRE(v.find("alien") == 2);
    REQUIRE(!v.find("brazil"));

    Vocabulary copy = v;
    copy.add("brazil");
    REQUIRE(copy.at("brazil") == 3);
    REQUIRE(v.size() == 2);
}

TEST_CASE("Vocabulary keeps its keys when it grows", "[data]") {
    Vocabulary v;
    for (int i = 0; i < 10000; ++i) REQUIRE(v.add("key " + std::to_string(i)) == i + 1);
    for (int i = 0; i < 10000; ++i) REQUIRE(v.at(v.key(i + 1)) == i + 1);
}

TEST_CASE("Vocabulary names what it does not know", "[data]") {
    Vocabulary v;
    v.add("heat");
    REQUIRE(support::message_of<DataError>([&] { v.at("brazil"); }) ==
            "Vocabulary: unknown key \"brazil\" (1 keys are known)");
    REQUIRE(support::message_of<DataError>([&] { v.key(2); }) == "Vocabulary: expected an id from 1 to 1, received 2");
    REQUIRE_THROWS_AS(v.key(0), DataError);
    REQUIRE_THROWS_AS(v.key(-1), DataError);
    REQUIRE_THROWS_AS(v.add(""), DataError);
}
