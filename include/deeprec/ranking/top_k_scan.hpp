/// The best items by inner product, found in one pass over their vectors.
#pragma once

#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN

/// Accepts every item.
struct AcceptAll {
    bool operator()(std::int32_t) const { return true; }
};

/// The k rows i of items [count, width], row-major, with the highest query . items[i] among those for which accept(i)
/// holds: best first, ties by the lower row. Scores of NaN and -Inf are left out. accept is asked about few items,
/// those that would enter, possibly by many threads at once. `pool` may be null. The result does not depend on the
/// number of threads. Throws ArgumentError for a negative k. QuantizedItems finds the same with a quarter of the
/// reading.
template <class T, class Accept = AcceptAll>
std::vector<Hit<T>> top_k_scan(const T* query, const T* items, Index count, Index width, Index k,
                               const Accept& accept = {}, ThreadPool* pool = nullptr) {
    constexpr Index most_ranges = 8, least_items = 4096;
    const Index length = std::max(least_items, (count + most_ranges - 1) / most_ranges);
    const Index ranges = (count + length - 1) / length;
    std::vector<TopK<T>> best(static_cast<std::size_t>(std::max<Index>(ranges, 1)), TopK<T>(std::min(k, count)));
    const auto scan = [&](Index range) {
        TopK<T>& mine = best[static_cast<std::size_t>(range)];
        kernels::scan_inner_products(query, width, items, width, range * length, std::min(count, (range + 1) * length),
                                     mine.threshold(), [&](Index i, T score) {
                                         const auto item = static_cast<std::int32_t>(i);
                                         if (accept(item)) mine.offer(item, score);
                                         return mine.threshold();
                                     });
    };
    run_tasks(pool, ranges, scan);
    for (std::size_t range = 1; range < best.size(); ++range)
        for (const Hit<T>& hit : best[range].take()) best[0].offer(hit.item, hit.score);
    return best[0].take();
}

DEEPREC_END
