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
