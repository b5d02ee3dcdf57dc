#include <deeprec/ranking/item_index.hpp>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include <deeprec/core/initializers.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/branches.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/ranks.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {

constexpr Index n_items = 300;  // more than two blocks of the scan

Tensor<float, 2> features(Index rows, Index width, std::uint64_t seed) {
    Tensor<float, 2> x(rows, width);
    fill_uniform(x, 2, Seed{seed});
    return x;
}
/// Towers over [5] and [4] features, under any head.
template <class Head>
auto model_with(Head head) {
    TwoTower model{Sequential{Dense{7, tanh}}, Sequential{Dense{7, tanh}}, std::move(head)};
    model.build({{5}, {4}}, Seed{3});
    std::uint64_t use = 0;  // biases are not zero either
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 0.7, Seed{++use}); });
    return model;
}
/// What the model says to one user and every item.
template <class Model>
std::vector<float> all_scores(const Model& model, const Tensor<float, 2>& user, const Tensor<float, 2>& items) {
    Tensor<float, 2> users(items.dimension(0), user.dimension(1));
    for (Index i = 0; i < users.dimension(0); ++i) std::copy_n(user.data(), user.size(), &users(i, 0));
    typename Model::Cache cache;
    const auto y = model.forward(users, items, cache);
    return {y.data(), y.data() + y.size()};
}
template <class Model>
void check_scores(const Model& model) {
    const auto items = features(n_items, 4, 11);
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};
    CHECK(index.size() == n_items);
    for (std::uint64_t u = 0; u < 3; ++u) {
        const auto user = features(1, 5, 20 + u);
        const auto scores = all_scores(model, user, items);
        const auto hits = index.recommend(user, n_items);
        REQUIRE(static_cast<Index>(hits.size()) == n_items);
        std::vector<bool> seen(n_items, false);
        for (std::size_t i = 0; i < hits.size(); ++i) {
            const auto item = static_cast<std::size_t>(hits[i].item - 1);
            REQUIRE(item < scores.size());
            REQUIRE(!seen[item]);
            seen[item] = true;
            REQUIRE(hits[i].score == Approx(scores[item]).epsilon(1e-5).margin(1e-6));
            if (i > 0) REQUIRE(hits[i - 1].score >= hits[i].score);
        }
        const auto ten = index.recommend(user, 10);
        CHECK(ten == std::vector<Hit<float>>(hits.begin(), hits.begin() + 10));
    }
}

}  // namespace

TEST_CASE("An index scores as the model does, whatever its head", "[ranking]") {
    check_scores(model_with(Sequential{Dense{9, relu}, Dense{1, sigmoid}}));
    check_scores(model_with(Sequential{Dense{1, sigmoid}}));
    check_scores(model_with(Sequential{Dense{1}}));
    check_scores(model_with(Sequential{Dense{33, relu}, Dense{6, tanh}, Dense{1}}));
    check_scores(model_with(Dot{}));
    check_scores(model_with(Dot{.normalize = true}));
    check_scores(model_with(Cosine{.temperature = 0.05f}));
    check_scores(model_with(Sequential{Dot{}, Dense{1, sigmoid}}));
}

TEST_CASE("A tower may hand its input on", "[ranking]") {
    TwoTower model{Sequential{Flatten{}}, Sequential{Flatten{}}, Dot{}};
    model.build({{4, 1}, {4, 1}}, Seed{3});
    Tensor<float, 3> items(6, 4, 1), user(1, 4, 1);
    fill_uniform(items, 2, Seed{1});
    user.setZero();
    user(0, 2, 0) = 1;
    const auto hits = ItemIndex{model, items}.recommend(user, 6);
    for (const auto& hit : hits) CHECK(hit.score == items(hit.item, 2, 0));
    CHECK(hits.size() == 6);
}

TEST_CASE("k items come back whenever k may be recommended", "[ranking]") {
    const auto model = model_with(Sequential{Dense{9, relu}, Dense{1, sigmoid}});
    const auto items = features(n_items, 4, 11);
    const auto user = features(1, 5, 20);
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};
    const auto all = index.recommend(user, n_items);
    Ids best_first;
    for (const auto& hit : all) best_first.push_back(hit.item);

    const Ids seen(best_first.begin(), best_first.begin() + 290);  // the best 290: only ten are left
    const auto rest = index.recommend(user, 10, {.exclude = seen});
    CHECK(rest == std::vector<Hit<float>>(all.begin() + 290, all.end()));
    CHECK(index.recommend(user, 50, {.exclude = seen}).size() == 10);

    const auto even = [](std::int32_t item) { return item % 2 == 0; };
    const auto allowed = index.recommend(user, 150, {.allow = even});
    REQUIRE(allowed.size() == 150);
    std::size_t at = 0;
    for (const auto& hit : all)
        if (even(hit.item)) CHECK(allowed[at++] == hit);
    const auto both = index.recommend(user, 300, {.exclude = seen, .allow = even});
    CHECK(static_cast<std::ptrdiff_t>(both.size()) == std::count_if(best_first.begin() + 290, best_first.end(), even));

    const Ids strangers{0, -5, n_items + 1, std::numeric_limits<std::int32_t>::max(),
                        std::numeric_limits<std::int32_t>::min()};
    CHECK(index.recommend(user, n_items, {.exclude = strangers}) == all);
    CHECK(index.recommend(user, 0).empty());
    CHECK(index.recommend(user, std::numeric_limits<Index>::max()) == all);
}

TEST_CASE("Items are numbered from first_item", "[ranking]") {
    const auto model = model_with(Dot{});
    const auto items = features(20, 4, 11);
    const auto user = features(1, 5, 20);
    const auto from_0 = ItemIndex{model, items}.recommend(user, 20),
               from_7 = ItemIndex{model, items, {.first_item = 7}}.recommend(user, 20);
    for (std::size_t i = 0; i < 20; ++i) CHECK(from_7[i] == Hit<float>{from_0[i].item + 7, from_0[i].score});
    const Ids gone{from_7[0].item};
    CHECK(ItemIndex(model, items, {.first_item = 7}).recommend(user, 1, {.exclude = gone})[0] == from_7[1]);
}

TEST_CASE("Saturated probabilities keep the order of their logits, equal ones that of the items", "[ranking]") {
    auto model = model_with(Sequential{Dense{1, sigmoid}});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "head.0.bias") p.setConstant(60);  // sigmoid is 1 in float
    });
    const auto items = features(n_items, 4, 11);
    const auto user = features(1, 5, 20);
    const ItemIndex index{model, items};
    const auto hits = index.recommend(user, n_items);
    ItemIndex<decltype(model)>::Cache cache;
    const float* logits = index.score(user, cache);
    for (std::size_t i = 1; i < hits.size(); ++i) {
        CHECK(hits[i].score == 1);
        const float before = logits[hits[i - 1].item], after = logits[hits[i].item];
        CHECK((before > after || (before == after && hits[i - 1].item < hits[i].item)));
    }
    Tensor<float, 2> same(40, 4);
    same.setConstant(0.5f);
    const auto ties = ItemIndex{model, same}.recommend(user, 5);
    for (std::int32_t i = 0; i < 5; ++i) CHECK(ties[static_cast<std::size_t>(i)].item == i);
}

TEST_CASE("Threads may ask one index", "[ranking][threads]") {
    const auto model = model_with(Sequential{Dense{9, relu}, Dense{1, sigmoid}});
    const auto items = features(n_items, 4, 11);
    const ItemIndex index{model, items, {.threads = 3}};
    std::vector<std::vector<Hit<float>>> expected(8), results(8);
    for (std::size_t u = 0; u < 8; ++u)
        expected[u] = ItemIndex{model, items, {.threads = 1}}.recommend(features(1, 5, u), 20);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            ItemIndex<std::decay_t<decltype(model)>>::Cache cache;
            for (std::size_t u = t; u < 8; u += 4) results[u] = index.recommend(features(1, 5, u), 20, {}, cache);
        });
    for (auto& thread : threads) thread.join();
    CHECK(results == expected);
}

namespace {
/// The same scores and hits, bit for bit, from pools of one, two and three threads as from none.
template <class Model>
void check_pools(const Model& model, Index count) {
    const auto items = features(count, 4, 11);
    const auto user = features(1, 5, 20);
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};
    const Ids seen{1, 2, 3, 150};
    const auto even = [](std::int32_t item) { return item % 2 == 0; };
    const auto all = index.recommend(user, count), some = index.recommend(user, 20, {.exclude = seen, .allow = even});
    REQUIRE(static_cast<Index>(all.size()) == count);
    typename decltype(index)::Cache cache;  // one for all pools, whatever they left in it
    for (const int threads : {3, 1, 2}) {
        ThreadPool pool(threads);
        CAPTURE(count, threads);
        CHECK(index.recommend(user, count, {.pool = &pool}, cache) == all);
        CHECK(index.recommend(user, 20, {.exclude = seen, .allow = even, .pool = &pool}, cache) == some);
    }
}
}  // namespace

TEST_CASE("A request has the same bits on any number of threads", "[ranking][threads]") {
    const auto deep = model_with(Sequential{Dense{33, relu}, Dense{6, tanh}, Dense{1}});
    for (const Index count : {1, 127, 128, 129, 1000, 5003}) check_pools(deep, count);
    check_pools(model_with(Sequential{Dense{1, sigmoid}}), 1000);
    check_pools(model_with(Dot{.normalize = true}), 1000);
    check_pools(model_with(Sequential{Dot{}, Dense{1, sigmoid}}), 1000);
}

TEST_CASE("A request's pool is the user tower's too", "[ranking][threads]") {
    TwoTower model{Sequential{LSTM{128}}, Sequential{Dense{7, tanh}}, Sequential{Dense{1, sigmoid}}};
    model.build({{6, 5}, {4}}, Seed{3});
    const auto items = features(200, 4, 11);
    Tensor<float, 3> user(1, 6, 5);
    fill_uniform(user, 2, Seed{20});
    const ItemIndex index{model, items, {.threads = 1}};
    decltype(index)::Cache cache;
    const auto alone = index.recommend(user, 20, {}, cache);
    REQUIRE(alone.size() == 20);
    for (const int threads : {2, 3, 1}) {
        ThreadPool pool(threads);
        for (int request = 0; request < 5; ++request) CHECK(index.recommend(user, 20, {.pool = &pool}, cache) == alone);
    }
}

TEST_CASE("allow is asked by the calling thread, about items that would be recommended", "[ranking][threads]") {
    const auto model = model_with(Dot{});
    const auto items = features(3000, 4, 11);
    const ItemIndex index{model, items};
    ThreadPool pool(2);
    int asked = 0;
    const auto count = [&, caller = std::this_thread::get_id()](std::int32_t) {
        CHECK(std::this_thread::get_id() == caller);
        return ++asked > 0;
    };
    CHECK(index.recommend(features(1, 5, 20), 10, {.allow = count, .pool = &pool}).size() == 10);
    CHECK((asked >= 10 && asked < 300));
}

TEST_CASE("A request with a used cache allocates its result only", "[ranking][threads]") {
    const auto model = model_with(Sequential{Dense{9, relu}, Dense{1, sigmoid}});
    const auto items = features(n_items, 4, 11);
    const auto user = features(1, 5, 20);
    const ItemIndex index{model, items};
    ItemIndex<std::decay_t<decltype(model)>>::Cache cache;
    ThreadPool two(2);
    for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two}) {
        const RecommendOptions options{.pool = pool};
        index.recommend(user, 10, options, cache);
        CHECK(support::allocations_in([&] { index.recommend(user, 10, options, cache); }) == 1);
    }
}

TEST_CASE("Ranks that share an index find what one does, to the bit, filters and diversity included",
          "[ranking][threads]") {
    const auto check = [](const auto& model, std::initializer_list<ItemStorage> storages) {
        const auto items = features(n_items, 4, 11);
        const ItemSet few(n_items, std::vector<std::int32_t>{5, 9, 100, 299, 300});
        const std::vector<std::int32_t> seen{1, 40, 299, 300};
        const std::function<bool(std::int32_t)> third = [](std::int32_t item) { return item % 3 == 0; };
        ThreadPool pool(2);
        const auto lists = [&](const auto& index, ThreadPool* threads) {
            std::vector<std::vector<Hit<float>>> made;
            for (std::uint64_t u = 0; u < 2; ++u)
                for (const RecommendOptions& options : std::vector<RecommendOptions>{
                         {.exclude = seen, .pool = threads},
                         {.eligible = few},
                         {.allow = third, .pool = threads},
                         {.diversity = Mmr{.strength = 0.5, .candidates = 60}},
                     })
                    made.push_back(index.recommend(features(1, 5, 20 + u), 20, options));
            typename std::decay_t<decltype(index)>::Cache cache;
            const float* const scores = index.score(features(1, 5, 20), cache);
            made.emplace_back();
            for (std::int32_t i = 0; i < n_items; ++i) made.back().push_back({i, scores[i]});
            return made;
        };
        const auto one = lists(ItemIndex{model, items, {.first_item = 1, .threads = 1}}, nullptr);
        for (const ItemStorage storage : storages)
            for (const int ranks : {1, 2, 3, 8}) {
                std::vector<std::vector<std::vector<Hit<float>>>> made(static_cast<std::size_t>(ranks));
                const auto errors = support::on_ranks(ranks, [&](int rank, AnyWorld world) {
                    ItemIndex index{model, items, {.first_item = 1, .threads = 1, .storage = storage, .world = world}};
                    made[static_cast<std::size_t>(rank)] = lists(index, rank == 0 && ranks > 1 ? &pool : nullptr);
                });
                CHECK(errors == std::vector<std::string>(static_cast<std::size_t>(ranks)));
                for (const auto& own : made) CHECK(own == one);
            }
    };
    check(model_with(Cosine{.temperature = 0.1f}), {ItemStorage::float32, int8});
    check(model_with(Sequential{Dense{6, relu}, Dense{1, sigmoid}}), {ItemStorage::float32});
}

TEST_CASE("Ranks that share an index refuse other requests", "[ranking][threads]") {
    const auto model = model_with(Dot{});
    const auto items = features(n_items, 4, 11);
    const auto errors = support::on_ranks(2, [&](int rank, AnyWorld world) {
        const ItemIndex index{model, items, {.threads = 1, .world = world}};
        index.recommend(features(1, 5, 20), rank == 1 ? 4 : 3);
    });
    const std::string begin = "merge_top_k: the ranks of a world answer one request, but rank 1 was asked for 4 items";
    CHECK(errors[0].starts_with(begin));
    CHECK(errors[1].starts_with(begin));
}

TEST_CASE("An index names what it cannot use", "[ranking]") {
    const auto model = model_with(Dot{});
    const auto items = features(20, 4, 11);
    const ItemIndex index{model, items};
    CHECK(message_of<ShapeError>([&] { index.recommend(features(2, 5, 1), 10); }) ==
          "ItemIndex: expected one user, received 2");
    CHECK_THROWS_AS(index.recommend(features(1, 6, 1), 10), ShapeError);
    CHECK(message_of<ArgumentError>([&] { index.recommend(features(1, 5, 1), -3); }) ==
          "TopK: expected k >= 0, received -3");
    CHECK_THROWS_AS(ItemIndex(model, features(20, 3, 1)), ShapeError);
    const auto refused_from = [&](std::int32_t first) {
        return message_of<ArgumentError>([&] { ItemIndex(model, items, {.first_item = first}); });
    };
    const std::int32_t last = std::numeric_limits<std::int32_t>::max();
    CHECK(refused_from(-1) ==
          "ItemIndex: expected item numbers from 0 to 2147483647, received 20 items from first_item -1");
    CHECK(refused_from(last - 18) ==
          "ItemIndex: expected item numbers from 0 to 2147483647, received 20 items from first_item 2147483629");
    const auto highest = ItemIndex(model, items, {.first_item = last - 19}).recommend(features(1, 5, 1), 20);
    CHECK(std::any_of(highest.begin(), highest.end(), [&](const auto& hit) { return hit.item == last; }));
    const auto two_outputs = model_with(Sequential{Dense{9, relu}, Dense{2, sigmoid}});
    CHECK(message_of<ShapeError>([&] {
              ItemIndex{two_outputs, items};
          }) == "ItemIndex: expected a head with one output, received [2]");
}

TEST_CASE("ItemIndex is a scorer for evaluate_ranking", "[ranking]") {
    TwoTower model{Sequential{Embedding{n_items + 1, 6}, Flatten{}}, Sequential{Embedding{n_items + 1, 6}, Flatten{}},
                   Sequential{Dense{5, relu}, Dense{1, sigmoid}}};
    model.build({{3}, {1}}, Seed{3});
    Tensor<std::int32_t, 2> items(n_items, 1);
    for (Index i = 0; i < n_items; ++i) items(i, 0) = static_cast<std::int32_t>(i) + 1;
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};

    const Ids history{7, 8, 9, 10};
    const Query query{1, history, 5};
    std::vector<float> scores(n_items + 1);
    index(query, scores);
    Tensor<std::int32_t, 2> last(1, 3);
    last.setValues({{8, 9, 10}});
    typename decltype(index)::Cache cache;
    const float* expected = index.score(last, cache);
    for (std::size_t i = 1; i < scores.size(); ++i) CHECK(scores[i] == expected[i - 1]);

    scores.pop_back();
    CHECK(message_of<DataError>([&] { index(query, scores); }) ==
          "ItemIndex: it has items 1 to 300, asked for scores of items 1 to 299");
}

TEST_CASE("An index names the first item that may be recommended and has no finite score", "[ranking]") {
    const auto items = features(n_items, 4, 11);
    const auto user = features(1, 5, 20);
    const float infinity = std::numeric_limits<float>::infinity();
    const auto check = [&](auto model, const std::string& broken, float value, const std::string& complaint) {
        for_each_parameter(model, [&](std::string_view name, auto& p) {
            if (name == broken) p.data()[p.size() - 1] = value;
        });
        const ItemIndex index{model, items, {.first_item = 1}};
        CHECK(message_of<NumericError>([&] { index.recommend(user, 3); }) ==
              "ItemIndex: the score of item 1 is " + complaint);
        const Ids seen{1, 2, 2, 1};
        CHECK(message_of<NumericError>([&] {
                  index.recommend(user, 3, {.exclude = seen, .allow = [](std::int32_t item) { return item != 3; }});
              }) == "ItemIndex: the score of item 4 is " + complaint);
        CHECK(index.recommend(user, 3, {.allow = [](std::int32_t) { return false; }}).empty());
    };
    const float nan = std::numeric_limits<float>::quiet_NaN();
    check(model_with(Dot{}), "user.0.kernel", nan, "NaN");
    check(model_with(Dot{}), "item.0.bias", nan, "NaN");
    check(model_with(Sequential{Dense{9, relu}, Dense{1, sigmoid}}), "user.0.bias", nan, "NaN");
    check(model_with(Sequential{Dense{1, sigmoid}}), "head.0.bias", -infinity, "infinite");
    check(model_with(Sequential{Dense{1, sigmoid}}), "head.0.bias", infinity, "infinite");

    const auto model = model_with(Dot{});
    const ItemIndex index{model, items};
    auto unknown = user;
    unknown(0, 3) = nan;
    CHECK(message_of<NumericError>([&] { index.recommend(unknown, 3); }) == "ItemIndex: the score of item 0 is NaN");
    CHECK(index.recommend(user, 3).size() == 3);
}

TEST_CASE("An index of towers that read records", "[item_index][branches]") {
    TwoTower model{Sequential{Branches{field("item", Embedding{9, 4}), field("price", Dense{3})}, LSTM{5}},
                   Branches{field("id", Embedding{n_items, 4}), field("year", Dense{1})}, Dot{}};
    model.build({{{"item", {6}}, {"price", {6, 2}}}, {{"id", {}}, {"year", {1}}}}, Seed{3});
    Tensor<std::int32_t, 2> history(2, 6);
    Tensor<float, 3> price(2, 6, 2);
    Tensor<std::int32_t, 1> id(n_items);
    for (Index i = 0; i < history.size(); ++i) history.data()[i] = static_cast<std::int32_t>(i % 9);
    for (Index i = 0; i < price.size(); ++i) price.data()[i] = static_cast<float>(i % 5) - 2;
    for (Index i = 0; i < n_items; ++i) id(i) = static_cast<std::int32_t>(i);
    const Record users{{"item", history}, {"price", price}}, items{{"id", id}, {"year", features(n_items, 1, 4)}};
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};
    const RecordView second = users.slice(1, 2);
    const auto hits = index.recommend(second, 5);
    REQUIRE(hits.size() == 5);
    decltype(model)::Cache cache;
    const auto scores = model.forward(Pair{second, view(items)}, cache);
    const float best = *std::max_element(scores.data(), scores.data() + n_items);
    CHECK(hits[0].score == Approx(best));
    CHECK(scores(hits[4].item - 1, 0) == Approx(hits[4].score));
    CHECK_THROWS_AS(index.recommend(users, 5), ShapeError);
}
