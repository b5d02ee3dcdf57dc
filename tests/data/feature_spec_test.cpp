#include <deeprec/data/feature_spec.hpp>

#include <cmath>
#include <limits>
#include <sstream>

#include <deeprec/data/splits.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;

namespace {

const double unknown = std::numeric_limits<double>::quiet_NaN();

std::vector<Feature> features() {
    return {{.name = "user", .kind = FeatureKind::id},
            {.name = "job", .kind = FeatureKind::category},
            {.name = "zip", .kind = FeatureKind::hashed, .buckets = 7},
            {.name = "genres", .kind = FeatureKind::bag, .min_count = 1},
            {.name = "age", .kind = FeatureKind::number},
            {.name = "title", .kind = FeatureKind::tokens, .length = 3, .min_count = 1},
            {.name = "height", .kind = FeatureKind::number}};
}
std::vector<FeatureRow> training() {
    return {{{"user", "ann"}, {"job", "cook"}, {"age", 20.0}, {"genres", Texts{"Drama", "War", "Drama"}}},
            {{"user", "bob"}, {"job", "cook"}, {"age", 40.0}, {"title", Texts{"war", "and", "war", "again"}}},
            {{"user", "eve"}, {"job", "judge"}, {"zip", "00123"}, {"age", unknown}, {"height", 1.8}}};
}
std::vector<FeatureRow> serving() {
    return {
        {{"user", "ann"}, {"job", "cook"}, {"zip", "00123"}, {"age", 50.0}, {"genres", Texts{"War", "Noir", "Opera"}}},
        {{"user", "new"},
         {"job", "judge"},
         {"zip", "555"},
         {"height", 1.8},
         {"title", Texts{"again", "war", "x", "and"}}},
        {{"job", "pilot"}, {"age", unknown}, {"height", std::monostate{}}, {"genres", Texts{}}, {"zip", ""}},
        {}};
}
Ids column(const FeatureTensors& x, const char* name) {
    const auto& ids = x.ids.at(name);
    return {ids.data(), ids.data() + ids.size()};
}
void same(const FeatureTensors& a, const FeatureTensors& b) {
    REQUIRE(a.ids.size() == b.ids.size());
    for (const auto& [name, ids] : a.ids) {
        INFO(name);
        CHECK(ids.dimensions() == b.ids.at(name).dimensions());
        CHECK(column(a, name.c_str()) == column(b, name.c_str()));
    }
    REQUIRE(a.numbers.dimensions() == b.numbers.dimensions());
    CHECK(std::equal(a.numbers.data(), a.numbers.data() + a.numbers.size(), b.numbers.data()));
}

}  // namespace

TEST_CASE("Ids know what is missing, what is unseen and what is known", "[data]") {
    const FeatureSpec spec = FeatureSpec::fit(features(), training());
    const FeatureTensors x = spec.transform(serving());
    CHECK(column(x, "user") == Ids{2, 1, 0, 0});
    CHECK(spec.rows("user") == 5);
    CHECK(column(x, "job") == Ids{2, 1, 1, 0});  // one judge is too few for a row
    CHECK(spec.rows("job") == 3);
    CHECK(column(x, "genres") == Ids{3, 1, 0, 0, 0, 0, 0, 0});  // unseen ones count once; two is the most in training
    CHECK(spec.rows("genres") == 4);
    CHECK(column(x, "title") == Ids{0, 0, 0, 4, 2, 1, 0, 0, 0, 0, 0, 0});
    const Ids zip = column(x, "zip");
    CHECK(spec.rows("zip") == 8);
    CHECK((zip[0] >= 1 && zip[0] <= 7 && zip[1] >= 1 && zip[1] <= 7));
    CHECK((zip[2] == 0 && zip[3] == 0));
    CHECK(message_of<ArgumentError>([&] { spec.rows("age"); }) == "FeatureSpec: there is no feature 'age' with ids");
}

TEST_CASE("A hash is the same everywhere and reaches every bucket", "[data]") {
    const FeatureSpec spec = FeatureSpec::fit({{.name = "h", .kind = FeatureKind::hashed, .buckets = 5}},
                                              std::vector<FeatureRow>{{{"h", "x"}}});
    std::vector<FeatureRow> rows;
    for (int i = 0; i < 1000; ++i) rows.push_back({{"h", std::to_string(i)}});
    const Ids ids = column(spec.transform(rows), "h");
    for (std::int32_t bucket = 1; bucket <= 5; ++bucket) CHECK(std::count(ids.begin(), ids.end(), bucket) > 150);
    CHECK(Ids(ids.begin(), ids.begin() + 6) == Ids{3, 4, 2, 3, 2, 4});
}

TEST_CASE("A number is scaled by the training rows, and a missing one says so", "[data]") {
    const FeatureSpec spec = FeatureSpec::fit(features(), training());
    const FeatureTensors x = spec.transform(serving());
    REQUIRE(x.numbers.dimension(0) == 4);
    REQUIRE(x.numbers.dimension(1) == 4);  // age, its flag, height, its flag
    // age: mean 30, deviation 10 of the two that are known; height: one value, deviation 1
    const std::vector<float> expected{2, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1};
    CHECK(std::vector<float>(x.numbers.data(), x.numbers.data() + 16) == expected);
    const FeatureTensors mean = spec.transform(std::vector<FeatureRow>{{{"age", 30.0}}});
    CHECK(mean.numbers(0, 0) == 0);  // the same value as a missing one, told apart by the flag
    CHECK(mean.numbers(0, 1) == 0);
}

TEST_CASE("What is fitted depends on the training rows alone, and not on how rows are cut", "[data]") {
    // Users are rows; user 3 takes part in the test alone.
    Interactions events;
    for (int user = 1; user <= 3; ++user) events.users.add(std::to_string(user));
    for (int item = 1; item <= 2; ++item) events.items.add(std::to_string(item));
    for (const std::int32_t user : {1, 2, 3}) events.add(user, 1, {}, user == 3 ? 100 : 10);
    const TimeSplit split{events, 50, 50};
    std::vector<FeatureRow> people = training();
    people[0]["zip"] = "00456";
    people[1]["height"] = 1.9;
    const auto fitted = [&] {
        std::vector<FeatureRow> trains;
        for (std::int32_t user = 1; user <= 3; ++user)
            if (!split.train()[user].empty()) trains.push_back(people[static_cast<std::size_t>(user) - 1]);
        return FeatureSpec::fit(features(), trains).json();
    };
    const std::string before = fitted();
    people[2] = {{"user", "mallory"}, {"age", 1e6}, {"genres", Texts{"Noir"}}};
    CHECK(fitted() == before);  // what is held out changes nothing
    people[1]["age"] = 41.0;
    CHECK(fitted() != before);

    const FeatureSpec spec = FeatureSpec::fit(features(), training());
    const FeatureTensors all = spec.transform(serving());
    for (std::size_t r = 0; r < 4; ++r) {
        const FeatureTensors one = spec.transform(std::vector<FeatureRow>{serving()[r]});
        CHECK(one.ids.at("title")(0, 0) == all.ids.at("title")(static_cast<Index>(r), 0));
        CHECK(one.numbers(0, 0) == all.numbers(static_cast<Index>(r), 0));
    }
    const FeatureTensors none = spec.transform(std::vector<FeatureRow>{});
    CHECK(none.ids.at("genres").dimension(0) == 0);
    CHECK(none.numbers.dimension(1) == 4);
}

TEST_CASE("The spec is frozen into the file of its model", "[data][io]") {
    auto rows = training();
    rows[0]["job"] = rows[1]["job"] = "c\"o\\k\n\xc3\xa9";
    rows[0]["age"] = 1.0 / 3;
    const FeatureSpec spec = FeatureSpec::fit(features(), rows);
    Sequential model{EmbeddingBag{spec.rows("genres"), 4, {.mask_zero = true}}};
    model.build({2}, Seed{1});
    std::stringstream file;
    save(model, file, {{"features", spec.json()}});
    SafetensorsReader reader(std::make_unique<std::istringstream>(file.str()), "model.safetensors");
    const auto served = load<decltype(model)>(reader);
    const FeatureSpec again = FeatureSpec::parse(reader.metadata().at("features"));
    CHECK(again.json() == spec.json());
    auto asked = serving();
    asked[2]["job"] = "c\"o\\k\n\xc3\xa9";
    const FeatureTensors before = spec.transform(asked), after = again.transform(asked);
    same(before, after);
    CHECK(column(after, "job")[2] == 2);
    decltype(model)::Cache a, b;
    const auto x = model.forward(before.ids.at("genres"), a), y = served.forward(after.ids.at("genres"), b);
    CHECK(std::equal(x.data(), x.data() + x.size(), y.data()));
    for (Index i = 4; i < 16; ++i) CHECK(x.data()[i] == 0);  // rows without genres give nothing
}

TEST_CASE("The spec says what it cannot use", "[data]") {
    const auto fit = [](Feature feature, std::vector<FeatureRow> rows = training()) {
        return message_of<Error>([&] { FeatureSpec::fit({feature}, rows); });
    };
    CHECK(fit({.name = ""}) == "FeatureSpec: expected a name, received an empty one");
    CHECK(fit({.name = "zip", .kind = FeatureKind::hashed}) ==
          "FeatureSpec: feature 'zip' of kind hashed: expected positive buckets if hashed, a length if bag or tokens, "
          "min_count >= 0, received 0, 0 and 0");
    for (const Feature& bad : {Feature{"a", FeatureKind::id, 3},
                               {"a", FeatureKind::id, 0, 2},
                               {"a", FeatureKind::bag, 0, -1},
                               {"a", FeatureKind::bag, 0, 0, -1}})
        CHECK_THROWS_AS(FeatureSpec::fit({bad}, training()), ArgumentError);
    CHECK(message_of<ArgumentError>([] {
              FeatureSpec::fit({{.name = "a"}, {.name = "a"}}, training());
          }) == "FeatureSpec: feature 'a' is there twice");
    CHECK(fit({.name = "a"}, {{}}) == "FeatureSpec: no training row has 'a'");
    CHECK(fit({.name = "a", .kind = FeatureKind::number}, {{{"a", unknown}}}) ==
          "FeatureSpec: no training row has 'a'");
    CHECK(fit({.name = "a"}, {{{"b", "x"}}}) == "FeatureSpec: a row has 'b', which is no feature of the spec");
    CHECK(fit({.name = "a"}, {{{"a", 1.0}}}) ==
          "FeatureSpec: 'a' of kind category expected one text, received another value");
    CHECK(fit({.name = "a", .kind = FeatureKind::bag}, {{{"a", "x"}}}) ==
          "FeatureSpec: 'a' of kind bag expected several texts, received one value");
    CHECK(fit({.name = "a", .kind = FeatureKind::number}, {{{"a", "3"}}}) ==
          "FeatureSpec: 'a' of kind number expected a number, received text");
    CHECK(fit({.name = "a", .kind = FeatureKind::number}, {{{"a", HUGE_VAL}}}) ==
          "FeatureSpec: 'a' of kind number expected a finite number, received an infinite one");
    CHECK(fit({.name = "a", .kind = FeatureKind::number}, {{{"a", 1e200}}, {{"a", -1e200}}}) ==
          "FeatureSpec: 'a' expected numbers with a finite mean and deviation, received 0 and inf");

    const std::string good = FeatureSpec::fit(features(), training()).json();
    const auto damaged = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const auto at = text.find(from);
        REQUIRE(at != std::string::npos);
        return message_of<FormatError>([&] { FeatureSpec::parse(text.replace(at, from.size(), to)); });
    };
    CHECK(damaged("\"kind\":\"id\"", "\"kind\":\"ids\"").find("expected the kind of a feature before this") !=
          std::string::npos);
    for (const auto& [from, to] : {std::pair{"\"user\"", "\"\""},
                                   {"\"user\"", "\"job\""},
                                   {"\"ann\"", "\"bob\""},
                                   {"\"ann\"", "\"\""},
                                   {"\"length\":1", "\"length\":0"},
                                   {"\"buckets\":7", "\"buckets\":0"},
                                   {"\"30\"", "\"x\""},
                                   {"\"30\"", "\"inf\""},
                                   {"\"deviation\":\"10\"", "\"deviation\":\"0\""},
                                   {"\"name\"", "\"nam\""},
                                   {"\"}]", "\"}"},
                                   {"\"buckets\":7", "\"buckets\":2147483647"}}) {
        INFO(from << " -> " << to);
        CHECK(!damaged(from, to).empty());
    }
}

TEST_CASE("A column that is constant up to rounding is not scaled, one that only looks so is", "[data]") {
    const auto scaled = [](const std::vector<double>& training, double x) {
        std::vector<FeatureRow> rows;
        for (const double number : training) rows.push_back({{"x", number}});
        return FeatureSpec::fit({{.name = "x", .kind = FeatureKind::number}}, rows)
            .transform(std::vector<FeatureRow>{{{"x", x}}})
            .numbers(0, 0);
    };
    CHECK(scaled({0.1 + 0.2, 0.3, 0.3}, 1.3) == Approx(1));
    CHECK(scaled({-1e15 / 3, -1e15 / 3 - 0.0625}, -1e15 / 3 + 7) == Approx(7).margin(0.1));
    CHECK(scaled({1e9, 1e9 + 2}, 1e9 + 3) == Approx(2));
    CHECK(scaled({1e-30, 3e-30}, 4e-30) == Approx(2));
    CHECK(message_of<DataError>([&] {
              scaled({0, 1e-20}, 1e25);
          }).find("FeatureSpec: 'x' expected a number that is finite after") == 0);
    CHECK(scaled({0, 2}, 1e25) == Approx(1e25f));
    // The numbers of a table are floats, and so is their rounding.
    const auto of_column = [](float a, float b) {
        EventTable events{{Column{"x", ColumnKind::number}}};
        for (const float x : {a, b, a, b}) events.add("ann", "heat", {}, {double{x}});
        return FeatureSpec::fit({{.name = "x", .kind = FeatureKind::number}}, events).transform(events).numbers(1, 0);
    };
    CHECK(of_column(19.99f, std::nextafter(19.99f, 20.0f)) == Approx(0).margin(1e-5));
    CHECK(of_column(19.99f, 20.0f) == Approx(1));
    CHECK(of_column(1e9f, 1e9f + 1280) == Approx(1));
}

TEST_CASE("A spec is parsed only if json would write it, and then again to the same", "[data]") {
    const auto error = [](std::string_view text, const FeatureLimits& limits = {}) {
        return message_of<FormatError>([&] {
            const FeatureSpec spec = FeatureSpec::parse(text, "FeatureSpec", limits);
            REQUIRE(FeatureSpec::parse(spec.json()).json() == spec.json());
        });
    };
    const std::string number = R"([{"name":"a","kind":"number","mean":"1","deviation":"2"}])",
                      city = R"([{"name":"a","kind":"category","length":1,"buckets":0,"values":["x"]}])";
    CHECK(error(number).empty());
    CHECK(error(city).empty());
    CHECK(error("[]").empty());
    CHECK(error("\xef\xbb\xbf" + city).empty());
    CHECK(error(R"([ {"values":["x"], "kind":"bag", "length":3, "name":"\u0000\u00e9", "buckets":0 } ])").empty());
    for (const char* bad :
         {R"([{"name":"a","kind":"number","mean":"1","deviation":"2","values":["x"]}])",
          R"([{"name":"a","kind":"number","mean":"1","deviation":"2","length":1,"buckets":0,"values":[]}])",
          R"([{"name":"a","kind":"number","mean":"1"}])", R"([{"name":"a","kind":"number"}])",
          R"([{"name":"a","mean":"1","deviation":"2"}])", R"([{"kind":"number","mean":"1","deviation":"2"}])",
          R"([{"name":"a","kind":"number","mean":"1","mean":"1","deviation":"2"}])",
          R"([{"name":"a","name":"b","kind":"number","mean":"1","deviation":"2"}])",
          R"([{"name":"a","kind":"category","length":1,"buckets":0}])",
          R"([{"name":"a","kind":"category","length":1,"values":[]}])",
          R"([{"name":"a","kind":"category","length":1,"buckets":0,"values":[],"mean":"1"}])",
          R"([{"name":"a","kind":"category","length":1,"buckets":0,"values":[],"values":[]}])",
          R"([{"name":"a","kind":"category","length":1,"buckets":0,"values":[],"extra":[]}])",
          R"([{"name":"a","kind":"hashed","length":1,"buckets":3,"values":["x"]}])",
          R"([{"name":"a","kind":"number","mean":"nan","deviation":"2"}])",
          R"([{"name":"a","kind":"number","mean":"1","deviation":"1e999"}])",
          "[{\"name\":\"a\",\"kind\":\"category\",\"length\":1,\"buckets\":0,\"values\":[\"\xff\"]}]"}) {
        INFO(bad);
        CHECK(!error(bad).empty());
    }
    CHECK(
        error(R"([{"name":"a","kind":"number","mean":"1","deviation":"2","values":[]}])") ==
        "FeatureSpec: header, byte 68: expected no other parts of a feature of kind number before this, received ']'");
}

TEST_CASE("A missing value has an id of its own on request", "[data]") {
    const std::vector<FeatureRow> rows{
        {{"city", "Rome"}, {"likes", Texts{"jazz", "opera"}}, {"age", 31.0}, {"time", 1e9}, {"code", "x"}},
        {{"city", "Oslo"}, {"likes", Texts{}}, {"age", 40.0}, {"time", 1e9}, {"code", "y"}},
        {}};
    std::vector<Feature> features{{.name = "city", .min_count = 1},
                                  {.name = "code", .kind = FeatureKind::hashed, .buckets = 5},
                                  {.name = "likes", .kind = FeatureKind::bag, .min_count = 1},
                                  {.name = "words", .kind = FeatureKind::tokens, .min_count = 1, .field = "likes"},
                                  {.name = "age", .kind = FeatureKind::bucket, .buckets = 2},
                                  {.name = "gap", .kind = FeatureKind::gap},
                                  {.name = "hour", .kind = FeatureKind::hour},
                                  {.name = "weekday", .kind = FeatureKind::weekday}};
    const FeatureSpec without = FeatureSpec::fit(features, rows);
    for (Feature& feature : features) feature.missing = true;
    const FeatureSpec spec = FeatureSpec::parse(FeatureSpec::fit(features, rows).json());
    CHECK(spec.json() == FeatureSpec::fit(features, rows).json());
    const FeatureTensors x = spec.transform(rows), before = without.transform(rows);
    for (const Feature& feature : features) {
        CAPTURE(feature.name);
        CHECK(spec.rows(feature.name) == without.rows(feature.name) + 1);
        const auto& ids = x.ids.at(feature.name);
        const auto& known = before.ids.at(feature.name);
        REQUIRE(ids.dimension(1) == known.dimension(1));
        for (Index row = 0; row < 3; ++row) {
            CHECK(ids(row, 0) == (known(row, 0) == 0 ? spec.rows(feature.name) - 1 : known(row, 0)));
            for (Index i = 1; i < ids.dimension(1); ++i) CHECK(ids(row, i) == known(row, i));
        }
    }
    CHECK(x.ids.at("likes")(1, 0) == spec.rows("likes") - 1);  // an empty list
    CHECK_THROWS_WITH(FeatureSpec::fit({{.name = "age", .kind = FeatureKind::number, .missing = true}}, rows),
                      "FeatureSpec: feature 'age' of kind number has a flag for missing values, and no ids");
    CHECK_THROWS_AS(FeatureSpec::parse(R"([{"name":"a","kind":"vector","width":2,"missing":1}])"), FormatError);
    CHECK_THROWS_AS(FeatureSpec::parse(R"([{"name":"a","kind":"gap","missing":0}])"), FormatError);
}

TEST_CASE("A short spec does not ask for much memory, and a long one for no square of its names", "[data]") {
    const std::string bag = R"([{"name":"a","kind":"bag","length":2147483645,"buckets":0,"values":[]}])",
                      hashed = R"([{"name":"a","kind":"hashed","length":1,"buckets":2147483645,"values":[]}])";
    CHECK(message_of<FormatError>([&] {
              FeatureSpec::parse(bag);
          }).find("expected lengths up to 1048576 in all (FeatureLimits::ids_a_row), received 2147483645 beside 0") !=
          std::string::npos);
    CHECK_THROWS_AS(FeatureSpec::parse(hashed), FormatError);
    CHECK(message_of<FormatError>([] {
              FeatureSpec::parse(R"([{"name":"a","kind":"vector","width":2147483645}])");
          }).find("expected lengths up to 1048576 in all (FeatureLimits::ids_a_row), received 2147483645 beside 0") !=
          std::string::npos);
    CHECK(FeatureSpec::parse(hashed, "FeatureSpec", {.buckets = 2147483645}).rows("a") == 2147483646);
    CHECK_THROWS_AS(
        FeatureSpec::fit({{.name = "a", .kind = FeatureKind::bag, .length = 6},
                          {.name = "b", .kind = FeatureKind::bag, .length = 5}},
                         std::vector<FeatureRow>{{{"a", Texts{"x"}}, {"b", Texts{"x"}}}}, {.ids_a_row = 10}),
        ArgumentError);

    std::vector<Feature> many;
    FeatureRow row;
    for (int i = 0; i < 60'000; ++i) {
        many.push_back({.name = "a-feature-with-a-long-name-" + std::to_string(i), .kind = FeatureKind::number});
        row[many.back().name] = static_cast<double>(i);
    }
    const std::vector<FeatureRow> rows{row};
    const FeatureSpec spec = FeatureSpec::fit(many, rows);
    CHECK(FeatureSpec::parse(spec.json()).json() == spec.json());
    CHECK(spec.transform(rows).numbers.dimension(1) == 120'000);
    Texts texts;
    for (int i = 0; i < 60'000; ++i) texts.push_back(std::to_string(i));
    const std::vector<FeatureRow> long_bag{{{"a", texts}}};
    const FeatureTensors x =
        FeatureSpec::fit({{.name = "a", .kind = FeatureKind::bag, .min_count = 1}}, long_bag).transform(long_bag);
    CHECK(x.ids.at("a")(0, 59'999) == 60'001);
}

TEST_CASE("What no file could keep is not fitted", "[data]") {
    const auto fit = [](const char* name, const char* value) {
        return message_of<Error>([&] {
            FeatureSpec::fit({{.name = name, .min_count = 1}}, std::vector<FeatureRow>{{{name, value}}});
        });
    };
    CHECK(fit("a", "caf\xe9") == "FeatureSpec: 'a' of kind category expected texts of UTF-8, received \"caf\\xe9\"");
    CHECK(fit("\xff", "x").find("FeatureSpec: expected a name of UTF-8") == 0);
    CHECK(fit("a", "caf\xc3\xa9").empty());
}
