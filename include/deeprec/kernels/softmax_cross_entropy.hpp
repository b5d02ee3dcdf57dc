/// Softmax cross-entropy over a whole catalogue, with its gradients, in memory that does not grow with targets x items:
///
///     logits[r, j] = h[r] . items[j] + bias[j]
///     losses[r]    = weight[r] (log sum_j e^logits[r, j] - logits[r, target[r]])
///
/// How it works. The items are cut into at most 8 ranges, one task each, and a range into tiles. Pass 1 computes a tile
/// of logits for a block of rows, which stays in the L2 cache, and keeps a running maximum and sum for each row and
/// SIMD lane. The ranges' sums are merged; pass 2 computes each tile again, turns it into
/// G = weight (softmax - onehot) and feeds dh += G items and d_items += G^T h at once: four products in all.
///
/// What holds. Ranges depend on the number of items alone and are merged in order: the bits depend neither on the
/// number of threads nor, for a row's loss and dh, on the other rows. Finite for logits of any finite size. A NaN in a
/// row's logits makes its loss and dh NaN. No pointer needs alignment, no output overlaps an input. A warm call
/// allocates nothing. The workspace holds about 8 rows (width + 2 lanes) numbers and 1.3 MB x sizeof(T).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/gemm.hpp>
#include <deeprec/kernels/vector.hpp>

DEEPREC_BEGIN
namespace kernels {

/// The operands: h [rows, width] with rows ldh apart, items [count, width] with rows ld_items apart, bias [count] or
/// null, targets [rows] in [0, count), weights [rows] or null for ones.
template <class T>
struct CatalogueScores {
    const T* h;
    Index rows, ldh;
    const T* items;
    Index count, ld_items;
    Index width;
    const T* bias;
    const std::int32_t* targets;
    const T* weights;
};

/// Where the gradients of the sum of all losses go: dh [rows, width] is written, d_items [count, width] and d_bias
/// [count] (or null) are added to.
template <class T>
struct CatalogueGradients {
    T* dh;
    Index ld_dh;
    T* d_items;
    Index ld_d_items;
    T* d_bias;
};

namespace detail {

/// How the work is cut, and where each range finds its part of the workspace.
template <class T, class Arch>
struct CataloguePlan {
    static constexpr Index rows = 252, items = 192;          // of a tile: whole register tiles in all three products
    static constexpr Index stride = items + lanes<T, Arch>;  // rows of a tile do not share cache sets
    static constexpr Index most_ranges = 8, step = lanes<T, Arch>;

    CataloguePlan(const CatalogueScores<T>& x)
        : range_items(std::max<Index>((x.count + most_ranges * items - 1) / (most_ranges * items), 1) * items),
          ranges((x.count + range_items - 1) / range_items),
          packed(packed_size<T, Arch>(x.width, items)),
          packed_rows(packed_size<T, Arch>(items, x.width)),
          scratch(rows * stride + packed + packed_rows),
          of_range(scratch + x.rows * (2 * step + x.width)) {}
    Index size(Index batch) const { return 2 * batch + ranges * of_range; }

    Index range_items, ranges, packed, packed_rows, scratch, of_range;
};

/// One range's part of the workspace.
template <class T, class Arch>
struct CatalogueRange {
    using Plan = CataloguePlan<T, Arch>;
    CatalogueRange(const Plan& plan, const CatalogueScores<T>& x, T* workspace, Index range)
        : begin(range * plan.range_items),
          end(std::min(x.count, begin + plan.range_items)),
          tile(workspace + 2 * x.rows + range * plan.of_range),
          packed(tile + Plan::rows * Plan::stride),
          packed_rows(packed + plan.packed),
          state(tile + plan.scratch),
          dh(state + x.rows * 2 * Plan::step) {}

    /// f(first row, rows, first item, items) for each tile of logits.
    template <class F>
    void for_tiles(const CatalogueScores<T>& x, const F& f) const {
        for (Index j = begin; j < end; j += Plan::items) {
            const Index items = std::min(Plan::items, end - j);
            pack_transposed<T, Arch>(x.items + j * x.ld_items, x.ld_items, x.width, items, packed);
            for (Index r = 0; r < x.rows; r += Plan::rows) {
                const Index rows = std::min(Plan::rows, x.rows - r);
                gemm<T, Linear, Arch>(matrix_rows(x.h + r * x.ldh, rows, x.width, x.ldh), packed, items, tile,
                                      Plan::stride, x.bias ? x.bias + j : nullptr);
                f(r, rows, j, items);
            }
        }
    }

    Index begin, end;
    T *tile, *packed, *packed_rows;
    T* state;  // of each row the maximum and the sum, lane by lane
    T* dh;
};

/// Adds n logits to a row's running maximum m and sum s of e^(logit - m), each lane on its own.
template <class T, class Arch>
void add_exponentials(const T* logits, Index n, T* state) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const V missing(std::numeric_limits<T>::lowest());
    const V old = kernels::load<V>(state);
    V most[2] = {old, old};
    Index i = 0;
    for (; i + 2 * step <= n; i += 2 * step) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 2; ++j) most[j] = kernels::at_least(kernels::load<V>(logits + i + j * step), most[j]);
    }
    alignas(64) T rest[2 * step];
    if (i < n) {
        kernels::store(rest, missing);
        kernels::store(rest + step, missing);
        std::copy(logits + i, logits + n, rest);
        DEEPREC_UNROLL
        for (Index j = 0; j < 2; ++j) most[j] = kernels::at_least(kernels::load<V>(rest + j * step), most[j]);
    }
    const V m = kernels::at_least(most[0], most[1]);
    V sum[2] = {kernels::load<V>(state + step) * kernels::exp_up_to_1(old - m), V(T(0))};
    const auto add_two = [&](const T* x) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 2; ++j) sum[j] = sum[j] + kernels::exp_up_to_1(kernels::load<V>(x + j * step) - m);
    };
    for (i = 0; i + 2 * step <= n; i += 2 * step) add_two(logits + i);
    if (i < n) add_two(rest);
    kernels::store(state, m);
    kernels::store(state + step, sum[0] + sum[1]);
}

/// x[i] = weight e^(x[i] - log_sum).
template <class T, class Arch>
void weighted_softmax(T* x, Index n, T log_sum, T weight) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const V shift(log_sum), factor(weight);
    Index i = 0;
    for (; i + 2 * step <= n; i += 2 * step) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 2; ++j) {
            T* const at = x + i + j * step;
            kernels::store(at, factor * kernels::exp_up_to_1(kernels::load<V>(at) - shift));
        }
    }
    for (; i < n; i += step) {
        const Index left = std::min(step, n - i);
        kernels::store_first(x + i, factor * kernels::exp_up_to_1(kernels::load_first<V>(x + i, left) - shift), left);
    }
}

/// log sum_j e^logit of row r from the states of all ranges.
template <class T, class Arch>
T merged_log_sum(const CataloguePlan<T, Arch>& plan, const CatalogueScores<T>& x, T* workspace, Index r) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const auto state = [&](Index range) {
        return CatalogueRange<T, Arch>(plan, x, workspace, range).state + r * 2 * step;
    };
    V most(std::numeric_limits<T>::lowest()), sum(T(0));
    for (Index range = 0; range < plan.ranges; ++range) most = kernels::at_least(kernels::load<V>(state(range)), most);
    const T m = reduce_max(most);
    for (Index range = 0; range < plan.ranges; ++range)
        sum = kernels::fma(kernels::load<V>(state(range) + step), kernels::exp(kernels::load<V>(state(range)) - V(m)),
                           sum);
    return m + std::log(reduce_add(sum));
}
}  // namespace detail

/// losses[rows] and, unless `gradients` is null, the gradients of their sum. `pool` may be null: the caller's thread.
template <class T, class Arch = xsimd::default_arch>
void softmax_cross_entropy(const CatalogueScores<T>& x, T* losses, const CatalogueGradients<T>* gradients,
                           Buffer<T>& workspace, ThreadPool* pool = nullptr) {
    using Plan = detail::CataloguePlan<T, Arch>;
    using Range = detail::CatalogueRange<T, Arch>;
    const Plan plan(x);
    T* const log_sums = workspace.need(plan.size(x.rows));
    T* const target_logits = log_sums + x.rows;
    const auto weight = [&](Index r) { return x.weights ? x.weights[r] : T(1); };
    const auto for_ranges = [&](const auto& f) {
        run_tasks(pool, plan.ranges, [&](Index i) { f(Range(plan, x, log_sums, i)); });
    };

    for_ranges([&](const Range& range) {
        for (Index r = 0; r < x.rows; ++r) {
            T* const state = range.state + r * 2 * Plan::step;
            std::fill_n(state, Plan::step, std::numeric_limits<T>::lowest());
            std::fill_n(state + Plan::step, Plan::step, T(0));
        }
        range.for_tiles(x, [&](Index r0, Index rows, Index j0, Index items) {
            for (Index r = 0; r < rows; ++r) {
                const T* const logits = range.tile + r * Plan::stride;
                detail::add_exponentials<T, Arch>(logits, items, range.state + (r0 + r) * 2 * Plan::step);
                const Index target = x.targets[r0 + r] - j0;
                if (target >= 0 && target < items) target_logits[r0 + r] = logits[target];
            }
        });
    });
    for (Index r = 0; r < x.rows; ++r) {
        log_sums[r] = detail::merged_log_sum<T, Arch>(plan, x, log_sums, r);
        losses[r] = weight(r) * (log_sums[r] - target_logits[r]);
    }
    if (!gradients) return;

    const CatalogueGradients<T>& d = *gradients;
    for_ranges([&](const Range& range) {
        std::fill_n(range.dh, x.rows * x.width, T(0));
        Index packed_item = -1;
        range.for_tiles(x, [&](Index r0, Index rows, Index j0, Index items) {
            for (Index r = 0; r < rows; ++r) {
                T* const g = range.tile + r * Plan::stride;
                detail::weighted_softmax<T, Arch>(g, items, log_sums[r0 + r], weight(r0 + r));
                const Index target = x.targets[r0 + r] - j0;
                if (target >= 0 && target < items) g[target] -= weight(r0 + r);
            }
            if (packed_item != j0) {
                pack<T, Arch>(x.items + j0 * x.ld_items, x.ld_items, items, x.width, range.packed_rows);
                packed_item = j0;
            }
            const Rows<T> g = matrix_rows<T>(range.tile, rows, items, Plan::stride);
            gemm<T, Linear, Arch>(g, range.packed_rows, x.width, range.dh + r0 * x.width, x.width, nullptr, {}, true);
            gemm_tn<T, Arch>(g, x.h + r0 * x.ldh, x.ldh, x.width, d.d_items + j0 * d.ld_d_items, d.ld_d_items);
            if (d.d_bias) sum_rows<T, Arch>(range.tile, rows, items, Plan::stride, d.d_bias + j0);
        });
    });
    for (Index r = 0; r < x.rows; ++r) {
        T* const to = d.dh + r * d.ld_dh;
        std::fill_n(to, x.width, T(0));
        for (Index i = 0; i < plan.ranges; ++i) add<T, Arch>(Range(plan, x, log_sums, i).dh + r * x.width, to, x.width);
    }
}

}  // namespace kernels
DEEPREC_END
