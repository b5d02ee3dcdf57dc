#include "kernels/data.hpp"

#include <vector>

#include <deeprec/ranking/top_k_scan.hpp>

using namespace deeprec;
using namespace deeprec::test;

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
