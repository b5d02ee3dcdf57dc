#include "kernels/data.hpp"

#include <deeprec/kernels/linear/gather.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("gather_rows copies the rows of the ids", "[kernels][gather]", float, double) {
    using T = TestType;
    constexpr Index rows = 11;
    for (const Index width : {1, 3, 16, 33})
        for (const Index n : {0, 1, 7, 8, 9, 40}) {
            Operand<T> table(rows * width, 1, 3);
            std::vector<std::int32_t> ids;
            for (Index i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>((i * i + 3) % rows));
            Operand<T> out(n * width, 2, 1), expected(n * width, 3);
            kernels::gather_rows(table.data(), width, ids.data(), n, out.data());
            for (Index i = 0; i < n * width; ++i)
                expected[i] = table[ids[static_cast<std::size_t>(i / width)] * width + i % width];
            CAPTURE(width, n);
            CHECK(same(out, expected));
            CHECK(out.guards_intact());
        }
}

TEST_CASE("find_out_of_range gives the first bad id", "[kernels][gather]") {
    for (const Index n : {0, 1, 255, 256, 257, 700})
        for (const std::int32_t bad : {-1, 5, 2'000'000'000}) {
            std::vector<std::int32_t> ids(static_cast<std::size_t>(n), 4);
            CHECK(kernels::find_out_of_range(ids.data(), n, 5) == n);
            for (const Index at : {n - 1, n / 2, Index{0}}) {  // the last one found is the first in the ids
                if (n == 0) continue;
                ids[static_cast<std::size_t>(at)] = bad;
                CAPTURE(n, at, bad);
                CHECK(kernels::find_out_of_range(ids.data(), n, 5) == at);
            }
        }
}
