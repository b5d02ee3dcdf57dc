#include <deeprec/ranking/markov.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
Sequences sequences() {
    Interactions x;
    for (int user = 1; user <= 3; ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= 6; ++item) x.items.add(std::to_string(item));
    for (const int item : {1, 2, 1, 2, 3}) x.add(1, item);
    for (const int item : {1, 3, 4}) x.add(2, item);
    for (const int item : {4, 4, 4, 4}) x.add(3, item);
    return Sequences{x};
}
std::vector<float> scores_after(const Ids& history) {
    std::vector<float> scores(7);
    Markov{sequences()}({1, history, 1}, scores);
    return scores;
}
}  // namespace

TEST_CASE("Markov counts what followed the last item, with popularity below one count", "[ranking]") {
    const auto scores = scores_after({4, 1});     // 1 was followed by 2 twice, by 3 once
    CHECK(scores[2] == Approx(2 + 0.5 * 2 / 5));  // popularity: item 4 is taken most, five times
    CHECK(scores[3] == Approx(1 + 0.5 * 2 / 5));
    CHECK(scores[4] == Approx(0.5));
    CHECK(scores[1] == Approx(0.5 * 3 / 5));
    CHECK(scores[5] == 0);
    const auto others = {scores[1], scores[4], scores[5], scores[6]};
    CHECK(std::max(others) < std::min(scores[2], scores[3]));
}

TEST_CASE("Sequences do not run into those of the next user", "[ranking]") {
    const auto scores = scores_after({3});  // user 1 ends with 3, user 2 begins with 1
    CHECK(scores[1] < 1);
    CHECK(scores[4] == Approx(1.5));
    CHECK(scores_after({4})[4] == Approx(3.5));  // user 3 begins with the 4 that ends user 2
}

TEST_CASE("Without history, or after an item that nothing followed, Markov is popularity", "[ranking]") {
    CHECK(scores_after({}) == scores_after({6}));
    CHECK(scores_after({})[4] == Approx(0.5));
}

TEST_CASE("Markov is asked for items that it knows", "[ranking]") {
    for (const std::int32_t unknown : {7, 0, -1})  // 0 is padding
        CHECK(message_of<DataError>([&] { scores_after({unknown}); }) ==
              message("Markov: expected a history of items 1 to 6, received ", unknown));
    for (const std::size_t wrong : {3u, 0u}) {
        std::vector<float> scores(wrong);
        CHECK(message_of<DataError>([&] { Markov{sequences()}({}, scores); }) ==
              message("Markov: expected 7 scores, of items 0 to 6, received ", wrong));
    }
}
