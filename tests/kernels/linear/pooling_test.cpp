#include <deeprec/kernels/linear/pooling.hpp>

#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/reference/linear/pooling.hpp>
#include <deeprec/kernels/simd/dropout.hpp>

#include "support/catch.hpp"

using namespace deeprec;
using kernels::PoolWindows;

namespace {

/// Small whole numbers, so that there are ties, with some NaN among them.
template <class T>
std::vector<T> numbers(Index n, std::uint64_t seed, bool with_nan) {
    const RandomStream random(Seed{seed});
    std::vector<T> x(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = with_nan && random.below(2 * i, 11) == 0 ? std::numeric_limits<T>::quiet_NaN()
                                                        : static_cast<T>(random.below(2 * i + 1, 5)) - T(2);
    return x;
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!(a[i] == b[i] || (a[i] != a[i] && b[i] != b[i]))) return false;
    return a.size() == b.size();
}

}  // namespace

TEMPLATE_TEST_CASE("Pooling agrees with its scalar twins", "[pooling]", float, double) {
    using T = TestType;
    for (const Index features : {1, 7, 8, 16, 17, 33})
        for (const PoolWindows& w : {PoolWindows{2, 7, features, 3, 2, 2, 0}, PoolWindows{1, 6, features, 3, 3, 2, 0},
                                     PoolWindows{3, 5, features, 5, 4, 1, 1}, PoolWindows{1, 1, features, 1, 5, 3, 2},
                                     PoolWindows::whole(2, 9, features)}) {
            for (const bool with_nan : {false, true}) {
                const auto x = numbers<T>(w.batch * w.time * features, 1, with_nan);
                const auto dy = numbers<T>(w.batch * w.steps * features, 2, false);
                std::vector<T> y(dy.size()), expected_y(dy.size()), dx(x.size(), T(7)), expected_dx(x.size());
                kernels::max_pool<T>(w, x.data(), y.data());
                kernels::reference::max_pool<T>(w, x.data(), expected_y.data());
                CHECK(same(y, expected_y));
                kernels::max_pool_backward<T>(w, x.data(), y.data(), dy.data(), dx.data());
                kernels::reference::max_pool_backward<T>(w, x.data(), dy.data(), expected_dx.data());
                CHECK(same(dx, expected_dx));
                kernels::average_pool<T>(w, x.data(), y.data());
                kernels::reference::average_pool<T>(w, x.data(), expected_y.data());
                CHECK(same(y, expected_y));
                kernels::average_pool_backward<T>(w, dy.data(), dx.data());
                kernels::reference::average_pool_backward<T>(w, dy.data(), expected_dx.data());
                CHECK(same(dx, expected_dx));
            }
        }
}

TEMPLATE_TEST_CASE("A mean under a full mask is the mean", "[pooling]", float, double) {
    using T = TestType;
    const PoolWindows w = PoolWindows::whole(3, 5, 19);
    const auto x = numbers<T>(3 * 5 * 19, 1, true), dy = numbers<T>(3 * 19, 2, false);
    const std::vector<std::uint8_t> keep(15, 1);
    std::vector<T> y(dy.size()), expected_y(dy.size()), dx(x.size(), T(7)), expected_dx(x.size());
    kernels::masked_mean<T>(x.data(), keep.data(), 3, 5, 19, y.data());
    kernels::average_pool<T>(w, x.data(), expected_y.data());
    CHECK(same(y, expected_y));
    kernels::masked_mean_backward<T>(dy.data(), keep.data(), 3, 5, 19, dx.data());
    kernels::average_pool_backward<T>(w, dy.data(), expected_dx.data());
    CHECK(same(dx, expected_dx));
}

TEST_CASE("find_out_of_range finds the first of the bad ids", "[gather]") {
    std::vector<std::int32_t> ids(1000, 4);
    CHECK(kernels::find_out_of_range(ids.data(), 1000, 5) == 1000);
    CHECK(kernels::find_out_of_range(ids.data(), 1000, 4) == 0);
    CHECK(kernels::find_out_of_range(ids.data(), 0, 4) == 0);
    for (const std::size_t place : {0u, 255u, 256u, 999u}) {
        auto bad = ids;
        bad[place] = -1;
        bad.back() = 5;
        CHECK(kernels::find_out_of_range(bad.data(), 1000, 5) == static_cast<Index>(place));
    }
}

TEST_CASE("gather_rows copies the rows of the ids", "[gather]") {
    std::vector<float> table(21);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(i * 5 % 7);
    std::vector<float> out(120);
    kernels::gather_rows(table.data(), 3, ids.data(), 40, out.data());
    for (std::size_t i = 0; i < 120; ++i)
        CHECK(out[i] == static_cast<float>(ids[i / 3] * 3) + static_cast<float>(i % 3));
}

TEST_CASE("Dropout's multipliers depend on seed, row and element alone", "[dropout]") {
    for (const Index width : {1, 2, 7}) {
        std::vector<double> all(static_cast<std::size_t>(10 * width)), part(static_cast<std::size_t>(3 * width));
        kernels::draw_multipliers(Seed{4}, 0, 10, width, 0.5, 2.0, all.data());
        kernels::draw_multipliers(Seed{4}, 5, 3, width, 0.5, 2.0, part.data());
        CHECK(std::equal(part.begin(), part.end(), all.begin() + 5 * width));
    }
}
