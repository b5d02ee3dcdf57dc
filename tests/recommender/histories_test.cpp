#include <deeprec/recommender/histories.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Histories grow behind the events that there are", "[recommender]") {
    Interactions events;
    for (const char* key : {"ann", "bob", "eve"}) events.users.add(key);
    for (const char* key : {"a", "b", "c", "d"}) events.items.add(key);
    for (const auto& [user, item] : {std::pair{3, 1}, {1, 2}, {3, 4}, {1, 1}}) events.add(user, item);
    detail::Histories histories(events);
    const auto of = [&](std::int32_t user) {
        return std::vector<std::int32_t>(histories[user].begin(), histories[user].end());
    };
    CHECK(of(1) == std::vector<std::int32_t>{2, 1});
    CHECK(of(2).empty());
    CHECK(of(3) == std::vector<std::int32_t>{1, 4});
    CHECK(histories.begin(3) == 2);

    const std::vector<std::int32_t> users{5, 1, 2, 1}, items{3, 4, 2, 3};
    CHECK(histories.add(users, items, 6) == std::vector<Index>{0, 1, 5, 7, 6, 2, 3, 4});
    CHECK(histories.users() == 6);
    CHECK(of(1) == std::vector<std::int32_t>{2, 1, 4, 3});
    CHECK(of(2) == std::vector<std::int32_t>{2});
    CHECK(of(3) == std::vector<std::int32_t>{1, 4});
    CHECK(of(4).empty());
    CHECK(of(5) == std::vector<std::int32_t>{3});
    CHECK(of(6).empty());
    CHECK(histories.add({}, {}, 6) == std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7});
}
