/// The best items by inner product, found from int8 codes and confirmed with the vectors themselves.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/ranking/item_codes.hpp>
#include <deeprec/ranking/top_k_scan.hpp>

DEEPREC_BEGIN

/// Item vectors [N, D] with int8 codes beside them: `QuantizedItems items{vectors, N, D}; items.top_k(query, 100)`.
///
/// The result is that of `top_k_scan` in every bit, for any input: a scan of the codes bounds each score from above,
/// and only items whose bound beats the k-th best score so far are scored with their vectors
/// (kernels/ranking/quantized_scan.hpp has the bound). It reads D + 8 bytes an item instead of 4 D, and keeps them
/// beside the vectors (D rounded up to even). It pays where scores differ by more than the bounds err, |query| |item| /
/// 180 for 64 normal numbers; where most items are tied it costs a scan more than top_k_scan. Rows with NaN, Inf or a
/// length above 2^60 are scored in every request, so that what is not finite is refused as by top_k_scan; queries with
/// NaN, Inf or a length outside [2^-60, 2^60] are left to top_k_scan. The vectors are the caller's: every request reads
/// some, and changed ones need a new object. `top_k` is const and safe to call from many threads.
class QuantizedItems {
public:
    /// Throws ArgumentError for a negative count or width and a width above 2^20. `pool` may be null.
    QuantizedItems(const float* items, Index count, Index width, ThreadPool* pool = nullptr)
        : items_(items), codes_("QuantizedItems", items, nullptr, count, width, pool) {}

    /// Number of items.
    Index size() const { return codes_.size(); }
    /// Numbers of each vector.
    Index width() const { return codes_.width(); }

    /// What `top_k_scan(query, items, N, D, k, accept, pool)` returns. accept is asked about few items, those that
    /// would enter, possibly by many threads at once. `rescored` may be null, or receives how many items were scored
    /// with their vectors. Throws as top_k_scan.
    template <class Accept = AcceptAll>
    std::vector<Hit<float>> top_k(const float* query, Index k, const Accept& accept = {}, ThreadPool* pool = nullptr,
                                  Index* rescored = nullptr) const {
        const Index count = size(), width = codes_.width();
        const auto lanes = static_cast<std::size_t>(pool ? pool->threads() : 1);
        std::vector<TopK<float>> best(lanes, TopK<float>(std::min(k, count)));
        std::vector<Index> scored(lanes, 0);
        std::vector<std::uint8_t> finite(lanes, 1);
        const auto rescore = [&](Index first, Index last, Index lane) {
            TopK<float>& mine = best[static_cast<std::size_t>(lane)];
            scored[static_cast<std::size_t>(lane)] += last - first;
            const auto offer = [&](Index i, float score) {
                const auto item = static_cast<std::int32_t>(i);
                if (accept(item)) mine.offer(item, score);
                return mine.threshold();
            };
            if (!kernels::scan_inner_products(query, width, items_, width, first, last, mine.threshold(), offer))
                finite[static_cast<std::size_t>(lane)] = 0;
            return mine.threshold();
        };
        if (rescored) *rescored = count;
        if (k == 0 || !codes_.scan(query, pool, rescore))
            return top_k_scan(query, items_, count, width, k, accept, pool);
        if (std::find(finite.begin(), finite.end(), 0) != finite.end())
            detail::check_finite_scan("QuantizedItems", query, items_, count, width, accept);
        if (rescored) *rescored = std::accumulate(scored.begin(), scored.end(), Index(0));
        for (std::size_t lane = 1; lane < best.size(); ++lane)
            for (const Hit<float>& hit : best[lane].take()) best[0].offer(hit.item, hit.score);
        return best[0].take();
    }

private:
    const float* items_;
    detail::ItemCodes codes_;
};

DEEPREC_END
