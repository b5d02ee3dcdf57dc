#include <deeprec/ranking/item_set.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("A set has its items, once each", "[item set]") {
    const std::vector<std::int32_t> listed{1, 64, 130, 64};
    const ItemSet some(130, listed);
    CHECK(some.items() == 130);
    CHECK(some.count() == 3);
    CHECK(some.contains(64));
    CHECK(!some.contains(63));
    CHECK(!some.contains(0));
    const auto between = [&](std::int32_t begin, std::int32_t end) {
        std::vector<std::int32_t> found;
        some.for_each(begin, end, [&](std::int32_t item) { found.push_back(item); });
        return found;
    };
    CHECK(between(0, 131) == std::vector<std::int32_t>{1, 64, 130});
    CHECK(between(2, 65) == std::vector<std::int32_t>{64});
    CHECK(between(2, 64).empty());
    CHECK(between(65, 130).empty());
    CHECK(between(5, 5).empty());
    const auto even = ItemSet::where(130, [](std::int32_t i) { return i % 2 == 0; });
    CHECK((some & even).count() == 2);
    CHECK((some | even).count() == 66);
    CHECK((~some).count() == 127);
    for (const std::int32_t n : {62, 63, 64, 127})
        for (const auto& set : {~ItemSet(n, {}), ~~~ItemSet(n, {})}) {
            CHECK(set.count() == n);
            CHECK(set.contains(n));
        }
    CHECK(!(~some).contains(0));
    CHECK(ItemSet(0, {}).count() == 0);
    for (const std::int32_t other : {-1, 101, std::numeric_limits<std::int32_t>::min(), 2147483647})
        CHECK(!(~ItemSet(100, {})).contains(other));  // no number that the catalogue does not have
}

TEST_CASE("Sets refuse what no catalogue has", "[item set]") {
    const std::vector<std::int32_t> padding{0}, beyond{4};
    CHECK(message_of<DataError>([&] { ItemSet(3, padding); }) == "ItemSet: expected items from 1 to 3, received 0");
    CHECK(message_of<DataError>([&] { ItemSet(3, beyond); }) == "ItemSet: expected items from 1 to 3, received 4");
    CHECK(message_of<ArgumentError>([&] { ItemSet(-1, {}); }) == "ItemSet: expected 0 or more items, received -1");
    CHECK(message_of<DataError>([&] { ItemSet(3, {}) & ItemSet(4, {}); }) ==
          "ItemSet: expected two sets of one catalogue, received sets of 3 and 4 items");
}
