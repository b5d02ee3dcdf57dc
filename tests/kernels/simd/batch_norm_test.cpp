#include "kernels/data.hpp"

#include <limits>

#include <deeprec/kernels/reference/simd/batch_norm.hpp>
#include <deeprec/kernels/simd/batch_norm.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("batch_norm equals its scalar twin, there and back", "[kernels][batch_norm]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>, rows = 7;
    const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    const std::uint8_t some[rows] = {1, 0, 1, 1, 0, 0, 1}, none[rows] = {};
    for (const Index n : {Index{1}, lanes - 1, lanes, 3 * lanes + 2})
        for (const std::uint8_t* keep : {static_cast<const std::uint8_t*>(nullptr), some, none})
            for (const bool plain : {false, true}) {
                Operand<T> x(rows * n, 1);
                const Operand<T> dy(rows * n, 2), gamma(n, 3), beta(n, 4);
                if (n > 2) x[n + 1] = std::numeric_limits<T>::quiet_NaN();  // spoils column 1 alone
                const T *g = plain ? nullptr : gamma.data(), *b = plain ? nullptr : beta.data();
                Operand<T> mean(n, 5), variance(n, 6), y(rows * n, 7), dgamma(n, 8), dbeta(n, 9), dx(rows * n, 10);
                auto mean2 = mean, variance2 = variance, y2 = y, dgamma2 = dgamma, dbeta2 = dbeta, dx2 = dx;
                const Index counted =
                    kernels::column_statistics<T>(x.data(), keep, rows, n, mean.data(), variance.data());
                CHECK(counted == (keep == some ? 4 : keep ? 0 : rows));
                CHECK(counted == kernels::reference::column_statistics<T>(x.data(), keep, rows, n, mean2.data(),
                                                                          variance2.data()));
                Operand<T> inverse(n, 11);
                for (Index j = 0; j < n; ++j) inverse[j] = T(1) / std::sqrt(variance2[j] + T(0.1));
                kernels::batch_norm<T>(x.data(), rows, n, mean2.data(), inverse.data(), g, b, y.data());
                kernels::reference::batch_norm<T>(x.data(), rows, n, mean2.data(), inverse.data(), g, b, y2.data());
                kernels::batch_norm_backward<T>({rows, n, keep, counted}, dy.data(), x.data(), g, mean2.data(),
                                                inverse.data(), {dgamma.data(), dbeta.data(), dx.data()});
                kernels::reference::batch_norm_backward<T>({rows, n, keep, counted}, dy.data(), x.data(), g,
                                                           mean2.data(), inverse.data(),
                                                           {dgamma2.data(), dbeta2.data(), dx2.data()});
                CAPTURE(n, plain, counted);
                CHECK(std::isfinite(y[0]));
                CHECK(std::isnan(y[n + 1 - (n == 1)]) == (n > 2));
                for (const auto& [got, expected] : {std::pair{&mean, &mean2},
                                                    {&variance, &variance2},
                                                    {&y, &y2},
                                                    {&dgamma, &dgamma2},
                                                    {&dbeta, &dbeta2},
                                                    {&dx, &dx2}}) {
                    CHECK(distance(*got, *expected) <= 40 * epsilon);
                    CHECK(got->guards_intact());
                }
            }
}
