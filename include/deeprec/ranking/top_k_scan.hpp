/// The best items by inner product, found in one pass over their vectors.
#pragma once

#include <cmath>
#include <string_view>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN

/// Accepts every item.
struct AcceptAll {
    bool operator()(std::int32_t) const { return true; }
};

namespace detail {
/// Throws NumericError for a query that is not finite, and for the first row of those that accept allows whose score is
/// not: to be called when a scan met one.
template <class T, class Accept>
void check_finite_scan(std::string_view who, const T* query, const T* items, Index count, Index width,
                       const Accept& accept) {
    constexpr T most = std::numeric_limits<T>::infinity();
    for (Index k = 0; k < width; ++k)
        if (!std::isfinite(query[k])) throw NumericError(message(who, ": number ", k, " of the query is ", query[k]));
    for (Index i = 0; i < count; ++i)
        if (!kernels::scan_inner_products(query, width, items, width, i, i + 1, most, [](Index, T) { return most; }) &&
            accept(static_cast<std::int32_t>(i)))
            throw NumericError(message(who, ": the score of item ", i, " is not finite"));
}
}  // namespace detail

/// The k rows i of items [count, width], row-major, with the highest query . items[i] among those for which accept(i)
/// holds: best first, ties by the lower row. accept is asked about few items, those that would enter, possibly by many
/// threads at once. `pool` may be null. The result does not depend on the number of threads. Throws ArgumentError for a
/// negative k, NumericError for a query, or the first of the items that may be recommended, whose numbers or score are
/// not finite. QuantizedItems finds the same with a quarter of the reading.
template <class T, class Accept = AcceptAll>
std::vector<Hit<T>> top_k_scan(const T* query, const T* items, Index count, Index width, Index k,
                               const Accept& accept = {}, ThreadPool* pool = nullptr) {
    constexpr Index most_ranges = 8, least_items = 4096;
    const Index length = std::max(least_items, (count + most_ranges - 1) / most_ranges);
    const Index ranges = (count + length - 1) / length;
    std::vector<TopK<T>> best(static_cast<std::size_t>(std::max<Index>(ranges, 1)), TopK<T>(std::min(k, count)));
    std::vector<std::uint8_t> finite(best.size(), 1);
    const auto scan = [&](Index range) {
        TopK<T>& mine = best[static_cast<std::size_t>(range)];
        finite[static_cast<std::size_t>(range)] = kernels::scan_inner_products(
            query, width, items, width, range * length, std::min(count, (range + 1) * length), mine.threshold(),
            [&](Index i, T score) {
                const auto item = static_cast<std::int32_t>(i);
                if (accept(item)) mine.offer(item, score);
                return mine.threshold();
            });
    };
    run_tasks(pool, ranges, scan);
    if (std::find(finite.begin(), finite.end(), 0) != finite.end())
        detail::check_finite_scan("top_k_scan", query, items, count, width, accept);
    for (std::size_t range = 1; range < best.size(); ++range)
        for (const Hit<T>& hit : best[range].take()) best[0].offer(hit.item, hit.score);
    return best[0].take();
}

DEEPREC_END
