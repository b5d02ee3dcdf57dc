#include <deeprec/core/table_shard.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Each row of a table has one owner and one place there", "[table_shard]") {
    for (const int ranks : {1, 2, 3, 4})
        for (const Index all : {4, 5, 6, 7, 30}) {
            std::vector<Index> next(static_cast<std::size_t>(ranks));
            for (Index row = 0; row < all; ++row) {
                TableShard shard{0, ranks};
                shard.rank = shard.owner(row);
                CHECK(shard.rows(row) == next[static_cast<std::size_t>(shard.rank)]);  // so many before it
                CHECK(shard.place(row) == next[static_cast<std::size_t>(shard.rank)]++);
                CHECK(shard.row(shard.place(row)) == row);
            }
            for (int rank = 0; rank < ranks; ++rank)
                CHECK(TableShard{rank, ranks}.rows(all) == next[static_cast<std::size_t>(rank)]);
        }
    CHECK(!TableShard{});
    CHECK(TableShard{1, 2});
}
