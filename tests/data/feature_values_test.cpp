#include <deeprec/data/feature_values.hpp>

#include <deeprec/data/feature_spec.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;
using Floats = std::vector<float>;

namespace {

EventTable shop() {
    EventTable events{{Column{"event", ColumnKind::category}, Column{"price", ColumnKind::number},
                       Column{"note", ColumnKind::text}, Column{"tags", ColumnKind::categories},
                       Column{"image", ColumnKind::vector}}};
    constexpr std::int64_t monday = 1725840000;  // 2024-09-09
    events.add("ann", "a", monday + 60, {"view", 1.0, "Red, big (2024)", Texts{"x", "y", "x"}, {}});
    events.add("bob", "b", monday + 86400 * 6 + 86399, {"buy", {}, "", Texts{}, Floats{1, 2}});
    events.add("ann", "c", monday, {{}, 3.0, "big", Texts{"y"}, Floats{3, 4}});
    events.add("ann", "a", monday + 3660, {"view", 2.0, "red", Texts{"z"}, Floats{5, 6}});
    return events;
}
std::vector<Feature> features() {
    return {{.name = "who", .kind = FeatureKind::id, .field = "user"},
            {.name = "event", .min_count = 1},
            {.name = "note", .kind = FeatureKind::tokens, .min_count = 1},
            {.name = "whole note", .kind = FeatureKind::hashed, .buckets = 9, .field = "note"},
            {.name = "tags", .kind = FeatureKind::bag, .min_count = 1},
            {.name = "price", .kind = FeatureKind::number},
            {.name = "log price", .kind = FeatureKind::number, .field = "price", .log = true},
            {.name = "price part", .kind = FeatureKind::bucket, .buckets = 3, .field = "price"},
            {.name = "gap", .kind = FeatureKind::gap},
            {.name = "hour", .kind = FeatureKind::hour},
            {.name = "day", .kind = FeatureKind::weekday},
            {.name = "image", .kind = FeatureKind::vector}};
}
template <class T>
std::vector<T> all(const Tensor<T, 2>& x) {
    return {x.data(), x.data() + x.size()};
}

}  // namespace

TEST_CASE("A spec is fitted on the rows of a table, for every kind of field", "[data]") {
    const EventTable events = shop();
    const FeatureSpec spec = FeatureSpec::fit(features(), events);
    const FeatureTensors x = spec.transform(events);
    CHECK(all(x.ids.at("who")) == Ids{2, 3, 2, 2});
    CHECK(all(x.ids.at("event")) == Ids{2, 3, 0, 2});
    CHECK(all(x.ids.at("note")) == Ids{2, 3, 0, 0, 3, 0, 2, 0});  // red, big, without the year
    CHECK(x.ids.at("whole note")(1, 0) == 0);
    CHECK(x.ids.at("whole note")(0, 0) >= 1);
    CHECK(all(x.ids.at("tags")) == Ids{2, 3, 0, 0, 3, 0, 4, 0});
    CHECK(all(x.floats.at("price"))[2] == 0);
    CHECK(all(x.floats.at("price"))[3] == 1);  // missing
    CHECK(x.floats.at("price")(2, 0) == Approx(1 / std::sqrt(2.0 / 3)));
    const double l1 = std::log(2.0), l2 = std::log(3.0), l3 = std::log(4.0), mean = (l1 + l2 + l3) / 3;
    const double deviation =
        std::sqrt(((l1 - mean) * (l1 - mean) + (l2 - mean) * (l2 - mean) + (l3 - mean) * (l3 - mean)) / 3);
    CHECK(x.floats.at("log price")(3, 0) == Approx((l2 - mean) / deviation));
    CHECK(all(x.ids.at("price part")) == Ids{1, 0, 3, 2});
    CHECK(all(x.ids.at("gap")) == Ids{time_gap_id(60), 1, 1, time_gap_id(3600)});
    CHECK(all(x.ids.at("hour")) == Ids{1, 24, 1, 2});
    CHECK(all(x.ids.at("day")) == Ids{1, 7, 1, 1});
    CHECK(all(x.floats.at("image")) == Floats{0, 0, 1, 1, 2, 0, 3, 4, 0, 5, 6, 0});
    CHECK(x.numbers.dimension(1) == 4);
    CHECK(x.numbers(3, 2) == x.floats.at("log price")(3, 0));
    CHECK(spec.rows("price part") == 4);
    CHECK(spec.rows("gap") == time_gap_ids);
    CHECK(spec.rows("hour") == 25);
    CHECK(spec.rows("day") == 8);
    CHECK_THROWS_AS(spec.rows("image"), ArgumentError);
    Texts names;
    x.each([&](const std::string& name, const auto& tensor) {
        names.push_back(name);
        CHECK(tensor.dimension(0) == 4);
    });
    CHECK(names.size() == features().size());

    // What was fitted is in the text, and serves rows as it serves tables.
    const FeatureSpec again = FeatureSpec::parse(spec.json());
    CHECK(again.json() == spec.json());
    const FeatureTensors one = again.transform(
        std::vector<FeatureRow>{{{"user", "bob"}, {"event", "view"}, {"price", 2.0}, {"gap", 3600.0}, {"time", 1.0}},
                                {{"image", Floats{7, 8}}}});
    CHECK(one.ids.at("who")(0, 0) == 3);
    CHECK(one.ids.at("event")(0, 0) == 2);
    CHECK(one.ids.at("price part")(0, 0) == 2);
    CHECK(one.ids.at("gap")(0, 0) == time_gap_id(3600));
    CHECK(all(one.floats.at("image")) == Floats{0, 0, 1, 7, 8, 0});
    CHECK(one.ids.at("hour")(1, 0) == 0);
}

TEST_CASE("Training rows alone are what is fitted, and new values are known as such", "[data]") {
    const EventTable events = shop();
    const std::vector<Index> train{0, 2, 3};
    const FeatureSpec spec = FeatureSpec::fit(features(), events.select(train));
    const FeatureTensors x = spec.transform(events);
    CHECK(all(x.ids.at("who")) == Ids{2, 1, 2, 2});    // bob is new
    CHECK(all(x.ids.at("event")) == Ids{2, 1, 0, 2});  // and so is buying
    ItemTable items{{Column{"price", ColumnKind::number}}};
    items.add("a", {1.0});
    items.add("b", {{}});
    const FeatureTensors of_items = FeatureSpec::fit({{.name = "item", .kind = FeatureKind::id, .field = "key"},
                                                      {.name = "price", .kind = FeatureKind::number}},
                                                     items)
                                        .transform(items);
    CHECK(all(of_items.ids.at("item")) == Ids{2, 3});
    CHECK(all(of_items.floats.at("price")) == Floats{0, 0, 0, 1});
}

TEST_CASE("A field that cannot be what a feature asks for is named", "[data]") {
    const auto refused = [](Feature feature, const EventTable& events = shop()) {
        return message_of<Error>([&] { FeatureSpec::fit({std::move(feature)}, events); });
    };
    CHECK(refused({.name = "prize"}) ==
          "EventTable: expected a column 'prize', there are 'event', 'price', 'note', 'tags', 'image'");
    CHECK(refused({.name = "price"}) ==
          "FeatureSpec: 'price' of kind category expected another column than 'price', which is of kind number");
    CHECK(refused({.name = "user", .kind = FeatureKind::number}) ==
          "FeatureSpec: 'user' of kind number expected another field than 'user', which has texts");
    CHECK(refused({.name = "image", .kind = FeatureKind::bag}).find("which is of kind vector") != std::string::npos);
    CHECK(refused({.name = "gap", .kind = FeatureKind::gap, .field = "price"}) ==
          "FeatureSpec: 'gap' of kind gap expected the field time, received price");
    CHECK(refused({.name = "price", .kind = FeatureKind::bucket}).find("expected positive buckets") !=
          std::string::npos);
    CHECK(refused({.name = "event", .log = true}).find("expected a number to take the log of") != std::string::npos);
    CHECK(refused({.name = "event", .min_count = 1}, EventTable{{Column{"event", ColumnKind::category}}}) ==
          "FeatureSpec: no training row has 'event'");
    EventTable untimed;
    untimed.add("ann", "a", {});
    CHECK(refused({.name = "hour", .kind = FeatureKind::hour}, untimed) ==
          "FeatureSpec: 'hour' of kind hour expected events with times, received none of them");

    const FeatureSpec spec = FeatureSpec::fit({{.name = "image", .kind = FeatureKind::vector}}, shop());
    CHECK(message_of<DataError>([&] {
              spec.transform(std::vector<FeatureRow>{{{"image", Floats{1}}}});
          }) == "FeatureSpec: 'image' of kind vector expected 2 numbers, as in training, received 1");
    for (const char* bad :
         {R"([{"name":"a","kind":"bucket","bounds":["2","1"]}])", R"([{"name":"a","kind":"hour","log":1}])",
          R"([{"name":"a","kind":"number","mean":"1","deviation":"2","log":0}])", R"([{"name":"a","kind":"vector"}])",
          R"([{"name":"a","kind":"gap","field":""}])"}) {
        INFO(bad);
        CHECK_THROWS_AS(FeatureSpec::parse(bad), FormatError);
    }
}
