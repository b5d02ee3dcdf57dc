#include <deeprec/core/sparse_rows.hpp>

#include <algorithm>
#include <vector>

#include <deeprec/core/random.hpp>

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

TEST_CASE("A sum of tables has the bits of a binary tree of them, in the order of first touch", "[sparse_rows]") {
    constexpr Index rows = 12, width = 19;
    const RandomStream random(Seed{7});
    const auto table = [&](std::uint64_t t) {
        SparseRows<float> touched(rows, width);
        for (std::uint64_t i = 0; i < 5; ++i) {
            float* const row = touched.row(static_cast<std::int32_t>(random.below(16 * t + i, rows)));
            for (Index j = 0; j < width; ++j)
                row[j] += static_cast<float>(random.normal(1000 * t + 32 * i + static_cast<std::uint64_t>(j)));
        }
        return touched;
    };
    for (std::size_t count = 1; count <= 8; ++count) {
        CAPTURE(count);
        std::vector<SparseRows<float>> tables, expected;
        for (std::size_t t = 0; t < count; ++t) tables.push_back(table(t));
        expected = tables;
        for (std::size_t stride = 1; stride < count; stride *= 2)
            for (std::size_t t = 0; t + stride < count; t += 2 * stride) expected[t].add(expected[t + stride]);

        std::vector<SparseRows<float>*> others;
        for (std::size_t t = 1; t < count; ++t) others.push_back(&tables[t]);
        SparseRows<float>& sum = tables[0];
        const auto add_up = [&] {
            sum.start_sum(others);
            const auto n = static_cast<Index>(sum.ids().size());
            sum.finish_sum(n / 2, n);
            sum.finish_sum(0, n / 2);
        };
        add_up();
        CHECK(sum.ids() == expected[0].ids());
        const auto a = sum.dense(), b = expected[0].dense();
        CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));

        sum.setZero();
        sum.row(3)[0] = 1;
        CHECK(support::allocations_in(add_up) == 0);
    }
}
