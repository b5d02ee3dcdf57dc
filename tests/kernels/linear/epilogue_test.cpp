#include "kernels/data.hpp"

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("A RowFunction gives the bits of its activation and touches the rows alone", "[kernels][epilogue]",
                   float, double) {
    using T = TestType;
    const Index rows = 3;
    const auto check = [&](const auto& act) {
        const kernels::RowFunction<T> function(act);
        for (const Index n : {1, 5, 32, 35})
            for (const Index stride : {n, n + 2}) {
                Operand<T> y(rows * stride, 1), expected = y;
                for (Index r = 0; r < rows; ++r)
                    kernels::activate_rows(y.data() + r * stride, expected.data() + r * stride, 1, n, act);
                function(y.data(), rows, n, stride);
                CAPTURE(n, stride);
                CHECK(same(y, expected));
                CHECK(y.guards_intact());
            }
    };
    check(linear);
    check(relu);
    check(Tanh{});
    check(LeakyReLU{.negative_slope = 0.3});
    check(softmax);
}

TEST_CASE("gemm normalises rows that it computes in several blocks", "[kernels][epilogue]") {
    const Index m = 14, k = 300, n = 700;  // a block is a few hundred columns
    const Operand<float> a(m * k, 1), b(k * n, 2);
    Operand<float> packed(kernels::packed_size<float>(k, n), 3), y(m * n, 4), z = y, expected = y;
    kernels::pack(b.data(), n, k, n, packed.data());
    const auto rows = kernels::matrix_rows(a.data(), m, k, k);
    kernels::gemm(rows, packed.data(), n, expected.data(), n);
    kernels::gemm(rows, packed.data(), n, y.data(), n, {.activation = softmax, .pre_activation = z.data()});
    CHECK(same(z, expected));
    kernels::activate_rows(expected.data(), expected.data(), m, n, softmax);
    CHECK(same(y, expected));
}
