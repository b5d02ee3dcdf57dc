/// How an index finds the best of its items for one request: no scores are kept but those of the best.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/ranking/item_codes.hpp>
#include <deeprec/ranking/item_set.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN
namespace detail {

/// The best of rows 0 ... rows - 1, items first_item, first_item + 1, ...; a row has the same score, to the bit, by
/// whichever function. Few eligible items are scored alone. Else, with codes, those whose bound is high, or all.
template <class T>
struct ItemScan {
    static constexpr Index at_once = 128;  ///< rows whose vectors stay in the L1 and L2 caches
    static constexpr Index sparse = 12;    ///< where no more than one in so many is eligible, those are scored alone

    /// What one thread has found, and the rows that wait for their scores; may be kept from request to request.
    struct Lane {
        TopK<T> best{0};
        bool finite = true;
        Index waiting = 0;
        std::array<std::int32_t, std::size_t{at_once}> rows;
        std::array<T, std::size_t{at_once}> scores;
        Buffer<T> tile;
    };

    Index rows = 0;
    std::int32_t first_item = 0;
    const ItemSet* eligible = nullptr;  ///< of the items that `allowed` allows, null = any
    ThreadPool* pool = nullptr;
    const ItemCodes* codes = nullptr;  ///< null = none
    const float* query = nullptr;      ///< whose inner products with the coded rows are scores
    Index tile = at_once;              ///< rows that `score_tile` takes; the last has what is left, up to twice as many
    FunctionRef<bool(std::int32_t)> allowed;
    FunctionRef<void(const std::int32_t* rows, Index count, T* scores, Index lane)> score_rows;
    FunctionRef<void(Index begin, Index end, T* scores, Index lane)> score_tile;

    /// The best k, best first, ties by the lower item; nothing where a score was met that is not finite.
    std::optional<std::vector<Hit<T>>> best(Index k, std::vector<Lane>& lanes) const {
        const auto threads = static_cast<std::size_t>(pool ? pool->threads() : 1);
        if (lanes.size() < threads) lanes.resize(threads);
        for (Lane& lane : lanes) lane.best.restart(std::min(k, rows)), lane.finite = true, lane.waiting = 0;
        const auto lane_of = [&](Index lane) -> Lane& { return lanes[static_cast<std::size_t>(lane)]; };
        if (eligible && eligible->count() <= rows / sparse)
            scan_eligible(lane_of);
        else if (!codes || !scan_codes(lane_of))
            scan_tiles(lane_of);
        for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
            flush(lanes[lane], static_cast<Index>(lane));
            if (!lanes[lane].finite) return std::nullopt;
            if (lane == 0) continue;
            for (const Hit<T>& hit : lanes[lane].best.found()) lanes[0].best.offer(hit.item, hit.score);
        }
        return lanes[0].best.take();
    }

private:
    std::int32_t item_of(Index row) const { return static_cast<std::int32_t>(row) + first_item; }
    /// number(i) is the row of score i.
    template <class Number>
    void offer(Lane& lane, const T* scores, Index n, const Number& number) const {
        lane.finite &= kernels::scan_scores(scores, n, lane.best.threshold(), [&](Index i, T score) {
            const std::int32_t item = item_of(number(i));
            if (allowed(item)) lane.best.offer(item, score);
            return lane.best.threshold();
        });
    }
    void flush(Lane& lane, Index number) const {
        if (lane.waiting == 0) return;
        score_rows(lane.rows.data(), lane.waiting, lane.scores.data(), number);
        offer(lane, lane.scores.data(), std::exchange(lane.waiting, 0),
              [&](Index i) { return lane.rows[static_cast<std::size_t>(i)]; });
    }
    void add(Lane& lane, std::int32_t row, Index number) const {
        lane.rows[static_cast<std::size_t>(lane.waiting++)] = row;
        if (lane.waiting == at_once) flush(lane, number);
    }
    template <class LaneOf>
    void scan_eligible(const LaneOf& lane_of) const {
        constexpr Index block = 16384;
        run_tasks(pool, (rows + block - 1) / block, [&](Index b, Index lane) {
            eligible->for_each(item_of(b * block), item_of(std::min(rows, (b + 1) * block)),
                               [&](std::int32_t item) { add(lane_of(lane), item - first_item, lane); });
        });
    }
    template <class LaneOf>
    bool scan_codes(const LaneOf& lane_of) const {
        return codes->scan(query, pool, [&](Index first, Index last, Index lane) {
            for (Index row = first; row < last; ++row)
                if (!eligible || eligible->contains(item_of(row)))
                    add(lane_of(lane), static_cast<std::int32_t>(row), lane);
            return static_cast<float>(lane_of(lane).best.threshold());
        });
    }
    template <class LaneOf>
    void scan_tiles(const LaneOf& lane_of) const {
        const Index tiles = rows == 0 ? 0 : std::max<Index>(rows / tile, 1);
        run_tasks(pool, tiles, [&](Index number, Index lane) {
            const Index begin = number * tile, end = number + 1 < tiles ? begin + tile : rows;
            T* const scores = lane_of(lane).tile.need(2 * tile);
            score_tile(begin, end, scores, lane);
            offer(lane_of(lane), scores, end - begin, [&](Index i) { return begin + i; });
        });
    }
};

}  // namespace detail
DEEPREC_END
