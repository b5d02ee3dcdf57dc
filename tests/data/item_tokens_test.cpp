#include <deeprec/data/item_tokens.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Words = std::vector<std::string>;
using Ids = std::vector<std::int32_t>;

namespace {
Catalogue films() {
    Catalogue items;
    items.add({"Comedy of Errors", 1995, {"Comedy", "Drama"}});
    items.add({"Errors, The", 1999, {"Drama"}});
    items.add({"", 0, {}});
    return items;
}
Ids row(const Tensor<std::int32_t, 2>& table, Index item) {
    const auto* begin = table.data() + item * table.dimension(1);
    return {begin, begin + table.dimension(1)};
}
}  // namespace

TEST_CASE("title_words", "[data]") {
    REQUIRE(title_words("Schindler's List (1993)") == Words{"schindlers", "list"});
    REQUIRE(title_words("  2001: A Space-Odyssey!! ") == Words{"2001", "a", "space", "odyssey"});
    REQUIRE(title_words("\xc3\x89t\xc3\xa9 \xc3\x97 L\xc3\xa9on") ==
            Words{"\xc3\xa9t\xc3\xa9", "\xc3\x97", "l\xc3\xa9on"});
    REQUIRE(title_words("(1995)").empty());
    REQUIRE(title_words("").empty());
    REQUIRE(title_words("\xc3").size() == 1);  // not UTF-8: kept as it is
}

TEST_CASE("Tokens carry their kind and come in a fixed order", "[data]") {
    const Catalogue items = films();
    ItemTokenizer tokenizer{items, {.length = 8, .min_count = 1, .ids = true}};
    REQUIRE(tokenizer.tokens(items[1], 1) ==
            Words{"item:1", "decade:1990", "genre:Comedy", "genre:Drama", "word:comedy", "word:of", "word:errors"});
    REQUIRE(tokenizer.tokens(items[3], 3) == Words{"item:3"});
    REQUIRE(tokenizer.tokens(items[3]).empty());
    REQUIRE(tokenizer.vocabulary().at("genre:Comedy") != tokenizer.vocabulary().at("word:comedy"));

    const auto table = tokenizer.table(items);
    REQUIRE(table.dimension(0) == 4);
    REQUIRE(table.dimension(1) == 8);
    REQUIRE(row(table, 0) == Ids(8, 0));
    REQUIRE(row(table, 1) == Ids{1, 2, 3, 4, 5, 6, 7, 0});
    REQUIRE(row(table, 2) ==
            Ids{tokenizer.vocabulary().at("item:2"), 2, 4, 7, tokenizer.vocabulary().at("word:the"), 0, 0, 0});
    REQUIRE(row(table, 3) == Ids{tokenizer.vocabulary().at("item:3"), 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("Rare tokens are left out, ids are not", "[data]") {
    const Catalogue items = films();
    const ItemTokenizer tokenizer{items, {.min_count = 2, .ids = true}};
    Words keys;
    for (std::int32_t id = 1; id <= tokenizer.vocabulary().size(); ++id) keys.push_back(tokenizer.vocabulary().key(id));
    REQUIRE(keys == Words{"item:1", "decade:1990", "genre:Drama", "word:errors", "item:2", "item:3"});
}

TEST_CASE("Long rows lose their last words", "[data]") {
    const Catalogue items = films();
    const ItemTokenizer tokenizer{items, {.length = 2, .min_count = 1}};
    const auto& v = tokenizer.vocabulary();
    REQUIRE(row(tokenizer.table(items), 1) == Ids{v.at("decade:1990"), v.at("genre:Comedy")});
}

TEST_CASE("Kinds can be left out; new items meet the old vocabulary", "[data]") {
    const Catalogue items = films();
    const ItemTokenizer genres{items, {.length = 3, .min_count = 1, .titles = false, .decades = false}};
    REQUIRE(genres.vocabulary().size() == 2);
    Ids encoded(3);
    genres.encode({"A new film", 2024, {"Western", "Drama"}}, 0, encoded);
    REQUIRE(encoded == Ids{genres.vocabulary().at("genre:Drama"), 0, 0});
    REQUIRE(message_of<ShapeError>([&] { genres.encode(items[1], 1, std::span(encoded).first(2)); }) ==
            "ItemTokenizer: expected a row of 3, received 2");
    REQUIRE_THROWS_AS(ItemTokenizer(items, {.length = 0}), ArgumentError);
    REQUIRE_THROWS_AS(ItemTokenizer(items, {.min_count = 0}), ArgumentError);
}

TEST_CASE("An item of many genres costs no square of them", "[data]") {
    Item item;
    for (int i = 0; i < 60'000; ++i) item.genres.push_back("a-genre-with-a-long-name-" + std::to_string(i));
    item.genres.push_back(item.genres.front());
    CHECK(ItemTokenizer{Catalogue{}}.tokens(item).size() == 60'000);
}
