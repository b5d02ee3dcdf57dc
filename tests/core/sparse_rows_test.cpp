#include <deeprec/core/sparse_rows.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("SparseRows adds, lists rows by first touch and clears what was touched", "[sparse_rows]") {
    SparseRows<float> rows(10, 2);
    CHECK(rows.size() == 20);
    rows.row(7)[0] += 1;
    rows.row(2)[1] += 2;
    rows.row(7)[0] += 3;
    CHECK(rows.ids() == std::vector<std::int32_t>{7, 2});
    CHECK(rows.values(0)[0] == 4);
    CHECK(rows.values(1)[1] == 2);
    CHECK(rows.find(2) == rows.values(1));
    CHECK(rows.find(3) == nullptr);

    SparseRows<float> other(10, 2);
    other.row(2)[1] += 5;
    other.row(9)[0] += 6;
    rows.add(other);
    CHECK(rows.ids() == std::vector<std::int32_t>{7, 2, 9});
    const auto dense = rows.dense();
    CHECK(dense(2, 1) == 7);
    CHECK(dense(9, 0) == 6);
    CHECK(dense(0, 0) == 0);

    rows.setZero();
    CHECK(rows.ids().empty());
    CHECK(support::allocations_in([&] {
              rows.row(2);
              rows.row(7);
          }) == 0);
    CHECK(rows.values(0)[1] == 0);
}
