#include <deeprec/recommender/recommender_file.hpp>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/ranking/item_index.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Keys = std::vector<std::string>;

namespace {
constexpr std::int32_t n = 20;

/// SKU-1 to SKU-20, of which nobody took the last two, and 12 users.
Dataset some_data() {
    Dataset data;
    Interactions& events = data.interactions;
    for (int i = 1; i <= n; ++i) {
        events.items.add("SKU-" + std::to_string(i));
        data.items.add({"thing " + std::to_string(i), 1990 + i % 3, {i % 2 ? "odd" : "even", "all"}});
    }
    for (int u = 1; u <= 12; ++u) {
        const auto user = events.users.add("u" + std::to_string(u));
        for (int t = 0; t < 5; ++t) events.add(user, 1 + (u * 5 + t * t * 3) % 18, {}, 1'700'000'000 + 100 * t + u);
    }
    return data;
}
SequenceRecommender<Sequential<GRU<float, ReturnSequences>>> sequence_model() {
    SequenceRecommenderOptions options{.width = 4};
    options.attributes.assign(n + 1, {});
    for (std::int32_t i = 1; i <= n; ++i) options.attributes[static_cast<std::size_t>(i)] = {1 + i % 4};
    SequenceRecommender model{n, Sequential{GRU{4, return_sequences}}, options};
    model.build(6, Seed{5});
    return model;
}
using Model = decltype(sequence_model());
Sequences train() { return Sequences(some_data().interactions); }
Keys keys_of(const KeyHits& hits) {
    Keys keys;
    for (const KeyHit& hit : hits) keys.push_back(hit.key);
    return keys;
}
void check_same(const KeyHits& a, const KeyHits& b) {
    REQUIRE(a.size() == b.size());
    CHECK(!a.empty());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].key == b[i].key);
        CHECK(a[i].score == b[i].score);
        REQUIRE(a[i].because.size() == b[i].because.size());
        for (std::size_t r = 0; r < a[i].because.size(); ++r) CHECK(a[i].because[r].key == b[i].because[r].key);
    }
}
std::string bytes_of(const std::filesystem::path& path) {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
}
/// Rewrites metadata and lists of a file; with `without_best` the file's own answer lacks its first item.
void rewrite(const std::filesystem::path& path, const Metadata& texts, const std::vector<float>& check_scores = {},
             bool without_best = false) {
    SafetensorsReader file(path);
    SafetensorsWriter writer;
    writer.metadata = file.metadata();
    for (const auto& [key, text] : texts) writer.metadata[key] = text;
    for (const auto& tensor : file.tensors()) {
        const std::string& name = tensor.first;
        const TensorEntry& entry = tensor.second;
        const auto copy = [&]<class T>(T) {
            Index size = 1;
            for (const Index extent : entry.shape) size *= extent;
            std::vector<T> values(static_cast<std::size_t>(size));
            file.read(name, entry.shape, values.data());
            if constexpr (std::is_same_v<T, float>)
                if (name == "check.scores" && !check_scores.empty()) values = check_scores;
            std::vector<Index> shape = entry.shape;
            if (without_best && (name == "check.items" || name == "check.scores")) {
                values.erase(values.begin());
                --shape[0];
            }
            writer.add(name, shape, std::move(values));
        };
        if (entry.dtype == "F32") copy(float{});
        if (entry.dtype == "F64") copy(double{});
        if (entry.dtype == "I32") copy(std::int32_t{});
        if (entry.dtype == "I64") copy(std::int64_t{});
        if (entry.dtype == "U8") copy(std::uint8_t{});
    }
    writer.write(path);
}
}  // namespace

TEST_CASE("Keys go in; keys, scores and reasons come out", "[recommender]") {
    const Recommender shop{ItemKnn{train()}, some_data()};
    const auto hits = shop.recommend({.history = {"SKU-3", "SKU-9", "nothing"}, .user = "stranger"}, 5,
                                     {.exclude_history = true, .exclude = {"SKU-4", "no key", "SKU-4"}});
    CHECK(hits.unknown == Keys{"stranger", "nothing", "no key"});
    CHECK(!hits.fallback);
    REQUIRE(hits.size() == 5);
    const std::vector<std::int32_t> history{3, 9}, excluded{4};
    const auto by_id = recommend(ItemKnn{train()}, {0, history, 0}, 5, {.exclude_history = true, .exclude = excluded});
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(hits[i].key == "SKU-" + std::to_string(by_id[i].item));
        CHECK(hits[i].score == by_id[i].score);
        double sum = 0;
        for (const Reason& reason : hits[i].because) sum += reason.value;
        CHECK(sum == Approx(hits[i].score).margin(1e-6));
    }
    CHECK((hits[0].because[0].key == "SKU-3" || hits[0].because[0].key == "SKU-9"));
    CHECK(shop.recommend({.history = {"SKU-3"}}, 3, {.reasons = 0})[0].because.empty());
    const auto again = shop.reasons({.history = {"SKU-3", "SKU-9"}}, hits[0].key);
    REQUIRE(again.size() == hits[0].because.size());
    for (std::size_t r = 0; r < again.size(); ++r) {
        CHECK(again[r].key == hits[0].because[r].key);
        CHECK(again[r].value == hits[0].because[r].value);
    }
    CHECK(shop.reasons({.history = {"SKU-3", "SKU-9"}}, hits[0].key, 0).empty());
    CHECK(shop.reasons({.history = {"nobody's"}}, hits[0].key).empty());  // popularity answers
    // A known user stands for what is known of them.
    const Sequences sequences = train();
    const auto events = sequences[7];
    Keys own;
    for (const std::int32_t item : events) own.push_back("SKU-" + std::to_string(item));
    check_same(shop.recommend({.user = "u7"}, 5), shop.recommend({.history = own}, 5));
    CHECK(keys_of(shop.similar_items("SKU-3", 2)) ==
          keys_of(shop.recommend({.history = {"SKU-3"}}, 2, {.exclude_history = true})));
    CHECK(message_of<DataError>([&] { shop.similar_items("SKU-99", 2); }).find("SKU-99") != std::string::npos);
}

TEST_CASE("Requests with nothing to go by get what is popular now", "[recommender]") {
    const Recommender shop{ItemKnn{train()}, some_data()};
    for (const KeyQuery& query : {KeyQuery{}, KeyQuery{{"nothing"}, {}}, KeyQuery{{}, "stranger"}}) {
        const auto hits = shop.recommend(query, 20);
        CHECK(hits.fallback);
        CHECK(hits.size() == 20);
        for (std::size_t i = 1; i < hits.size(); ++i) CHECK(hits[i - 1].score >= hits[i].score);
        CHECK(hits[0].because.empty());
    }
    const Recommender factors{BprMf{train(), {.width = 3, .epochs = 2}}, some_data()};
    CHECK(factors.recommend({.history = {"SKU-1"}}, 3).fallback);
    CHECK(factors.recommend({.history = {"SKU-1"}, .user = "stranger"}, 3).fallback);
    CHECK(!factors.recommend({.user = "u3"}, 3).fallback);
    CHECK(shop.recommend({}, 0).empty());
    CHECK_THROWS_AS(shop.recommend({}, -1), ArgumentError);
}

TEST_CASE("What is known of items filters and spreads lists", "[recommender]") {
    Recommender shop{ItemKnn{train()}, some_data()};
    const KeyQuery query{.history = {"SKU-3", "SKU-9"}};
    const ItemSet even = shop.where("genres", "even");
    CHECK(even.count() == 10);
    const auto hits = shop.recommend(query, 20, {.filter = even & shop.where("year", "1991")});
    CHECK(hits.size() == 3);  // 4, 10, 16
    CHECK(shop.recommend(query, 5, {.filter = shop.where("genres", "nobody's")}).empty());
    CHECK(message_of<DataError>([&] { shop.where("colour", "red"); }) ==
          "Recommender: expected one of the columns genres, title, year, received \"colour\"");
    CHECK(shop.recommend(query, 20, {.allow = [](std::string_view key) { return key.size() == 5; }}).size() == 9);
    shop.set_column("category", {{"SKU-3", {"shoes"}}, {"SKU-5", {"shoes", "sale"}}});
    CHECK(shop.where("category", "shoes").count() == 2);
    CHECK_THROWS_AS(shop.set_column("category", {{"SKU-77", {"shoes"}}}), DataError);
    const auto genres = shop.categories("genres");
    CHECK(genres[1] == std::vector<std::int32_t>{0, 1});
    CHECK(genres[2] == std::vector<std::int32_t>{2, 1});
    const auto spread = shop.recommend(query, 6, {.diversity = Mmr{0.9}});
    CHECK(spread.size() == 6);
    CHECK(keys_of(spread) != keys_of(shop.recommend(query, 6)));

    SequenceRecommender fielded{n, GRU{4, return_sequences}, {.width = 4, .step = field("type", Embedding{3, 4})}};
    fielded.build(5, Seed{1}, {{"type", {}}});
    CHECK(message_of<ArgumentError>([&] { Recommender(std::move(fielded), some_data()); }) ==
          "Recommender: its model reads fields of events and no fields of users, expected those with their specs and no "
          "others: ServedFields{events, of_events, users, of_users}");

    Dataset other = some_data();
    other.items = Catalogue{n - 1};
    CHECK(message_of<DataError>([&] { Recommender(ItemKnn{train()}, other); }) ==
          "Recommender: expected a catalogue of the 20 items of the data, or an empty one, received one of 19");
    other.items = Catalogue{};
    CHECK(Recommender(ItemKnn{train()}, other).column_names().empty());
}

TEST_CASE("One file keeps all of it", "[recommender]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "shop.deeprec";
    const KeyQuery query{.history = {"SKU-3", "SKU-9"}, .user = "u3"};
    const FeatureRow row{{"name", std::vector<std::string>{"a", "a b"}}};
    const auto spec = FeatureSpec::fit({{.name = "name", .kind = FeatureKind::bag}}, std::vector{row, row});
    const auto check = [&](auto scorer, auto&& load_any) {
        Recommender shop{std::move(scorer), some_data(), spec};
        shop.about["protocol"] = "leave one out";
        shop.remove_items({"SKU-8"});
        save(shop, path);
        const auto same = load<decltype(shop)>(path);
        const AnyRecommender any = load_any();
        const KeyOptions options{.filter = shop.where("genres", "all"), .reasons = 2};
        check_same(same.recommend(query, 20, options), shop.recommend(query, 20, options));
        check_same(any.recommend(query, 20, options), shop.recommend(query, 20, options));
        check_same(any.recommend({}, 20), shop.recommend({}, 20));
        CHECK(any.recommend(query, 20).size() == 19);
        CHECK(any.about.at("protocol") == "leave one out");
        CHECK(any.spec()->json() == spec.json());
        const std::string bytes = bytes_of(path);
        save(any, path);
        CHECK(bytes_of(path) == bytes);
        check_same(shop.any().recommend(query, 20), shop.recommend(query, 20));
    };
    const auto by_kind = [&] { return load_recommender(path); };
    const auto by_model = [&] { return load_recommender<BprMf, Model>(path); };
    check(ItemKnn{train()}, by_kind);
    check(BprMf{train(), {.width = 3, .epochs = 2}}, by_kind);
    check(WeightedHybrid{ItemKnn{train()}, WeightedHybrid{Markov{train()}, Popularity{train()}}}, by_kind);
    check(sequence_model(), by_model);
    const auto model = std::make_shared<const Model>(sequence_model());
    check(WeightedHybrid{SequenceIndex(model), ItemKnn{train()}}, by_model);
    CHECK(message_of<FormatError>([&] {
              load_recommender(path);
          }).find("the kind 'SequenceIndex', which nothing here can read: name the type") != std::string::npos);
    CHECK_THROWS_AS(load<Recommender<ItemKnn>>(path), FormatError);
    // What load would refuse is not written over what is there.
    const std::string before = bytes_of(path);
    const auto wide = FeatureSpec::fit({{.name = "name", .kind = FeatureKind::hashed, .buckets = (Index{1} << 24) + 1}},
                                       std::vector{FeatureRow{{"name", "a"}}}, {.buckets = Index{1} << 25});
    CHECK(message_of<ArgumentError>([&] {
              save(Recommender{ItemKnn{train()}, some_data(), wide}, path);
          }) ==
          "FeatureSpec: feature 'name' expected at most 16777216 buckets (FeatureLimits::buckets), received 16777217");
    CHECK(bytes_of(path) == before);
}

TEST_CASE("Files that are damaged, of another version or built otherwise are refused", "[recommender]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "shop.deeprec";
    const Recommender shop{ItemKnn{train()}, some_data()};
    save(shop, path);
    const std::string whole = bytes_of(path);
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 20)
        CHECK_THROWS_AS(load_recommender(directory.write("cut", whole.substr(0, size))), FormatError);
    for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 150) {
        std::string broken = whole;
        broken[at] = static_cast<char>(broken[at] ^ 0x5a);
        try {
            const auto read = load_recommender(directory.write("broken", broken));
            read.recommend({.history = {"SKU-3"}, .user = "u1"}, 5);
        } catch (const Error&) {
        }
    }
    rewrite(path, {{"deeprec.bundle", "2"}});
    CHECK(message_of<FormatError>([&] { load_recommender(path); }) ==
          path.string() + ": expected a bundle of version 1, received '2'");
    rewrite(path, {{"deeprec.bundle", "1"}}, std::vector<float>(10, 0.75f));
    CHECK(message_of<FormatError>([&] {
              load_recommender(path);
          }).find("the self-check: expected the score 0.75 for item ") != std::string::npos);
    // The scores of the list are right, but another item is before it.
    save(shop, path);
    const Keys first = shop.history(shop.users().key(1));
    const std::string best = shop.recommend({.history = first}, 1)[0].key;
    rewrite(path, {}, {}, true);
    CHECK(
        message_of<FormatError>([&] {
            load_recommender(path);
        }).find("the self-check: expected item " + std::to_string(shop.items().at(best)) + " outside of the best 9") !=
        std::string::npos);
    save(ItemKnn{train()}, path);
    CHECK(message_of<FormatError>([&] {
              load_recommender(path);
          }).find("expected the text 'deeprec.bundle', the file has none") != std::string::npos);
    CHECK(message_of<DataError>([&] {
              Recommender{Popularity{train()}, Dataset{{}, Catalogue{}, {}}};
          }) == "Recommender: expected a model of the 0 items of the data, received one of 20");
    CHECK(message_of<ArgumentError>([] { AnyRecommender{}.recommend({.history = {}, .user = {}}, 3); }) ==
          "AnyScorer: there is no scorer in it");
}

TEST_CASE("Items come and go, and the scores of the others stay", "[recommender]") {
    Recommender shop{sequence_model(), some_data()};
    const KeyQuery query{.history = {"SKU-3", "SKU-9"}};
    const auto before = shop.recommend(query, 20);
    shop.add_items({"NEW-1", "NEW-2"}, std::vector<std::vector<std::int32_t>>{{2}, {}});
    const auto after = shop.recommend(query, 22);
    REQUIRE(after.size() == 22);
    for (const KeyHit& old : before) {
        const auto same =
            std::find_if(after.begin(), after.end(), [&](const KeyHit& hit) { return hit.key == old.key; });
        REQUIRE(same != after.end());
        CHECK(same->score == old.score);
    }
    // By its attribute alone the new item is as what only the attribute says.
    const auto& vectors = shop.scorer().model();
    for_each_parameter(vectors, [&](std::string_view name, const auto& values) {
        if (name == "attributes")
            for (Index i = 0; i < 4; ++i) CHECK(vectors.vectors()[21 * 4 + i] == values.data()[2 * 4 + i]);
    });
    CHECK(shop.recommend({.history = {"NEW-1"}}, 3).unknown.empty());
    CHECK(message_of<DataError>([&] { shop.add_items({"NEW-1"}); }) ==
          "Recommender: expected new items, received 'NEW-1' again");
    CHECK(message_of<ArgumentError>([&] { shop.add_items({"NEW-3"}, std::vector<std::vector<std::int32_t>>{{9}}); }) ==
          "SequenceRecommender: expected attributes of new items from 1 to 4, received 9");
    CHECK(shop.items().size() == 22);

    shop.remove_items({"SKU-3", "NEW-2"});
    CHECK(shop.recommend(query, 22).size() == 20);
    shop.restore_items({"SKU-3"});
    CHECK(shop.recommend(query, 22).size() == 21);
    CHECK_THROWS_AS(shop.remove_items({"SKU-100"}), DataError);
    const support::TemporaryDirectory directory;
    save(shop, directory.path() / "shop");
    check_same(load_recommender<Model>(directory.path() / "shop").recommend(query, 22), shop.recommend(query, 22));

    AnyRecommender any =
        Recommender{WeightedHybrid{ItemKnn{train()}, Markov{train()}, BprMf{train(), {.epochs = 1}}}, some_data()}
            .any();
    const auto old = any.recommend(query, 1);
    any.add_items({"NEW-1"});
    check_same(any.recommend(query, 1), old);
    CHECK(any.recommend({.history = {"NEW-1"}, .user = "u1"}, 21).size() == 21);
}

TEST_CASE("Events go to the end of histories, and new users come with them", "[recommender]") {
    Recommender shop{Markov{train()}, some_data()};
    Keys expected = shop.history("u2");
    shop.add_events({{"u2", "SKU-4"}, {"new", "SKU-1"}, {"u2", "SKU-5"}, {"new", "SKU-2"}});
    expected.insert(expected.end(), {"SKU-4", "SKU-5"});
    CHECK(shop.history("u2") == expected);
    CHECK(shop.history("u3") == Recommender{Markov{train()}, some_data()}.history("u3"));
    CHECK(shop.history("new") == Keys{"SKU-1", "SKU-2"});
    CHECK(shop.users().size() == 13);
    check_same(shop.recommend({.user = "new"}, 5), shop.recommend({.history = {"SKU-1", "SKU-2"}}, 5));
    CHECK_THROWS_AS(shop.add_events({{"u1", "SKU-1"}, {"u1", "SKU-100"}}), DataError);
    CHECK(message_of<DataError>([&] { shop.add_events({{"", "SKU-1"}}); }) ==
          "Recommender: expected events with the key of a user, received \"\"");
    CHECK(shop.users().size() == 13);
    CHECK(shop.history("u1") == Recommender{Markov{train()}, some_data()}.history("u1"));
    const support::TemporaryDirectory directory;
    save(shop, directory.path() / "shop");
    CHECK(load_recommender(directory.path() / "shop").history("u2") == expected);
}

TEST_CASE("New items that cannot be scored leave the recommender as it was", "[recommender]") {
    struct Fickle {
        std::int32_t count = n;
        float score = 1;
        std::int32_t items() const { return count; }
        void operator()(const Query&, std::span<float> scores) const { std::fill(scores.begin(), scores.end(), score); }
        void add_items(Index more, float of_all) {
            count += static_cast<std::int32_t>(more);
            score = of_all;
        }
    };
    Recommender shop{Fickle{}, some_data()};
    const KeyQuery query{.history = {"SKU-3"}};
    const auto before = shop.recommend(query, n + 1);
    CHECK(message_of<NumericError>([&] {
              shop.add_items({"NEW-1"}, std::numeric_limits<float>::quiet_NaN());
          }).find("item 1 is NaN") != std::string::npos);
    CHECK(shop.items().size() == n);
    CHECK(keys_of(shop.recommend(query, n + 1)) == keys_of(before));
    shop.add_items({"NEW-1"}, 2.0f);
    CHECK(shop.recommend(query, n + 1).size() == n + 1);
    CHECK(message_of<DataError>([] { ItemColumns(3).values("title", 0); }) ==
          "Recommender: expected an item from 1 to 3, received 0");
}

TEST_CASE("A TwoTower is kept as its index, and its item tower ranks new items", "[recommender]") {
    TwoTower model{Sequential{Embedding{40, 3}, Flatten{}}, Sequential{Embedding{40, 3}, Flatten{}}, Dot{}};
    model.build({{1}, {1}}, Seed{4});
    const auto tokens = [](std::int32_t from, std::int32_t count) {
        Tensor<std::int32_t, 2> items(count, 1);
        for (std::int32_t i = 0; i < count; ++i) items(i, 0) = from + i;
        return items;
    };
    using Towers = decltype(model);
    const auto shared = std::make_shared<const Towers>(std::move(model));
    Recommender shop{ItemIndex{shared, tokens(1, n), {.first_item = 1}}, some_data()};
    shop.add_items({"NEW-1", "NEW-2"}, tokens(n + 1, 2));
    const KeyQuery query{.history = {"SKU-3", "SKU-9"}};
    const ItemIndex at_once{shared, tokens(1, n + 2), {.first_item = 1}};
    const std::vector<std::int32_t> history{3, 9};
    const auto expected = recommend(at_once, {0, history, 0}, n + 2);
    const auto hits = shop.recommend(query, n + 2);
    REQUIRE(hits.size() == expected.size());
    for (std::size_t i = 0; i < hits.size(); ++i) CHECK(hits[i].score == expected[i].score);
    CHECK_THROWS_AS(shop.add_items({"NEW-3"}, tokens(1, 2)), ArgumentError);
    const support::TemporaryDirectory directory;
    save(shop, directory.path() / "shop");
    AnyRecommender any = load_recommender<ItemIndex<Towers>>(directory.path() / "shop");
    check_same(any.recommend(query, n + 2, {.reasons = 1}), shop.recommend(query, n + 2, {.reasons = 1}));
    CHECK(message_of<ArgumentError>([&] { any.add_items({"NEW-4"}); }) ==
          "ItemIndex: expected the ids that its item tower reads of 1 new items, as the recommender's tokenizer makes "
          "them, received none");
    CHECK(any.items().size() == n + 2);
    any.add_items({"NEW-3", "NEW-4"}, tokens(n + 3, 2));
    shop.add_items({"NEW-3", "NEW-4"}, tokens(n + 3, 2));
    check_same(any.recommend(query, n + 4, {.reasons = 1}), shop.recommend(query, n + 4, {.reasons = 1}));
    CHECK_THROWS_AS(any.add_items({"NEW-5"}, tokens(1, 2)), ArgumentError);

    // In a hybrid the tower gets its rows, and the others know nothing of the new items.
    const ItemIndex towers{shared, tokens(1, n), {.first_item = 1}};
    AnyRecommender hybrid = Recommender{WeightedHybrid{towers, Markov{train()}}, some_data()}.any();
    save(hybrid, directory.path() / "hybrid");
    hybrid = load_recommender<ItemIndex<Towers>>(directory.path() / "hybrid");
    hybrid.add_items({"NEW-1"}, tokens(n + 1, 1));
    CHECK(hybrid.recommend(query, n + 1).size() == n + 1);
    CHECK(hybrid.scorer().knows(n + 1));

    // With a model that knows items by attributes each gets its own.
    using Both = WeightedHybrid<SequenceIndex<Model>, ItemIndex<Towers>>;
    const auto next = std::make_shared<const Model>(sequence_model());
    AnyRecommender both =
        Recommender{Both{SequenceIndex(next), ItemIndex{shared, tokens(1, n), {.first_item = 1}}}, some_data()}.any();
    SequenceIndex grown(next);
    grown.add_items(1, {{2}});
    both.add_items({"NEW-1"}, std::vector<std::vector<std::int32_t>>{{2}}, Tensor<float, 2>(), tokens(n + 1, 1));
    const Both by_hand{grown, ItemIndex{shared, tokens(1, n + 1), {.first_item = 1}}};
    const auto ranked = recommend(by_hand, {0, history, 0}, n + 1);
    const auto by_key = both.recommend(query, n + 1);
    for (std::size_t i = 0; i < ranked.size(); ++i) CHECK(by_key[i].score == ranked[i].score);
}

TEST_CASE("A bundle keeps its tokenizer, and new items are ranked by their words", "[recommender]") {
    const Dataset data = some_data();
    const ItemTokenizer tokenizer(data.items, train(), {.length = 5, .min_count = 1, .ids = true});
    TwoTower model{Sequential{Embedding{n + 1, 3}, Flatten{}},
                   Sequential{Embedding{tokenizer.vocabulary().size() + 1, 3}, Flatten{}, Dense{3}}, Dot{}};
    model.build({{1}, {5}}, Seed{4});
    using Towers = decltype(model);
    const auto shared = std::make_shared<const Towers>(std::move(model));
    const auto rows_of = [&](const Catalogue& items) {
        Tensor<std::int32_t, 2> rows(items.size(), 5);
        for (std::int32_t i = 1; i <= items.size(); ++i)
            tokenizer.encode(items[i], i <= n ? i : 0, {&rows(i - 1, 0), 5});
        return rows;
    };
    Recommender shop{ItemIndex{shared, rows_of(data.items), {.first_item = 1}}, data};
    Catalogue fresh, all = data.items;
    for (const Item& item : {Item{"thing 3 of another kind", 1991, {"odd"}}, Item{"thing", 1992, {"even", "all"}}}) {
        fresh.add(item);
        all.add(item);
    }
    CHECK(message_of<ArgumentError>([&] {
              add_items(shop, {"NEW-1", "NEW-2"}, fresh);
          }) == "add_items: expected a recommender with the tokenizer that its item tower was trained with");
    shop.tokenizer = tokenizer;
    CHECK(message_of<DataError>([&] { add_items(shop, {"NEW-1"}, fresh); }) ==
          "add_items: expected a key for each of 2 items, received 1");

    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "shop";
    save(shop, path);
    AnyRecommender any = load_recommender<ItemIndex<Towers>>(path);
    REQUIRE(any.tokenizer);
    CHECK(any.tokenizer->options().length == 5);
    CHECK(any.tokenizer->options().ids);
    CHECK(any.tokenizer->vocabulary().size() == tokenizer.vocabulary().size());
    CHECK(shop.any().tokenizer);
    add_items(any, {"NEW-1", "NEW-2"}, fresh);
    add_items(shop, {"NEW-1", "NEW-2"}, fresh);
    const KeyQuery query{.history = {"SKU-3", "SKU-9"}};
    const std::vector<std::int32_t> history{3, 9};
    const auto expected = recommend(ItemIndex{shared, rows_of(all), {.first_item = 1}}, {0, history, 0}, n + 2);
    const auto hits = any.recommend(query, n + 2);
    REQUIRE(hits.size() == expected.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
        CHECK(hits[i].score == expected[i].score);
        CHECK(hits[i].key == any.items().key(expected[i].item));
    }
    check_same(hits, shop.recommend(query, n + 2));
    // The user tower has no vector for them: their events are passed over, also after they were saved.
    check_same(any.recommend({.history = {"SKU-3", "NEW-1", "SKU-9", "NEW-2"}}, n + 2), hits);
    any.add_events({{"u1", "NEW-1"}, {"u1", "NEW-2"}, {"fresh", "NEW-1"}});
    CHECK(any.recommend({.user = "fresh"}, n + 2).size() == n + 2);
    save(any, path);
    const AnyRecommender grown = load_recommender<ItemIndex<Towers>>(path);
    check_same(grown.recommend(query, n + 2), hits);
    check_same(grown.recommend({.user = "u1"}, n + 2), any.recommend({.user = "u1"}, n + 2));
    CHECK(!load_recommender<ItemIndex<Towers>>([&] {
               shop.tokenizer.reset();
               save(shop, path);
               return path;
           }())
               .tokenizer);
}
