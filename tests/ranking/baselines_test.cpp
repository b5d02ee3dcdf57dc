#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <deeprec/data/splits.hpp>
#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/window_rules.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
Sequences sequences(const std::vector<Ids>& users, int items) {
    Interactions x;
    for (int item = 1; item <= items; ++item) x.items.add(std::to_string(item));
    for (std::size_t user = 0; user < users.size(); ++user) {
        x.users.add(std::to_string(user));
        for (const std::int32_t item : users[user]) x.add(static_cast<std::int32_t>(user) + 1, item);
    }
    return Sequences{x};
}
template <class Scorer>
std::vector<float> scores_after(const Scorer& scorer, const Ids& history, std::size_t items, std::int32_t user = 1) {
    std::vector<float> scores(items + 1);
    scorer(Query{user, history, 1}, scores);
    return scores;
}
}  // namespace

TEST_CASE("ItemKnn: cosine of the users of two items, by age", "[ranking]") {
    const Sequences train = sequences({{1, 2, 1, 3}, {2, 1}, {3}, {1}}, 4);
    const auto all = scores_after(ItemKnn{train}, {2, 3}, 4);
    CHECK(all[1] == Approx(2 / std::sqrt(3.0 * 2) + 1 / std::sqrt(3.0 * 2)));
    CHECK(all[2] == Approx(1 / std::sqrt(2.0 * 2)));
    CHECK(all[3] == Approx(1 / std::sqrt(2.0 * 2)));
    CHECK(all[4] == 0);
    const auto aged = scores_after(ItemKnn{train, {.age_weight = 0.5}}, {2, 3}, 4);
    CHECK(aged[1] == Approx(0.5 * 2 / std::sqrt(6.0) + 1 / std::sqrt(6.0)));
    const auto last = scores_after(ItemKnn{train, {.age_weight = 1, .last = 1}}, {2, 3}, 4);
    CHECK(last[1] == Approx(1 / std::sqrt(6.0)));
    CHECK(last[3] == 0);
}

TEST_CASE("WindowRules: 1 / distance within the window, as a share of the places, by age", "[ranking]") {
    const Sequences train = sequences({{1, 2, 3, 4}, {1, 3}}, 4);
    const auto scores = scores_after(WindowRules{train, 2}, {2, 1}, 4);
    CHECK(scores[2] == Approx(0.5));                      // after 1, one of two places
    CHECK(scores[3] == Approx((0.5 + 1) / 2 + 0.8 * 1));  // after 1 in both, after 2 in the one place
    CHECK(scores[4] == Approx(0.8 * 0.5));                // two steps after 2; three after 1 is too far
    CHECK(scores[1] == 0);
}

TEST_CASE("BprMf learns who takes what", "[ranking]") {
    std::vector<Ids> users;  // even users take even items
    for (int user = 0; user < 40; ++user) {
        users.emplace_back();
        for (int k = 0; k < 8; ++k) users.back().push_back(1 + (user % 2 + 2 * ((user / 2 * 3 + k * 7) % 15)));
    }
    const BprMf bpr{sequences(users, 30), {.width = 8, .epochs = 40}};
    for (const std::int32_t user : {1, 2, 3, 4}) {
        const auto scores = scores_after(bpr, {}, 30, user);
        double own = 0, other = 0;
        for (std::size_t item = 1; item <= 30; ++item)
            ((item + static_cast<std::size_t>(user)) % 2 == 0 ? own : other) += static_cast<double>(scores[item]);
        CHECK(own / 15 > other / 15 + 2);
    }
    const BprMf again{sequences(users, 30), {.width = 8, .epochs = 40}},
        seeded{sequences(users, 30), {.width = 8, .epochs = 40, .seed = Seed{2}}};
    CHECK(scores_after(again, {}, 30) == scores_after(bpr, {}, 30));
    CHECK(scores_after(seeded, {}, 30) != scores_after(bpr, {}, 30));
}

TEST_CASE("Baselines say what they refuse", "[ranking]") {
    const Sequences train = sequences({{1, 2, 3}}, 3);
    CHECK(message_of<ArgumentError>([&] { ItemKnn(train, {.age_weight = 0}); }) ==
          "ItemKnn: expected age_weight in (0, 1] and a positive last, received 0 and 9223372036854775807");
    CHECK(message_of<ArgumentError>([&] { WindowRules(train, 0); }) ==
          "WindowRules: expected a positive window, received 0");
    for (const std::int32_t unknown : {4, 0})
        CHECK(message_of<DataError>([&] { scores_after(ItemKnn{train}, {unknown}, 3); }) ==
              message("ItemKnn: expected a history of items 1 to 3, received ", unknown));
    CHECK(message_of<DataError>([&] { scores_after(WindowRules{train}, {1}, 4); }) ==
          "WindowRules: expected 4 scores, of items 0 to 3, received 5");
    CHECK(message_of<DataError>([&] { WindowRules{train}({}, {}); }) ==
          "WindowRules: expected 4 scores, of items 0 to 3, received 0");
    CHECK_THROWS_AS(BprMf(train, {.learning_rate = std::numeric_limits<double>::infinity()}), ArgumentError);
    const std::string diverged = message_of<NumericError>([] {
        BprMf(sequences({{1, 2}, {3}}, 4), {.learning_rate = 1e30});
    });
    INFO(diverged);
    CHECK(diverged.find("BprMf: what was learnt of user ") == 0);
    CHECK(diverged.find("expected less than a learning_rate of 1e+30") != std::string::npos);
    CHECK(message_of<ArgumentError>([&] { BprMf(train, {.width = 0}); }) ==
          "BprMf: expected a positive width and learning_rate, epochs and regularization of at least 0, received 0, "
          "0.05, "
          "60 and 0.01");
    CHECK(message_of<DataError>([&] {
              scores_after(BprMf{train, {.epochs = 1}}, {}, 3, 2);
          }) == "BprMf: expected a user from 1 to 1, received 2");
    CHECK(message_of<DataError>([&] {
              BprMf{train, {.epochs = 1}}({1, {}, 1}, {});
          }) == "BprMf: expected 4 scores, of items 0 to 3, received 0");
}

TEST_CASE("Baselines answer for items of theirs alone", "[ranking]") {
    const Sequences train = sequences({{1, 2, 3}}, 3);
    const auto check = [&](const char* name, auto scorer) {
        for (const std::int32_t unknown : {-1, 0, 4})
            CHECK(message_of<DataError>([&] { scorer.knows(unknown); }) ==
                  message(name, ": expected an item from 1 to 3, received ", unknown));
        CHECK(scorer.knows(3));
        for (const Index count : {Index{-1}, Index{1} << 31})
            CHECK(message_of<ArgumentError>([&] { scorer.add_items(count); }) ==
                  message(name,
                          ": expected 0 or more new items, no more than 2^31 - 2 with the 3 that there are, received ",
                          count));
        scorer.add_items(1);
        CHECK(!scorer.knows(4));
    };
    check("Popularity", Popularity{train});
    check("Markov", Markov{train});
    check("ItemKnn", ItemKnn{train});
    check("BprMf", BprMf{train, {.epochs = 1}});
}

TEST_CASE("A held-out event changes no baseline: a planted leak is caught", "[ranking]") {
    // Everybody's test target is item 9, which training never shows. What sees the train part alone ranks it behind
    // every item that it knows; the same model given all events, which is the leak, ranks it first for everybody.
    std::vector<Ids> users;
    for (int user = 0; user < 30; ++user)
        users.push_back({1 + user % 4, 1 + (user + 1) % 4, 5 + user % 3, 1 + (user + 2) % 4, 9});
    const LeaveOneOut split{sequences(users, 9)};
    const auto test = split.test_queries();
    const auto hr = [&](const auto& scorer) { return evaluate_ranking(scorer, test, 9, {.k = 3}).hr; };
    const Sequences leak = sequences(users, 9);
    const auto caught = [&](const auto& make) {
        CHECK(hr(make(split.train())) == 0);
        CHECK(hr(make(leak)) > 0.9);
        CHECK_THROWS_AS(make(split.all()), DataError);
    };
    caught([](const Sequences& events) { return Popularity{events}; });
    caught([](const Sequences& events) { return Markov{events}; });
    caught([](const Sequences& events) { return ItemKnn{events}; });
    caught([](const Sequences& events) { return WindowRules{events}; });
    caught([](const Sequences& events) { return BprMf{events, {.width = 4}}; });
}
