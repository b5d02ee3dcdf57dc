#include <deeprec/data/samples.hpp>

#include <deeprec/data/sequence_fields.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

struct SmallShop {
    EventTable events{{Column{"type", ColumnKind::category}, Column{"price", ColumnKind::number}}};
    ItemTable items{{Column{"tags", ColumnKind::categories}, Column{"brand", ColumnKind::category}}};
    UserTable users{{Column{"age", ColumnKind::number}}};

    SmallShop() {
        events.add("bo", "heat", 200, {"buy", 3.0});
        events.add("ann", "heat", 100, {"view", 1.0});
        events.add("ann", "alien", 300, {"view", Cell{}});
        items.add("alien", {std::vector<std::string>{"space", "fear"}, "fox"});
        items.add("heat", {std::vector<std::string>{"crime"}, "warner"});
        items.add("new", {std::vector<std::string>{"space"}, Cell{}});
        users.add("ann", {30.0});
        users.add("bo", {40.0});
    }
};
template <class T, int Rank>
std::vector<T> numbers_of(const Record& x, std::string_view name) {
    const FieldView* field = view(x).find(name);
    REQUIRE(field != nullptr);
    REQUIRE(field->type == element_type<T>);
    const auto all = view(x).get<T>(*field).template as<Rank>();
    return {all.data(), all.data() + all.size()};
}

}  // namespace

TEST_CASE("Samples of a table are the features of its events, their items and users by name", "[samples]") {
    SmallShop shop;
    const FeatureSpec of_events = FeatureSpec::fit({{.name = "type"}, {.name = "price", .kind = FeatureKind::number}},
                                                   shop.events),
                      of_items = FeatureSpec::fit({{.name = "brand", .min_count = 1},
                                                   {.name = "tags", .kind = FeatureKind::bag, .min_count = 1}},
                                                  shop.items),
                      of_users = FeatureSpec::fit({{.name = "age", .kind = FeatureKind::number}}, shop.users);
    CHECK_THROWS_WITH(
        shop.events.samples(of_events, shop.items, of_items),
        "EventTable: expected row 1 of the items to be 'heat', received 'alien'; align(events, items) first");
    align(shop.events, shop.items);
    align(shop.events, shop.users);
    const Record x = shop.events.samples(of_events, shop.items, of_items, shop.users, of_users);
    CHECK(x.size() == 3);
    CHECK(x.shape() == RecordShape{{"type", {}, ElementType::int32},
                                   {"price", {2}, ElementType::float32},
                                   {"brand", {}, ElementType::int32},
                                   {"tags", {2}, ElementType::int32},
                                   {"age", {2}, ElementType::float32}});
    const auto types = numbers_of<std::int32_t, 1>(x, "type");
    CHECK((types[0] != types[1] && types[1] == types[2]));
    const auto price = numbers_of<float, 2>(x, "price");
    CHECK((price[0] == -price[2] && price[4] == 0 && price[5] == 1));  // the third is missing
    const auto brand = numbers_of<std::int32_t, 1>(x, "brand");
    CHECK((brand[0] == brand[1] && brand[1] != brand[2]));
    const auto tags = numbers_of<std::int32_t, 2>(x, "tags");
    CHECK((tags[0] == tags[2] && tags[1] == 0 && tags[5] > 1));  // crime; crime; space and fear
    const auto age = numbers_of<float, 2>(x, "age");
    CHECK((age[0] == 1 && age[2] == -1 && age[4] == -1));

    CHECK(shop.items.samples(of_items).shape() ==
          RecordShape{{"brand", {}, ElementType::int32}, {"tags", {2}, ElementType::int32}});
    CHECK_THROWS_WITH(
        shop.events.samples(of_events, shop.items, FeatureSpec::fit({{.name = "type", .field = "brand"}}, shop.items)),
        "Record: two fields have the name 'type'");

    // Beside sequences: row k is event k, user u has row u - 1.
    const EventTable sorted = shop.events.select(shop.events.by_user_and_time());
    const SequenceFields fields{Sequences{shop.events.interactions()}, sorted.samples(of_events),
                                shop.users.samples(of_users)};
    const FieldsOfSequence ann = fields.of(*shop.events.users.find("ann"), 0, 2);
    CHECK(ann.events.get<std::int32_t>(*ann.events.find("type")).data[1] == types[2]);
    CHECK(ann.user.get<float>(*ann.user.find("age")).data[0] == -1);
}

TEST_CASE("Attributes of items are numbered one feature behind the other", "[samples]") {
    const SmallShop shop;
    const FeatureSpec spec = FeatureSpec::fit(
        {{.name = "brand", .min_count = 1}, {.name = "tags", .kind = FeatureKind::bag, .min_count = 1}}, shop.items);
    const auto lists = item_attributes(spec, shop.items);
    REQUIRE(lists.size() == 4);
    const auto first = static_cast<std::int32_t>(spec.rows("brand"));
    CHECK((lists[0].empty() && lists[1].size() == 3 && lists[2].size() == 2 && lists[3].size() == 1));
    CHECK((lists[1][0] < first && lists[2][0] < first && lists[1][0] != lists[2][0]));
    CHECK(lists[3][0] == lists[1][1]);  // space
    CHECK(lists[3][0] > first);
    CHECK_THROWS_WITH(item_attributes(FeatureSpec::fit({{.name = "age", .kind = FeatureKind::number}}, shop.users),
                                      ItemTable{{Column{"age", ColumnKind::number}}}),
                      ContainsSubstring("received the numbers 'age'"));
    const auto hashed = [](const char* name) {
        return Feature{.name = name, .kind = FeatureKind::hashed, .buckets = 1'500'000'000, .field = "brand"};
    };
    const FeatureSpec huge = FeatureSpec::fit({hashed("a"), hashed("b")}, shop.items, {.buckets = 2'000'000'000});
    CHECK_THROWS_WITH(item_attributes(huge, shop.items),
                      "item_attributes: expected less than 2^31 ids of all features together, 'b' adds 1500000001 to "
                      "1500000001");
}

TEST_CASE("An attribute that an item lacks can be one too", "[samples]") {
    ItemTable items{{Column{"brand", ColumnKind::category}, Column{"tags", ColumnKind::categories}}};
    items.add("a", {"x", std::vector<std::string>{"red"}});
    items.add("b", {Cell{}, std::vector<std::string>{}});
    const auto lists_of = [&](bool missing) {
        return item_attributes(
            FeatureSpec::fit({{.name = "brand", .min_count = 1, .missing = missing},
                              {.name = "tags", .kind = FeatureKind::bag, .min_count = 1, .missing = missing}},
                             items),
            items);
    };
    CHECK(lists_of(false)[2].empty());
    CHECK(lists_of(true)[1] == std::vector<std::int32_t>{2, 4 + 2});  // padding, unseen, x, none; padding, unseen, red
    CHECK(lists_of(true)[2] == std::vector<std::int32_t>{3, 4 + 3});
}

TEST_CASE("The events before a moment are those that training may see", "[samples]") {
    const SmallShop shop;
    const EventTable early = shop.events.before(300);
    CHECK(early.size() == 2);
    CHECK(early.users.size() == shop.events.users.size());
    CHECK(early.time[1] == 100);
    EventTable timeless;
    timeless.add("a", "b", std::nullopt);
    CHECK_THROWS_WITH(timeless.before(1), "EventTable: expected events with times, received none");
}
