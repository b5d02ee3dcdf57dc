#include "kernels/data.hpp"

#include <limits>

#include <deeprec/kernels/reference/simd/layer_norm.hpp>
#include <deeprec/kernels/simd/layer_norm.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("layer_norm equals its scalar twin, there and back", "[kernels][layer_norm]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>, rows = 4;
    const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (const Index n : {Index{1}, Index{2}, lanes - 1, lanes, lanes + 1, 3 * lanes + 2, Index{300}})
        for (const bool plain : {false, true}) {
            Operand<T> x(rows * n, 1);
            const Operand<T> dy(rows * n, 2), gamma(n, 3), beta(n, 4);
            if (n > 2) x[n + 1] = std::numeric_limits<T>::quiet_NaN();  // spoils row 1 alone
            const T *g = plain ? nullptr : gamma.data(), *b = plain ? nullptr : beta.data();
            Operand<T> mean(rows, 5), inverse(rows, 6), y(rows * n, 7), dgamma(n, 8), dbeta(n, 9), dx(rows * n, 10);
            auto mean2 = mean, inverse2 = inverse, y2 = y, dgamma2 = dgamma, dbeta2 = dbeta, dx2 = dx;
            kernels::layer_norm<T>(x.data(), rows, n, {g, b, T(0.1)}, mean.data(), inverse.data(), y.data());
            kernels::reference::layer_norm<T>(x.data(), rows, n, {g, b, T(0.1)}, mean2.data(), inverse2.data(),
                                              y2.data());
            kernels::layer_norm_backward<T>(dy.data(), x.data(), rows, n, g, mean.data(), inverse.data(),
                                            {dgamma.data(), dbeta.data(), dx.data()});
            kernels::reference::layer_norm_backward<T>(dy.data(), x.data(), rows, n, g, mean2.data(), inverse2.data(),
                                                       {dgamma2.data(), dbeta2.data(), dx2.data()});
            CAPTURE(n, plain);
            CHECK(std::isfinite(y[0]));
            CHECK(std::isnan(y[n]) == (n > 2));
            for (const auto& [got, expected] : {std::pair{&mean, &mean2},
                                                {&inverse, &inverse2},
                                                {&y, &y2},
                                                {&dgamma, &dgamma2},
                                                {&dbeta, &dbeta2},
                                                {&dx, &dx2}}) {
                CHECK(distance(*got, *expected) <= 40 * epsilon);
                CHECK(got->guards_intact());
            }
        }
}
