#include <deeprec/ranking/recommend.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/ranking/weighted_hybrid.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
/// Scores item i by (i * 37) % 101: no two alike below 101 items.
struct Fixed {
    std::int32_t n = 60, bad = 0;
    std::int32_t items() const { return n; }
    static float score(std::int32_t item) { return static_cast<float>((item * 37) % 101); }
    void operator()(const Query&, std::span<float> scores) const {
        for (std::int32_t i = 1; i <= n; ++i) scores[static_cast<std::size_t>(i)] = score(i);
        if (bad > 0) scores[static_cast<std::size_t>(bad)] = std::numeric_limits<float>::quiet_NaN();
    }
};
/// The k best of those that pass, by sorting.
template <class Pass>
Ids sorted_best(std::int32_t n, std::size_t k, Pass&& pass) {
    Ids all;
    for (std::int32_t i = 1; i <= n; ++i)
        if (pass(i)) all.push_back(i);
    std::sort(all.begin(), all.end(), [](auto a, auto b) { return Fixed::score(a) > Fixed::score(b); });
    all.resize(std::min(k, all.size()));
    return all;
}
template <class T>
Ids items_of(const std::vector<Hit<T>>& hits) {
    Ids items;
    for (const auto& hit : hits) items.push_back(hit.item);
    return items;
}
auto sequence_model(Index items) {
    SequenceRecommender model{items, Sequential{LSTM{8, return_sequences}}, {.width = 8}};
    model.build(6, Seed{5});
    return model;
}
Sequences some_sequences() {
    Interactions events;
    for (int i = 1; i <= 40; ++i) events.items.add("i" + std::to_string(i));
    for (int u = 1; u <= 30; ++u) {
        const auto user = events.users.add("u" + std::to_string(u));
        for (int t = 0; t < 6; ++t) events.add(user, 1 + (u * 7 + t * t * 3) % 38);  // items 39 and 40 never occur
    }
    return Sequences(events);
}
}  // namespace

TEST_CASE("What may be recommended is said in one way, and k items come back", "[recommend]") {
    const Fixed scorer;
    const Ids history{37, 30, 37}, seen{1, 2, 2, 900, -4};
    const Query query{1, history, 0};
    CHECK(items_of(recommend(scorer, query, 5)) == sorted_best(60, 5, [](auto) { return true; }));
    const auto free_of_both = [&](std::int32_t i) { return i != 37 && i != 30 && i > 2; };
    CHECK(items_of(recommend(scorer, query, 57, {.exclude_history = true, .exclude = seen})) ==
          sorted_best(60, 57, free_of_both));
    const auto odd = ItemSet::where(60, [](std::int32_t i) { return i % 2 == 1; });
    const auto all = [&](std::int32_t i) { return i % 2 == 1 && i < 50 && free_of_both(i); };
    const auto hits = recommend(
        scorer, query, 60,
        {.exclude_history = true, .exclude = seen, .allow = [](std::int32_t i) { return i < 50; }, .eligible = odd});
    CHECK(items_of(hits) == sorted_best(60, 60, all));
    CHECK(hits.size() == 23);  // 25 odd ones below 50 without 1 and 37
    CHECK(hits[0].score == Fixed::score(hits[0].item));
    CHECK(recommend(scorer, query, 3, {.eligible = ItemSet(60, {})}).empty());
    CHECK(recommend(scorer, query, 0).empty());
    CHECK(recommend(scorer, Query{}, 2, {.exclude_history = true}).size() == 2);
}

TEST_CASE("Wrong requests are refused by name", "[recommend]") {
    CHECK(message_of<ArgumentError>([] { recommend(Fixed{}, {}, -1); }) == "TopK: expected k >= 0, received -1");
    CHECK(message_of<DataError>([] { recommend(Fixed{}, {}, 1, {.eligible = ItemSet(3, {})}); }) ==
          "recommend: expected a set of eligible items of the 60 items, received one of 3");
    CHECK(message_of<NumericError>([] { recommend(Fixed{60, 7}, {}, 1); }) == "recommend: the score of item 7 is NaN");
    const Ids bad{7};
    CHECK(recommend(Fixed{60, 7}, {}, 60, {.exclude = bad}).size() == 59);
    CHECK(message_of<ArgumentError>([] { recommend(Fixed{}, {}, 1, {.diversity = Mmr{}}); }) ==
          "recommend: this scorer knows no similarity of items; give one in Mmr::similarity");
    CHECK(message_of<DataError>([] { similar_items(Markov(some_sequences()), 41, 3); }) ==
          "similar_items: expected an item from 1 to 40, received 41");
}

TEST_CASE("An index scores the same with eligible items as without", "[recommend]") {
    const Ids history{3, 9, 4};
    const Query query{1, history, 0};
    ThreadPool pool(2);
    const auto check = [&](const auto& index, std::int32_t n) {
        const auto ranked = recommend(index, query, n);
        REQUIRE(static_cast<std::int32_t>(ranked.size()) == n);
        for (const int every : {1, 2, 50, 400, 100000}) {
            const auto some = ItemSet::where(n, [&](std::int32_t i) { return i % every == every - 1 || i == n; });
            auto expected = ranked;
            std::erase_if(expected, [&](const auto& hit) { return !some.contains(hit.item); });
            CHECK(recommend(index, query, n, {.eligible = some}) == expected);
            CHECK(recommend(index, query, n, {.eligible = some, .pool = &pool}) == expected);
        }
    };
    for (const Index n : {1, 31, 32, 33, 64, 4500}) {
        const auto model = sequence_model(n < 9 ? 9 : n);
        check(SequenceIndex{model}, static_cast<std::int32_t>(model.items()));
    }
    Tensor<std::int32_t, 2> items(700, 1);
    std::iota(items.data(), items.data() + 700, 1);
    const auto towers = [](auto head) {
        TwoTower model{Sequential{Embedding{701, 6}, Flatten{}}, Sequential{Embedding{701, 6}, Flatten{}}, head};
        model.build({{1}, {1}}, Seed{4});
        return model;
    };
    const auto dot = towers(Dot{});
    check(ItemIndex{dot, items, {.first_item = 1}}, 700);
    const auto joined = towers(Sequential{Dense{9, relu}, Dense{1, sigmoid}});
    check(ItemIndex{joined, items, {.first_item = 1}}, 700);
    const ItemIndex index{joined, items, {.first_item = 1}};
    CHECK(message_of<ArgumentError>([&] {
              index.recommend(Tensor<std::int32_t, 2>(1, 3), 2, {.exclude_history = true});
          }).starts_with("ItemIndex: expected the items to exclude in `exclude`"));
}

TEST_CASE("An index can keep its model alive", "[recommend]") {
    const auto make = [] {
        return SequenceIndex(std::make_shared<const decltype(sequence_model(9))>(sequence_model(9)));
    };
    const auto model = sequence_model(9);
    const Ids history{2, 5};
    CHECK(recommend(make(), {0, history, 0}, 9) == recommend(SequenceIndex{model}, {0, history, 0}, 9));
}

TEST_CASE("Similar items are those of the scorer's own similarity", "[recommend]") {
    const Sequences train = some_sequences();
    const ItemKnn knn{train};
    const auto hits = similar_items(knn, 5, 4);
    REQUIRE(hits.size() == 4);
    const Ids history{5};
    std::vector<float> scores(41);
    knn(Query{0, history, 0}, scores);
    CHECK(std::is_sorted(hits.begin(), hits.end(), [](auto& a, auto& b) { return a.score > b.score; }));
    for (const auto& hit : hits) {
        CHECK(hit.item != 5);
        CHECK(hit.score == scores[static_cast<std::size_t>(hit.item)]);
    }
    CHECK(hits == recommend(knn, {0, history, 0}, 4, {.exclude_history = true}));
    const Markov markov{train};
    double sum = 0;
    for (std::int32_t i = 1; i <= 40; ++i) sum += markov.similarity(5, i);
    CHECK(sum == Approx(1));
    const auto model = sequence_model(40);
    const WeightedHybrid hybrid{SequenceIndex{model}, ItemKnn{train}, Popularity{train}};
    const SequenceIndex index{model};
    CHECK(hybrid.similarity(5, 6) == Approx((index.similarity(5, 6) + knn.similarity(5, 6)) / 2));
    CHECK(index.similarity(5, 5) == Approx(1));
    CHECK(similar_items(hybrid, 5, 40).size() == 39);
}

TEST_CASE("Many queries give the lists of each, in order, for any number of threads", "[recommend][threads]") {
    const auto model = sequence_model(40);
    const Sequences train = some_sequences();
    std::vector<Query> queries;
    for (int round = 0; round < 8; ++round)
        for (std::int32_t user = 1; user <= 30; ++user)
            queries.push_back({user, train[user].first(static_cast<std::size_t>(round % 6)), 0});
    const WeightedHybrid scorer{SequenceIndex{model}, ItemKnn{train}};
    for (const bool some : {false, true}) {
        RecommendOptions options{.exclude_history = true};
        if (some) options.eligible = ItemSet::where(40, [](std::int32_t i) { return i % 3 == 0; });
        std::vector<std::vector<Hit<float>>> first;
        for (const int threads : {1, 3}) {
            ThreadPool pool(threads);
            options.pool = &pool;
            std::vector<std::vector<Hit<float>>> lists;
            recommend_all(scorer, queries, 5, options, [&](std::size_t number, const std::vector<Hit<float>>& hits) {
                REQUIRE(number == lists.size());
                lists.push_back(hits);
            });
            REQUIRE(lists.size() == queries.size());
            if (first.empty()) first = lists;
            CHECK(lists == first);
        }
        options.pool = nullptr;
        for (const std::size_t q : {0u, 17u, 239u})
            CHECK(items_of(recommend(scorer, queries[q], 5, options)) == items_of(first[q]));
    }
    ThreadPool pool(2);
    CHECK(message_of<NumericError>([&] {
              recommend_all(Fixed{60, 7}, queries, 5, {.pool = &pool}, [](auto, auto&) {});
          }) == "recommend: the score of item 7 is NaN");
}
