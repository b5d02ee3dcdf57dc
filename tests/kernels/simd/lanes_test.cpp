#include "kernels/data.hpp"

#include <deeprec/kernels/simd/lanes.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("for_lanes and sum_lanes see every number once", "[kernels][simd]", float, double) {
    using T = TestType;
    using Arch = xsimd::default_arch;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 3 * lanes + 2}) {
        Operand<T> x(n, 1), y(n, 2), expected(n, 3);
        T sum = 0;
        for (Index i = 0; i < n; ++i) {
            x[i] = static_cast<T>(i + 1);  // sums of these are exact
            expected[i] = T(2) * x[i];
            sum += x[i];
        }
        kernels::detail::for_lanes<T, Arch>(
            n, [&]<class V>(Index i) { kernels::store(y.data() + i, V(T(2)) * kernels::load<V>(x.data() + i)); });
        CAPTURE(n);
        CHECK(same(y, expected));
        CHECK(y.guards_intact());
        const T got =
            kernels::detail::sum_lanes<T, Arch>(n, [&]<class V>(Index i) { return kernels::load<V>(x.data() + i); });
        CHECK(got == sum);
    }
}
