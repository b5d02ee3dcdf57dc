#include <deeprec/core/table_rows.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Rows are asked for by table, and each has a place among those of its own", "[table_rows]") {
    TableRows rows;
    const float users[1]{}, items[1]{};
    const std::int32_t some[] = {7, 2, 7}, more[] = {0, 2}, other[] = {5};
    rows.ask(users, some, 3);
    rows.ask(items, other, 1);
    rows.ask(users, more, 2);
    CHECK(rows.sorted(users).ids == std::vector<std::int32_t>{0, 2, 7});
    CHECK(rows.sorted(items).ids == std::vector<std::int32_t>{5});
    const TableRows::Table* const found = rows.find(users);
    REQUIRE(found != nullptr);
    CHECK(found->place(0) == 0);
    CHECK(found->place(7) == 2);
    CHECK(found->place(1) == -1);
    CHECK(found->place(8) == -1);
    CHECK(rows.find(some) == nullptr);
    rows.clear();
    CHECK(rows.sorted(users).ids.empty());
    CHECK(rows.find(users)->place(7) == -1);
}
