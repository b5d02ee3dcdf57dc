#include "kernels/data.hpp"

#include <deeprec/kernels/simd/dropout.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("multiply equals its scalar twin", "[kernels][dropout]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 2 * lanes + 3})
        for (const Index offset : {0, 1, 3}) {
            Operand<T> a(n, 1, offset), b(n, 2);
            Operand<T> out(n, 3, offset), expected(n, 4);
            kernels::multiply(a.data(), b.data(), out.data(), n);
            for (Index i = 0; i < n; ++i) expected[i] = a[i] * b[i];
            CAPTURE(n, offset);
            CHECK(same(out, expected));
            CHECK(out.guards_intact());
        }
}

TEMPLATE_TEST_CASE("draw_multipliers is a function of seed, row and place", "[kernels][dropout]", float, double) {
    using T = TestType;
    for (const Index width : {1, 2, 7, 64}) {
        Operand<T> all(6 * width, 1), part(2 * width, 2);
        kernels::draw_multipliers<T>(Seed{5}, 10, 6, width, 0.75, T(2), all.data());
        kernels::draw_multipliers<T>(Seed{5}, 13, 2, width, 0.75, T(2), part.data());
        CAPTURE(width);
        for (Index i = 0; i < 2 * width; ++i) CHECK(part[i] == all[3 * width + i]);
        for (Index i = 0; i < 6 * width; ++i) CHECK((all[i] == T(0) || all[i] == T(2)));
        CHECK((all.guards_intact() && part.guards_intact()));
        kernels::draw_multipliers<T>(Seed{5}, 0, 2, width, 0, T(0), part.data());
        for (Index i = 0; i < 2 * width; ++i) CHECK(part[i] == T(0));
        kernels::draw_multipliers<T>(Seed{5}, 0, 2, width, 1, T(1), part.data());
        for (Index i = 0; i < 2 * width; ++i) CHECK(part[i] == T(1));
    }
}
