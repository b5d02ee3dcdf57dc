#include "kernels/data.hpp"

#include <limits>
#include <vector>

#include <deeprec/kernels/linear/pairs.hpp>
#include <deeprec/kernels/reference.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {
struct Sizes {
    Index users, block, candidates;
};
constexpr Sizes sizes[]{{1, 1, 1}, {3, 1, 1}, {2, 1, 5}, {6, 3, 4}, {4, 4, 7}};
template <class T>
std::vector<Index> widths() {
    constexpr Index lanes = kernels::lanes<T>;
    return {0, 1, lanes - 1, lanes, lanes + 1, 3 * lanes + 2};
}
}  // namespace

TEMPLATE_TEST_CASE("add_pairs equals its scalar twin", "[kernels][pairs]", float, double) {
    using T = TestType;
    for (const auto& [users, block, candidates] : sizes)
        for (const Index n : widths<T>()) {
            CAPTURE(users, block, candidates, n);
            const Index pairs = users * candidates;
            Operand<T> a(users * n, 1), c(users / block * candidates * n, 2, 3);
            if (n > 0) a[n - 1] = std::numeric_limits<T>::quiet_NaN();
            Operand<T> y(pairs * n, 3), z(pairs * n, 4), expected_y(pairs * n, 3), expected_z(pairs * n, 4);
            kernels::add_pairs({users, block, candidates, n}, a.data(), c.data(), y.data(), z.data(), relu);
            kernels::reference::add_pairs({users, block, candidates, n}, a.data(), c.data(), expected_y.data(),
                                          expected_z.data(), relu);
            CHECK(same(y, expected_y));
            CHECK(same(z, expected_z));
            CHECK((y.guards_intact() && z.guards_intact()));
            Operand<T> without_z(pairs * n, 5);
            kernels::add_pairs({users, block, candidates, n}, a.data(), c.data(), without_z.data(),
                               static_cast<T*>(nullptr), relu);
            CHECK(same(without_z, expected_y));
        }
}

TEMPLATE_TEST_CASE("add_pairs_backward sums over candidates and over the users of a block", "[kernels][pairs]", float,
                   double) {
    using T = TestType;
    for (const auto& [users, block, candidates] : sizes)
        for (const Index n : widths<T>()) {
            CAPTURE(users, block, candidates, n);
            const Operand<T> d(users * candidates * n, 1);
            Operand<T> da(users * n, 2), dc(users / block * candidates * n, 3), expected_a(users * n),
                expected_c(dc.size());
            for (Index i = 0; i < expected_a.size(); ++i) expected_a[i] = 0;
            for (Index i = 0; i < expected_c.size(); ++i) expected_c[i] = 0;
            for (Index b = 0; b < users; ++b)
                for (Index j = 0; j < candidates; ++j)
                    for (Index i = 0; i < n; ++i) {
                        expected_a[b * n + i] += d.data()[(b * candidates + j) * n + i];
                        expected_c[(b / block * candidates + j) * n + i] += d.data()[(b * candidates + j) * n + i];
                    }
            kernels::add_pairs_backward({users, block, candidates, n}, d.data(), da.data(), dc.data());
            CHECK(same(da, expected_a));  // the same order of sums
            CHECK(same(dc, expected_c));
            CHECK((da.guards_intact() && dc.guards_intact()));
        }
}
