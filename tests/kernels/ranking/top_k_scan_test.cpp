#include "kernels/data.hpp"

#include <limits>
#include <vector>

#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/kernels/reference.hpp>

#include "support/allocations.hpp"

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("scan_inner_products offers every score above the threshold, in order", "[kernels][top_k_scan]",
                   float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    constexpr T lowest = -std::numeric_limits<T>::infinity();
    for (const Index width : {Index{0}, Index{1}, lanes - 1, lanes, 2 * lanes + 3, Index{64}})
        for (const Index count : {Index{0}, Index{1}, lanes, 2 * lanes + 5})
            for (const Index extra : {0, 3}) {
                const Operand<T> query(width, 1), items(count * (width + extra), 2, 3);
                const double bound =
                    static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(width + 8);
                Index next = 0;
                double worst = 0;
                kernels::scan_inner_products(
                    query.data(), width, items.data(), width + extra, Index{0}, count, lowest, [&](Index i, T score) {
                        CHECK(i == next++);
                        const T expected =
                            kernels::reference::dot(query.data(), items.data() + i * (width + extra), width);
                        worst = std::max(worst, static_cast<double>(std::abs(score - expected)));
                        return lowest;
                    });
                CAPTURE(width, count, extra);
                CHECK(next == count);
                CHECK(worst <= bound);
            }
}

TEST_CASE("scan_inner_products: a rising threshold, NaN, and the same bits in any place", "[kernels][top_k_scan]") {
    const Index width = 37, count = 101;
    const Operand<float> query(width, 1);
    Operand<float> items(count * width, 2);
    items[5 * width] = std::numeric_limits<float>::quiet_NaN();
    for (Index i = 6; i < count; i += 2) std::copy_n(items.data(), width, items.data() + i * width);
    std::vector<float> scores;
    const auto keep_all = [&](Index i, float score) {
        CHECK(i != 5);
        scores.push_back(score);
        return -10000.f;
    };
    kernels::scan_inner_products(query.data(), width, items.data(), width, Index{0}, count, -10000.f, keep_all);
    REQUIRE(scores.size() == static_cast<std::size_t>(count - 1));
    for (std::size_t i = 5; i < scores.size(); i += 2) CHECK(scores[i] == scores[0]);

    float most = -10000.f;
    Index offers = 0;
    const auto rise = [&](Index, float score) {
        CHECK(score > most);
        ++offers;
        return most = score;
    };
    CHECK(support::allocations_in([&] {
              kernels::scan_inner_products(query.data(), width, items.data(), width, Index{3}, count, most, rise);
          }) == 0);
    CHECK(most == *std::max_element(scores.begin() + 3, scores.end()));
    CHECK(offers < count / 2);
}

TEMPLATE_TEST_CASE("scan_scores offers every score that is not below the threshold, in order", "[kernels][top_k_scan]",
                   float, double) {
    using T = TestType;
    constexpr T infinity = std::numeric_limits<T>::infinity();
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index n : {Index{0}, Index{1}, lanes - 1, lanes, lanes + 1, 3 * lanes + 5}) {
        Operand<T> scores(n, 3);
        if (n > 2) scores[0] = std::numeric_limits<T>::quiet_NaN(), scores[1] = -infinity, scores[n - 1] = infinity;
        if (n > lanes) scores[lanes] = T(0.5);  // equal to a threshold
        for (const T start : {-infinity, T(0.5), infinity})
            for (const T rise : {T(0), T(0.25)}) {
                std::vector<Index> expected, offered;
                T threshold = start;
                for (Index i = 0; i < n; ++i)
                    if (!(scores[i] < threshold)) expected.push_back(i), threshold += rise;
                threshold = start;
                kernels::scan_scores(scores.data(), n, start, [&](Index i, T score) {
                    CHECK((score == scores[i] || !(score == score)));
                    offered.push_back(i);
                    return threshold += rise;
                });
                CAPTURE(n, start, rise);
                CHECK(offered == expected);
            }
    }
}

TEMPLATE_TEST_CASE("Scans notice any score that is not finite", "[kernels][top_k_scan]", float, double) {
    using T = TestType;
    constexpr T infinity = std::numeric_limits<T>::infinity(),
                odd[] = {std::numeric_limits<T>::quiet_NaN(), infinity, -infinity};
    constexpr Index lanes = kernels::lanes<T>, width = lanes + 3;
    const Operand<T> query(width, 1);
    for (const Index count : {Index{1}, lanes, 3 * lanes + 1}) {
        Operand<T> items(count * width, 2), scores(count, 3);
        const auto finite = [&](T threshold) {  // whatever the threshold
            const auto stay = [&](Index, T) { return threshold; };
            const bool products = kernels::scan_inner_products(query.data(), width, items.data(), width, Index{0},
                                                               count, threshold, stay);
            CHECK(products == kernels::scan_scores(scores.data(), count, threshold, stay));
            return products;
        };
        CHECK((finite(-infinity) && finite(T(0)) && finite(infinity)));
        for (Index i = 0; i < count; ++i)
            for (const T value : odd) {
                const T before = std::exchange(items[i * width + i % width], value);
                const T score = std::exchange(scores[i], value);
                CAPTURE(count, i, value);
                CHECK(!(finite(-infinity) || finite(T(0)) || finite(infinity)));
                items[i * width + i % width] = before;
                scores[i] = score;
            }
    }
    CHECK(kernels::scan_scores<T>(nullptr, 0, T(0), [](Index, T t) { return t; }));
}
