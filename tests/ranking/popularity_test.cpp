#include <deeprec/ranking/popularity.hpp>

#include <string>
#include <vector>

#include <deeprec/data/splits.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
/// Users take these items in this order; there are five items.
Sequences sequences(const std::vector<std::vector<int>>& users) {
    Interactions x;
    for (std::size_t user = 0; user < users.size(); ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= 5; ++item) x.items.add(std::to_string(item));
    for (std::size_t user = 0; user < users.size(); ++user)
        for (const int item : users[user]) x.add(static_cast<std::int32_t>(user) + 1, item);
    return Sequences{x};
}
}  // namespace

TEST_CASE("Popularity counts the training events, whoever asks", "[ranking]") {
    const Popularity popularity{sequences({{1, 2, 1}, {2, 4, 1}})};
    std::vector<float> scores(6);
    popularity({}, scores);
    CHECK(scores == std::vector<float>{0, 3, 2, 0, 1, 0});
}

TEST_CASE("Popularity does not see what is held out", "[ranking]") {
    const LeaveOneOut split{sequences({{1, 2, 3, 5}, {1, 4, 3, 5}, {4, 2}})};  // the last user has too few to be split
    std::vector<float> scores(6);
    Popularity{split.train()}({}, scores);
    CHECK(scores == std::vector<float>{0, 2, 2, 0, 2, 0});  // 3 was for validation, 5 for the test, of both users
}

TEST_CASE("Popularity is asked for the items that it counted", "[ranking]") {
    const Popularity popularity{sequences({{1, 2}})};
    for (const std::size_t wrong : {9u, 5u, 0u}) {
        std::vector<float> scores(wrong);
        CHECK(support::message_of<DataError>([&] { popularity({}, scores); }) ==
              message("Popularity: expected 6 scores, of items 0 to 5, received ", wrong));
    }
}

namespace {
/// Events of two users over 20 days; item 1 has most, item 3 most in the last week.
Interactions days() {
    Interactions x;
    for (const char* user : {"a", "b"}) x.users.add(user);
    for (int item = 1; item <= 5; ++item) x.items.add(std::to_string(item));
    const auto add = [&](std::int32_t user, std::int32_t item, int day) { x.add(user, item, {}, 86400 * day); };
    add(1, 1, 0), add(2, 1, 1), add(1, 1, 13), add(2, 2, 13), add(2, 3, 14), add(1, 3, 15), add(2, 4, 20);
    return x;
}
std::vector<float> scores_of(const Popularity& popularity) {
    std::vector<float> scores(static_cast<std::size_t>(popularity.items()) + 1);
    popularity({}, scores);
    return scores;
}
}  // namespace

TEST_CASE("Recent popularity is that of the last days, equals by all events", "[ranking]") {
    // Later than 20 - 7 = 13 days: 3 twice, 4 once; the most of an item is 3.
    CHECK(scores_of(Popularity::recent(days())) == std::vector<float>{0, 3, 1, 2 * 4 + 2, 1 * 4 + 1, 0});
    CHECK(scores_of(Popularity::recent(days(), {.days = 7.5})) ==
          std::vector<float>{0, 1 * 4 + 3, 1 * 4 + 1, 2 * 4 + 2, 1 * 4 + 1, 0});
    CHECK(!Popularity::recent(days()).knows(5));
}

TEST_CASE("Without times, recent are the last events of each user", "[ranking]") {
    Interactions x = days();
    x.timestamp.clear();  // a: 1 1 3, b: 1 2 3 4
    CHECK(scores_of(Popularity::recent(x, {.events = 1})) == std::vector<float>{0, 3, 1, 1 * 4 + 2, 1 * 4 + 1, 0});
    CHECK(scores_of(Popularity::recent(x)) == std::vector<float>{0, 3 * 4 + 3, 4 + 1, 2 * 4 + 2, 4 + 1, 0});
}

TEST_CASE("Recent popularity of a split does not see what is held out", "[ranking]") {
    const Interactions x = days();
    const LeaveOneOut split{Sequences{x}};
    // a: 1 | 1 3, b: 1 2 | 3 4; the newest event that trains is of day 13
    CHECK(scores_of(Popularity::recent(split.train_events(x))) == std::vector<float>{0, 2, 1 * 3 + 1, 0, 0, 0});
}

TEST_CASE("Recent popularity wants a window, and there may be no events", "[ranking]") {
    using support::message_of;
    CHECK(message_of<ArgumentError>([] { Popularity::recent(days(), {.days = 0}); }) ==
          "Popularity: expected positive days and events, received 0 and 5");
    CHECK(message_of<ArgumentError>([] { Popularity::recent(days(), {.events = 0}); }) ==
          "Popularity: expected positive days and events, received 7 and 0");
    Interactions none;
    none.items.add("a");
    CHECK(scores_of(Popularity::recent(none)) == std::vector<float>{0, 0});
    none.timestamp.push_back(1);
    CHECK(!message_of<DataError>([&] { Popularity::recent(none); }).empty());
}
