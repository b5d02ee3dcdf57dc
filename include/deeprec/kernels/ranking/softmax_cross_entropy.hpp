/// Softmax cross-entropy over a whole catalogue, with its gradients, in memory that does not grow with targets x items:
///
///     logits[r, j] = h[r] . items[j] + bias[j]
///     losses[r]    = weight[r] (log sum_j e^logits[r, j] - logits[r, target[r]])
///
/// How it works. The items are cut into at most 8 ranges, one task each, and a range into tiles; the targets are cut
/// into blocks of rows. A sweep over the items computes the logits of a block, tile by tile, keeps a running maximum
/// and sum for each row and SIMD lane, and leaves the logits where they are. The ranges' sums are merged; the next
/// sweep turns each tile into G = weight (softmax - onehot), feeds dh += G items and d_items += G^T h at once, and puts
/// the next block's logits into its place: three products in all, and what belongs to a tile is fetched once for two
/// blocks. A block has as many rows as fit a budget. Where these are too few to be worth a sweep over so many items,
/// all rows are one block that keeps no logits; the second sweep computes them again: four products.
///
/// What holds. Ranges, and whether logits are kept, depend on the number of items alone; the ranges are merged in
/// order, and a row's loss and dh are computed alike both ways. So the bits depend neither on the number of threads
/// nor, for a row's loss and dh, on the other rows. Finite for logits of any finite size. A NaN in a row's logits makes
/// its loss and dh NaN. No pointer needs alignment, no output overlaps an input. A warm call allocates nothing. The
/// workspace with kept logits: at most 8 MB for them, the items twice, 2 numbers for each row and 2,016 (width + 2
/// lanes) more. Without, or for the losses alone: about 8 rows (width + 2 lanes) and 8 tiles, 420,000 + 3,072 width
/// numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/simd/vector.hpp>

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

/// How the work is cut, and how the workspace.
template <class T, class Arch>
struct CataloguePlan {
    static constexpr Index rows = 252, items = 192;          // of a tile: whole register tiles in all three products
    static constexpr Index stride = items + lanes<T, Arch>;  // rows of a tile do not share cache sets
    static constexpr Index most_ranges = 8, step = lanes<T, Arch>;
    static constexpr Index budget = 8 * 1024 * 1024 / sizeof(T);  // logits in memory
    static constexpr Index least_kept = 60;  // rows: with fewer, fetching the items costs more than the fourth product

    CataloguePlan(const CatalogueScores<T>& x, bool gradients)
        : tiles(std::max<Index>((x.count + most_ranges * items - 1) / (most_ranges * items), 1)),
          range_items(tiles * items),
          ranges((x.count + range_items - 1) / range_items),
          packed(packed_size<T, Arch>(x.width, items)),
          packed_rows(packed_size<T, Arch>(items, x.width)) {
        const Index fit = std::min(budget / (most_ranges * tiles * stride) / 12 * 12, rows);
        keeps = gradients && fit >= least_kept;
        block = std::max<Index>(keeps ? std::min(fit, x.rows) : x.rows, 1);
        if (!keeps) tiles = 1;
        of_tile = packed + packed_rows + std::min(block, rows) * stride;
        of_range = tiles * of_tile + block * (2 * step + x.width);
    }
    Index size(Index batch) const { return 2 * batch + ranges * of_range; }

    Index tiles, range_items, ranges;              // a range's tiles in memory and items, how many ranges
    bool keeps;                                    // the logits of a block until the next sweep
    Index block;                                   // rows
    Index packed, packed_rows, of_tile, of_range;  // numbers
};

/// A tile: items [begin, begin + items), packed for both products, and the logits of some rows.
template <class T, class Arch>
struct CatalogueTile {
    using Plan = CataloguePlan<T, Arch>;
    Index begin, items;
    T *packed, *packed_rows, *logits;

    /// f(first row, rows) for the rows [from, to), as many at a time as a tile holds; computes their logits first
    /// unless they are there already.
    template <class F>
    void for_rows(const CatalogueScores<T>& x, Index from, Index to, bool there, const F& f) const {
        for (Index r = from; r < to; r += Plan::rows) {
            const Index rows = std::min(Plan::rows, to - r);
            if (!there)
                gemm<T, Arch>(matrix_rows(x.h + r * x.ldh, rows, x.width, x.ldh), packed, items, logits, Plan::stride,
                              {.bias = x.bias ? x.bias + begin : nullptr});
            f(r, rows);
        }
    }
    /// Where row r, which starts at `row`, has the number of its target; null if that is in another tile.
    T* at_target(const CatalogueScores<T>& x, Index r, T* row) const {
        const Index j = x.targets[r] - begin;
        return j >= 0 && j < items ? row + j : nullptr;
    }
};

/// One range's part of the workspace.
template <class T, class Arch>
struct CatalogueRange {
    using Plan = CataloguePlan<T, Arch>;
    CatalogueRange(const Plan& plan, const CatalogueScores<T>& x, T* workspace, Index range)
        : begin(range * plan.range_items),
          end(std::min(x.count, begin + plan.range_items)),
          tiles(workspace + 2 * x.rows + range * plan.of_range),
          state(tiles + plan.tiles * plan.of_tile),
          dh(state + plan.block * 2 * Plan::step) {}

    /// No logits and no gradients yet.
    void clear(const Plan& plan, const CatalogueScores<T>& x) const {
        for (Index r = 0; r < plan.block; ++r) {
            std::fill_n(state + r * 2 * Plan::step, Plan::step, std::numeric_limits<T>::lowest());
            std::fill_n(state + r * 2 * Plan::step + Plan::step, Plan::step, T(0));
        }
        std::fill_n(dh, plan.block * x.width, T(0));
    }
    /// f(tile) for each tile, its items packed: for all sweeps, or into the one place for all tiles.
    template <class F>
    void for_tiles(const Plan& plan, const CatalogueScores<T>& x, Index sweep, const F& f) const {
        T* place = tiles;
        for (Index j = begin; j < end; j += Plan::items) {
            T* const packed_rows = place + plan.packed;
            const CatalogueTile<T, Arch> tile{j, std::min(Plan::items, end - j), place, packed_rows,
                                              packed_rows + plan.packed_rows};
            const T* const items = x.items + j * x.ld_items;
            if (sweep == 0 || !plan.keeps)
                pack_transposed<T, Arch>(items, x.ld_items, x.width, tile.items, tile.packed);
            if (sweep == 1) pack<T, Arch>(items, x.ld_items, tile.items, x.width, tile.packed_rows);
            f(tile);
            if (plan.keeps) place += plan.of_tile;
        }
    }

    Index begin, end;
    T* tiles;
    T* state;  // of each row of a block the maximum and the sum, lane by lane
    T* dh;     // of a block
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
    alignas(64) Array<T, 2 * step> rest;
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

/// log sum_j e^logit of row r of a block from the states of all ranges.
template <class T, class Arch>
T merged_log_sum(const CataloguePlan<T, Arch>& plan, const CatalogueScores<T>& x, T* workspace, Index r) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const auto state = [&](Index range) {
        return CatalogueRange<T, Arch>(plan, x, workspace, range).state + r * 2 * step;
    };
    V most(std::numeric_limits<T>::lowest()), sum(T(0));
    for (Index range = 0; range < plan.ranges; ++range) most = kernels::at_least(kernels::load<V>(state(range)), most);
    const T m = kernels::reduce_max(most);
    for (Index range = 0; range < plan.ranges; ++range)
        sum = kernels::fma(kernels::load<V>(state(range) + step), kernels::exp(kernels::load<V>(state(range)) - V(m)),
                           sum);
    return m + std::log(kernels::reduce_add(sum));
}
}  // namespace detail

/// losses[rows] and, unless `gradients` is null, the gradients of their sum. `pool` may be null: the caller's thread.
template <class T, class Arch = xsimd::default_arch>
void softmax_cross_entropy(const CatalogueScores<T>& x, T* losses, const CatalogueGradients<T>* gradients,
                           Buffer<T>& workspace, ThreadPool* pool = nullptr) {
    using Plan = detail::CataloguePlan<T, Arch>;
    using Range = detail::CatalogueRange<T, Arch>;
    using Tile = detail::CatalogueTile<T, Arch>;
    const Plan plan(x, gradients != nullptr);
    T* const log_sums = workspace.need(plan.size(x.rows));
    T* const target_logits = log_sums + x.rows;
    const auto weight = [&](Index r) { return x.weights ? x.weights[r] : T(1); };
    const auto score = [&](const Range& range, const Tile& tile, Index begin, Index end) {
        tile.for_rows(x, begin, end, false, [&](Index r0, Index rows) {
            for (Index r = r0; r < r0 + rows; ++r) {
                T* const logits = tile.logits + (r - r0) * Plan::stride;
                detail::add_exponentials<T, Arch>(logits, tile.items, range.state + (r - begin) * 2 * Plan::step);
                if (const T* const at = tile.at_target(x, r, logits)) target_logits[r] = *at;
            }
        });
    };
    const auto finish = [&](const Range& range, const Tile& tile, Index begin, Index end) {
        tile.for_rows(x, begin, end, plan.keeps, [&](Index r0, Index rows) {
            for (Index r = r0; r < r0 + rows; ++r) {
                T* const g = tile.logits + (r - r0) * Plan::stride;
                detail::weighted_softmax<T, Arch>(g, tile.items, log_sums[r], weight(r));
                if (T* const at = tile.at_target(x, r, g)) *at -= weight(r);
            }
            const CatalogueGradients<T>& d = *gradients;
            const Rows<T> g = matrix_rows<T>(tile.logits, rows, tile.items, Plan::stride);
            T* const dh = range.dh + (r0 - begin) * x.width;
            gemm<T, Arch>(g, tile.packed_rows, x.width, dh, x.width, {}, true);
            gemm_tn<T, Arch>(g, x.h + r0 * x.ldh, x.ldh, x.width, d.d_items + tile.begin * d.ld_d_items, d.ld_d_items);
            if (d.d_bias) sum_rows<T, Arch>(tile.logits, rows, tile.items, Plan::stride, d.d_bias + tile.begin);
        });
    };

    const Index blocks = (x.rows + plan.block - 1) / plan.block;
    for (Index sweep = 0; sweep < blocks + (gradients ? 1 : 0); ++sweep) {
        // Finishes the block [begin, middle), empty in the first sweep, and scores [middle, end), empty in the last.
        const Index begin = std::max<Index>(sweep - 1, 0) * plan.block;
        const Index middle = std::min(sweep * plan.block, x.rows), end = std::min(middle + plan.block, x.rows);
        run_tasks(pool, plan.ranges, [&](Index i) {
            const Range range(plan, x, log_sums, i);
            range.clear(plan, x);
            range.for_tiles(plan, x, sweep, [&](const Tile& tile) {
                finish(range, tile, begin, middle);
                score(range, tile, middle, end);
            });
        });
        for (Index r = begin; r < middle; ++r) {
            T* const to = gradients->dh + r * gradients->ld_dh;
            std::fill_n(to, x.width, T(0));
            for (Index i = 0; i < plan.ranges; ++i)
                add<T, Arch>(Range(plan, x, log_sums, i).dh + (r - begin) * x.width, to, x.width);
        }
        for (Index r = middle; r < end; ++r) {
            log_sums[r] = detail::merged_log_sum<T, Arch>(plan, x, log_sums, r - middle);
            losses[r] = weight(r) * (log_sums[r] - target_logits[r]);
        }
    }
}

}  // namespace kernels
DEEPREC_END
