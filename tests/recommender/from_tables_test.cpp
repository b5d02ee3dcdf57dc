#include <deeprec/recommender/from_tables.hpp>

#include <string>
#include <vector>

#include <deeprec/layers/gru.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "support/catch.hpp"

using namespace deeprec;
using Texts = std::vector<std::string>;

namespace {
ItemTable shop_items(int from, int to) {
    ItemTable table({Column("title", ColumnKind::text), Column("brand", ColumnKind::category),
                     Column("tags", ColumnKind::categories), Column("price", ColumnKind::number)});
    for (int i = from; i <= to; ++i)
        table.add("SKU-" + std::to_string(i), {"thing " + std::to_string(i), i % 2 ? "odd" : "even",
                                               Texts{"all", i % 3 ? "some" : "third"}, 0.5f * static_cast<float>(i)});
    return table;
}
/// SKU-1 to SKU-12, five users.
EventTable shop_events() {
    EventTable events;
    for (int e = 0; e < 60; ++e)
        events.add("u" + std::to_string(e % 5), "SKU-" + std::to_string(1 + e * 7 % 12), 1'700'000'000 + e);
    return events;
}
const FeatureSpec& features() {
    static const FeatureSpec spec = FeatureSpec::fit({{.name = "brand"}, {.name = "tags", .kind = FeatureKind::bag}},
                                                     shop_items(1, 12));
    return spec;
}
auto shop() {
    EventTable events = shop_events();
    ItemTable items = shop_items(1, 12);
    align(events, items);
    Dataset data;
    data.interactions = events.interactions();
    data.items = Catalogue(12);
    SequenceRecommenderOptions options{.width = 4};
    options.attributes = item_attributes(features(), items);
    SequenceRecommender model{12, Sequential{GRU{4, return_sequences}}, options};
    model.build(6, Seed{5});
    Recommender made{std::move(model), data, features()};
    set_columns(made, items);
    return made;
}
}  // namespace

TEST_CASE("Columns of a table of items are those of the recommender", "[recommender]") {
    auto made = shop();
    CHECK(made.values("title", "SKU-3") == Texts{"thing 3"});
    CHECK(made.values("brand", "SKU-3") == Texts{"odd"});
    CHECK(made.values("tags", "SKU-3") == Texts{"all", "third"});
    CHECK(made.values("price", "SKU-3") == Texts{"1.5"});
    for (const auto& hit : made.recommend({.user = "u1"}, 12, {.filter = made.where("brand", "even")}))
        CHECK(made.values("brand", hit.key) == Texts{"even"});

    const ItemSet cheap = made.where("price", 1, 2);  // items 2 to 4
    CHECK(cheap.count() == 3);
    for (const auto& hit : made.recommend({.user = "u1"}, 12, {.filter = cheap}))
        CHECK(std::stod(made.values("price", hit.key)[0]) <= 2);
    CHECK(made.where("price", 100, 200).count() == 0);
    CHECK(made.where("price", 0).count() == 0);
    CHECK(made.where("price", 3).count() == 1);
    ItemTable precise({Column("price", ColumnKind::number)});
    precise.add("SKU-1", {1234565.0});
    precise.add("SKU-2", {1234566.0});
    precise.add("SKU-3", {0.1});
    set_columns(made, precise);
    CHECK(made.where("price", 1234566).count() == 1);
    CHECK(made.values("price", "SKU-1") == Texts{"1234565"});
    CHECK(made.values("price", "SKU-3") == Texts{"0.1"});
    CHECK_THROWS_WITH(made.where("brand", 1, 2),
                      "Recommender: expected a column of numbers, received \"brand\", in which no item has one");
    CHECK_THROWS_WITH(made.where("price", 2, 1), "Recommender: expected numbers from low to high, received 2 and 1");
    CHECK_THROWS_AS(made.where("colour", 1, 2), DataError);

    ItemTable one({Column("brand", ColumnKind::category)});
    one.add("SKU-4", {"gold"});
    set_columns(made, one);
    CHECK(made.values("brand", "SKU-4") == Texts{"gold"});
    CHECK(made.values("brand", "SKU-3") == Texts{"odd"});
    one.add("SKU-99", {"gold"});
    CHECK_THROWS_AS(set_columns(made, one), DataError);
}

TEST_CASE("New items and events of tables join a recommender", "[recommender]") {
    auto made = shop();
    CHECK(add_items(made, shop_items(10, 15), features()) == 3);
    CHECK(made.items().size() == 15);
    CHECK(made.values("tags", "SKU-15") == Texts{"all", "third"});
    CHECK(made.values("title", "SKU-1") == Texts{"thing 1"});
    auto by_hand = shop();
    const auto lists = item_attributes(features(), shop_items(13, 15));
    by_hand.add_items({"SKU-13", "SKU-14", "SKU-15"}, std::vector(lists.begin() + 1, lists.end()));
    const auto ours = made.recommend({.history = {"SKU-1"}}, 15);
    const auto theirs = by_hand.recommend({.history = {"SKU-1"}}, 15);
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
        CHECK(ours[i].key == theirs[i].key);
        CHECK(ours[i].score == theirs[i].score);
    }
    CHECK(add_items(made, shop_items(1, 15), features()) == 0);

    EventTable events;
    events.add("new user", "SKU-14", 300);
    events.add("new user", "SKU-13", 200);
    events.add("u1", "SKU-15", 100);
    add_events(made, events);
    CHECK(made.history("new user") == Texts{"SKU-13", "SKU-14"});
    CHECK(made.history("u1").back() == "SKU-15");
    events.add("u1", "SKU-99", 400);
    CHECK_THROWS_AS(add_events(made, events), DataError);
    CHECK(made.history("u1").back() == "SKU-15");
}
