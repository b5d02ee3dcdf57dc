#include <deeprec/data/interactions.hpp>

#include <limits>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
Interactions two_by_two() {
    Interactions x;
    for (const char* user : {"ann", "bob"}) x.users.add(user);
    for (const char* item : {"heat", "alien"}) x.items.add(item);
    return x;
}
}  // namespace

TEST_CASE("Interactions grow event by event", "[data]") {
    Interactions x = two_by_two();
    x.add(1, 2, 4.5f, 100);
    x.add(2, 1, 3.0f, 50);
    REQUIRE(x.size() == 2);
    REQUIRE(x.user == std::vector<std::int32_t>{1, 2});
    REQUIRE(x.item == std::vector<std::int32_t>{2, 1});
    REQUIRE(x.rating == std::vector<float>{4.5f, 3.0f});
    REQUIRE(x.timestamp == std::vector<std::int64_t>{100, 50});
    REQUIRE_NOTHROW(x.check());

    Interactions plain = two_by_two();
    plain.add(1, 1);
    REQUIRE(plain.rating.empty());
    REQUIRE(plain.timestamp.empty());
}

TEST_CASE("Interactions refuse events that do not fit", "[data]") {
    Interactions x = two_by_two();
    REQUIRE(message_of<DataError>([&] { x.add(3, 1); }) ==
            "Interactions: expected the user id to be from 1 to 2, received 3");
    REQUIRE(message_of<DataError>([&] { x.add(1, 0); }) ==
            "Interactions: expected the item id to be from 1 to 2, received 0");
    REQUIRE_THROWS_AS(x.add(1, 1, std::numeric_limits<float>::quiet_NaN()), DataError);
    REQUIRE(x.size() == 0);
    x.add(1, 1, 5.0f);
    REQUIRE(message_of<DataError>([&] { x.add(1, 1); }) ==
            "Interactions: event 2 has no rating, those before have one");
    REQUIRE(message_of<DataError>([&] { x.add(1, 1, 5.0f, 7); }) ==
            "Interactions: event 2 has a timestamp, those before have none");
    REQUIRE(x.size() == 1);
}

TEST_CASE("Interactions::check finds columns that were edited out of shape", "[data]") {
    Interactions x = two_by_two();
    x.add(1, 1, 5.0f);
    x.rating.push_back(1.0f);
    REQUIRE(message_of<DataError>([&] { x.check(); }) ==
            "Interactions: expected 1 values in column rating, as in column user, received 2");
    x.rating.clear();
    REQUIRE_NOTHROW(x.check());
    x.item[0] = 3;
    REQUIRE_THROWS_AS(x.check(), DataError);
    x.item.clear();
    REQUIRE_THROWS_AS(x.check(), DataError);
}

TEST_CASE("split_year takes the year from the end of a title", "[data]") {
    const auto check = [](std::string_view title, std::string_view name, std::int32_t year) {
        const Item item = split_year(title);
        CHECK(item.title == name);
        CHECK(item.year == year);
    };
    check("Toy Story (1995)", "Toy Story", 1995);
    check("  Beautiful Girls (1996) ", "Beautiful Girls", 1996);
    check("City of Lost Children, The (Cité des enfants perdus, La) (1995)",
          "City of Lost Children, The (Cité des enfants perdus, La)", 1995);
    check("2001: A Space Odyssey", "2001: A Space Odyssey", 0);
    check("Land Before Time III (1995) (V)", "Land Before Time III (1995) (V)", 0);
    check("Fawlty Towers (1975-1979)", "Fawlty Towers (1975-1979)", 0);
    check("(1995)", "", 1995);
    check("(0000)", "(0000)", 0);
    check("(199x)", "(199x)", 0);
    check("", "", 0);
}

TEST_CASE("Dataset labels items for people", "[data]") {
    Dataset data;
    data.interactions.items.add("31");
    data.interactions.items.add("108583");
    data.items.add({"Dangerous Minds", 1995, {"Drama"}});
    data.items.add({});
    REQUIRE(data.label(1) == "Dangerous Minds (1995)");
    REQUIRE(data.label(2) == "item 108583");
    REQUIRE(data.items[1].has_genre("Drama"));
    REQUIRE(!data.items[1].has_genre("Comedy"));
    REQUIRE(message_of<DataError>([&] { data.label(3); }) == "Catalogue: expected an item id from 1 to 2, received 3");
    REQUIRE_THROWS_AS(data.items[0], DataError);
}
