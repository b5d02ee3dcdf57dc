#include "kernels/data.hpp"
#include "support/files.hpp"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <deeprec/ranking/top_k_scan.hpp>

using namespace deeprec;
using namespace deeprec::test;
using support::message_of;

namespace {
/// All scores, sorted.
std::vector<Hit<double>> best_plainly(const double* query, const double* items, Index count, Index width, Index k,
                                      std::int32_t divisor) {
    std::vector<Hit<double>> all;
    for (Index i = 0; i < count; ++i) {
        double score = 0;
        for (Index j = 0; j < width; ++j) score += query[j] * items[i * width + j];
        if (i % divisor == 0) all.push_back({static_cast<std::int32_t>(i), score});
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    all.resize(std::min(all.size(), static_cast<std::size_t>(k)));
    return all;
}
}  // namespace

TEST_CASE("top_k_scan finds what sorting all scores finds, with any number of threads", "[ranking][top_k_scan]") {
    const Index width = 2;
    for (const Index count : {Index{0}, Index{1}, Index{5000}, Index{50000}})
        for (const Index k : {0, 1, 10, 6000}) {
            Operand<double> query(width, 1), items(count * width, 2);
            query[0] = 1, query[1] = 2;
            for (double* x = items.data(); x < items.data() + items.size(); ++x) *x = std::round(*x * 50);  // many ties
            const auto odd_one_out = [](std::int32_t item) { return item % 3 == 0; };
            const auto expected = best_plainly(query.data(), items.data(), count, width, k, 1);
            const auto filtered = best_plainly(query.data(), items.data(), count, width, k, 3);
            ThreadPool two(2), three(3);
            for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two, &three}) {
                CAPTURE(count, k);
                CHECK(top_k_scan(query.data(), items.data(), count, width, k, AcceptAll{}, pool) == expected);
                CHECK(top_k_scan(query.data(), items.data(), count, width, k, odd_one_out, pool) == filtered);
            }
        }
    CHECK_THROWS_AS(top_k_scan<float>(nullptr, nullptr, 0, 1, -1), ArgumentError);
}

TEST_CASE("Numbers that are not finite are refused by top_k_scan, the first that may be recommended by name",
          "[ranking][top_k_scan][threads]") {
    const Index count = 9000, width = 3;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Operand<double> query(width, 1), items(count * width, 2);
    ThreadPool two(2);
    for (const double value : {std::nan(""), infinity, -infinity})
        for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two}) {
            for (const Index bad : {8999, 4500, 70}) items[bad * width + 1] = value;
            const auto refused = [&](auto accept) {
                return message_of<NumericError>(
                    [&] { top_k_scan(query.data(), items.data(), count, width, 5, accept, pool); });
            };
            CAPTURE(value, pool == nullptr);
            CHECK(refused(AcceptAll{}) == "top_k_scan: the score of item 70 is not finite");
            CHECK(refused([](std::int32_t i) { return i > 4000; }) ==
                  "top_k_scan: the score of item 4500 is not finite");
            const auto none_of_them = [](std::int32_t i) { return i != 70 && i != 4500 && i != 8999; };
            CHECK(refused(none_of_them).empty());
            CHECK(top_k_scan(query.data(), items.data(), count, width, 5, none_of_them, pool).size() == 5);
            const double before = std::exchange(query[2], value);
            CHECK(refused(AcceptAll{}) == message("top_k_scan: number 2 of the query is ", value));
            query[2] = before;
        }
    for (Index i = 0; i < count; ++i)
        items[i * width + 1] = query[1] > 0 ? -infinity : infinity;  // all hits were left out
    CHECK_THROWS_AS(top_k_scan(query.data(), items.data(), count, width, 5), NumericError);
}
