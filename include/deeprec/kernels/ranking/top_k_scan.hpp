/// Streams of inner products, or of scores, of which only the high ones matter.
///
/// How it works. As many items as a register has lanes are multiplied with the query, one register of partial sums
/// each; a register of finished scores is compared with the threshold, and nearly always nothing else happens. The scan
/// reads each item once, in the order of memory, which is what the hardware's prefetching expects, and runs at the
/// bandwidth of the memory it comes from.
///
/// What holds. An item's score has the same bits wherever it lies. Scores that are not finite are noticed, whether they
/// are high or not: zero times each of them is added up, and NaN in the end. No pointer needs alignment. Nothing
/// allocates.
#pragma once

#include <algorithm>

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// offer(i, query . items[i]) for those i in [begin, end), in order, whose score exceeds the threshold; offer returns
/// the next threshold. items has rows of `width` numbers, ld apart. NaN is never offered. Returns whether all scores
/// were finite.
template <class T, class Arch = xsimd::default_arch, class Offer>
bool scan_inner_products(const T* query, Index width, const T* items, Index ld, Index begin, Index end, T threshold,
                         const Offer& offer) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V zeros(T(0));
    for (Index first = begin; first < end; first += step) {
        const Index count = std::min(step, end - first);
        const T* const rows = items + first * ld;
        Array<V, step> sum;
        const auto multiply = [&](const auto& row) {
            DEEPREC_UNROLL
            for (Index r = 0; r < step; ++r) {
                const T* const item = row(r);
                sum[r] = V(T(0));
                Index k = 0;
                for (; k + step <= width; k += step)
                    sum[r] = kernels::fma(kernels::load<V>(query + k), kernels::load<V>(item + k), sum[r]);
                if (k < width)
                    sum[r] = kernels::fma(kernels::load_first<V>(query + k, width - k),
                                          kernels::load_first<V>(item + k, width - k), sum[r]);
            }
        };
        if (count == step)
            multiply([&](Index r) { return rows + r * ld; });
        else
            multiply([&](Index r) { return rows + std::min(r, count - 1) * ld; });
        const V scores = kernels::reduce_add_each(sum);
        zeros = kernels::fma(scores, V(T(0)), zeros);
        if (!kernels::any_greater(scores, V(threshold))) continue;
        alignas(64) Array<T, step> all;
        kernels::store(all, scores);
        for (Index r = 0; r < count; ++r)
            if (all[r] > threshold) threshold = offer(first + r, all[r]);
    }
    return kernels::reduce_add(zeros) <= 0;
}

/// offer(i, scores[i]) for those i in [0, n), in order, whose score is not less than the threshold, NaN among them;
/// offer returns the next threshold. Returns whether all scores were finite.
template <class T, class Arch = xsimd::default_arch, class Offer>
bool scan_scores(const T* scores, Index n, T threshold, const Offer& offer) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    V zeros(T(0));
    for (Index first = 0; first < n; first += step) {
        const Index count = std::min(step, n - first);
        const V some = count == step ? kernels::load<V>(scores + first) : kernels::load_first<V>(scores + first, count);
        zeros = kernels::fma(some, V(T(0)), zeros);
        if (kernels::all_less(some, V(threshold))) continue;
        for (Index i = first; i < first + count; ++i)
            if (!(scores[i] < threshold)) threshold = offer(i, scores[i]);
    }
    return kernels::reduce_add(zeros) <= 0;
}

}  // namespace kernels
DEEPREC_END
