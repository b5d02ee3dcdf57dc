#include "kernels/data.hpp"

#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/simd/transpose.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("transpose moves every number of squares and edges", "[kernels][transpose]", float, double) {
    using T = TestType;
    for (const Index rows : {0, 1, 3, 16, 17, 32, 50})
        for (const Index columns : {1, 8, 15, 16, 31, 64})
            for (const Index extra : {0, 3}) {
                const Index ld = columns + extra, ld_to = rows + extra;
                const Operand<T> from(rows * ld, 1);
                Operand<T> to(columns * ld_to, 2), expected(columns * ld_to, 2);
                kernels::transpose(from.data(), ld, rows, columns, to.data(), ld_to);
                kernels::reference::transpose(from.data(), ld, rows, columns, expected.data(), ld_to);
                CAPTURE(rows, columns, extra);
                CHECK(same(to, expected));
                CHECK(to.guards_intact());
            }
}
