/// The best items by inner product, found from int8 codes and confirmed with the vectors themselves.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/ranking/quantized_scan.hpp>
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
        : items_(items), count_(count), width_(width) {
        if (count < 0 || width < 0 || width > kernels::most_quantized_width)
            throw ArgumentError(message("QuantizedItems: expected 0 or more rows of 0 to ",
                                        kernels::most_quantized_width, " numbers, received ", count, " of ", width));
        const Index padded = (count + block - 1) / block * block;
        const kernels::QuantizedRowsToFill rows{codes_.need_zeros(kernels::quantized_size(count, width)),
                                                scales_.need_zeros(padded), errors_.need_zeros(padded), width};
        run_tasks(pool, padded / block, [&](Index i) {
            kernels::quantize_rows(items, width, i * block, std::min(count, (i + 1) * block), rows);
        });
    }

    /// Number of items.
    Index size() const { return count_; }
    Index width() const { return width_; }

    /// What `top_k_scan(query, items, N, D, k, accept, pool)` returns. accept is asked about few items, those that
    /// would enter, possibly by many threads at once. `rescored` may be null, or receives how many items were scored
    /// with their vectors. Throws as top_k_scan.
    template <class Accept = AcceptAll>
    std::vector<Hit<float>> top_k(const float* query, Index k, const Accept& accept = {}, ThreadPool* pool = nullptr,
                                  Index* rescored = nullptr) const {
        if (rescored) *rescored = count_;
        if (k == 0 || !kernels::can_quantize_query(query, width_))
            return top_k_scan(query, items_, count_, width_, k, accept, pool);
        std::vector<std::int16_t> codes(static_cast<std::size_t>(width_ + 1));
        const kernels::QuantizedQuery quantized = kernels::quantize_query(query, width_, codes.data());
        const kernels::QuantizedRows rows{codes_.data(), scales_.data(), errors_.data(), width_};

        // Blocks go to whoever is free, and each lane keeps its own best: the best of all do not depend on that.
        const Index blocks = (count_ + block - 1) / block;
        const auto lanes = static_cast<std::size_t>(pool ? pool->threads() : 1);
        std::vector<TopK<float>> best(lanes, TopK<float>(std::min(k, count_)));
        std::vector<Index> scored(lanes, 0);
        std::vector<std::uint8_t> finite(lanes, 1);
        run_tasks(pool, blocks, [&](Index b, Index lane) {
            TopK<float>& mine = best[static_cast<std::size_t>(lane)];
            const auto rescore = [&](Index first, Index last) {
                scored[static_cast<std::size_t>(lane)] += last - first;
                const auto offer = [&](Index i, float score) {
                    const auto item = static_cast<std::int32_t>(i);
                    if (accept(item)) mine.offer(item, score);
                    return mine.threshold();
                };
                if (!kernels::scan_inner_products(query, width_, items_, width_, first, last, mine.threshold(), offer))
                    finite[static_cast<std::size_t>(lane)] = 0;
                return mine.threshold();
            };
            kernels::scan_quantized(quantized, rows, b * block, std::min(count_, (b + 1) * block), mine.threshold(),
                                    rescore);
        });
        if (std::find(finite.begin(), finite.end(), 0) != finite.end())
            detail::check_finite_scan("QuantizedItems", query, items_, count_, width_, accept);
        if (rescored) *rescored = std::accumulate(scored.begin(), scored.end(), Index(0));
        for (std::size_t lane = 1; lane < best.size(); ++lane)
            for (const Hit<float>& hit : best[lane].take()) best[0].offer(hit.item, hit.score);
        return best[0].take();
    }

private:
    static constexpr Index block = 4096;  // items that a thread takes at a time, whole blocks of codes

    const float* items_;
    Index count_, width_;
    Buffer<std::int8_t> codes_;
    Buffer<float> scales_, errors_;
};

DEEPREC_END
