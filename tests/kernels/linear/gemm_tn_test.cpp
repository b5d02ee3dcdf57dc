#include "kernels/linear/windows.hpp"

#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using namespace deeprec::test;
using kernels::Rows;

namespace {

template <class T>
void check_gemm_tn(const Rows<T>& a, Index n, Index extra) {
    const Index m = a.columns(), ldb = n + extra, ldc = n + 2 * extra;
    Operand<T> b(a.rows * ldb, 2);
    Operand<T> c(m > 0 ? (m - 1) * ldc + n : 0, 3, 3), expected(c.size(), 3, 3);
    kernels::gemm_tn(a, b.data(), ldb, n, c.data(), ldc);
    kernels::reference::gemm_tn(a, b.data(), ldb, n, expected.data(), ldc);
    CAPTURE(a.rows, a.rows_per_batch, a.segments, m, n, extra);
    CHECK(distance(c, expected) <= bound<T>(a.rows));
    CHECK(c.guards_intact());
}

}  // namespace

TEMPLATE_TEST_CASE("gemm_tn equals its scalar twin around the tile and block sizes", "[kernels][gemm]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index rows : {0, 1, 2, 37, 255, 256, 257, 600})
        for (const Index m : {0, 1, 3, 4, 5, 6, 12, 13, 30})
            for (const Index n :
                 {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 3, 5 * lanes}) {
                const Operand<T> a(rows * (m + 2), 1);
                check_gemm_tn(kernels::matrix_rows(a.data(), rows, m, m + 2), n, (m + n) % 3);
            }
}

TEMPLATE_TEST_CASE("gemm_tn reads convolution windows in place", "[kernels][gemm]", float, double) {
    using T = TestType;
    for (const Windows<T>& w : some_windows<T>) {
        const Operand<T> x(w.numbers(), 1);
        for (const Index n : {1, 33, 64}) check_gemm_tn(w.rows(x.data()), n, 1);
    }
}

TEMPLATE_TEST_CASE("gemm_tn reads a right operand with gaps in place", "[kernels][gemm]", float, double) {
    using T = TestType;
    for (const Windows<T>& w : some_windows<T>)
        for (const Index n : {1, 33, 64})
            for (const Index stride : {n, n + 5}) {
                const Operand<T> x(w.numbers(), 1);
                const Rows<T> a = w.rows(x.data());
                const Index batches = a.rows / a.rows_per_batch, batch_stride = a.rows_per_batch * stride + 7;
                const Operand<T> right(batches * batch_stride, 2);
                const Rows<T> b{right.data(), a.rows, a.rows_per_batch, batch_stride, stride, 1, n, 0};
                Operand<T> packed(a.rows * n, 4), c(a.columns() * n, 3, 3), expected(c.size(), 3, 3);
                for (Index r = 0; r < a.rows; ++r) b.copy_row(r, packed.data() + r * n);
                kernels::gemm_tn(a, b, c.data(), n);
                kernels::gemm_tn(a, packed.data(), n, n, expected.data(), n);
                CAPTURE(a.rows, a.rows_per_batch, n, stride);
                CHECK(distance(c, expected) == 0);
                CHECK(c.guards_intact());
            }
}
