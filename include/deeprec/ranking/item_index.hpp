/// Ranks all items for a user, with everything about the items computed in advance.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/ranking/scorer.hpp>
#include <deeprec/ranking/top_k.hpp>
#include <deeprec/training/predict.hpp>

DEEPREC_BEGIN

struct ItemIndexOptions {
    std::int32_t first_item = 0;  ///< item number of the first row, at least 0; 1 where 0 is padding
    int threads = 0;              ///< for building; 0 = all cores
};

struct RecommendOptions {
    std::span<const std::int32_t>
        exclude{};  ///< items never to recommend (seen ones); others than the index's are ignored
    /// Empty, or true for the items that may be recommended; the calling thread asks about those that would be.
    std::function<bool(std::int32_t)> allow{};
    /// Shares the items, and what layers of the user's tower can share, among its threads, with the same bits for any
    /// number of them; null = the calling thread alone. A pool serves one request at a time, and gains nothing with
    /// fewer than some thousand items, but for large LSTMs.
    ThreadPool* pool = nullptr;
};

namespace detail {
/// The best k of the scores of the items first_item, first_item + 1, ... that the options allow. Throws NumericError,
/// in the name of who asks, for the first of these items whose score is not finite.
template <class T>
std::vector<Hit<T>> best_allowed(std::string_view name, const T* scores, Index items, std::int32_t first_item, Index k,
                                 const RecommendOptions& options, Buffer<std::uint8_t>& scratch) {
    std::uint8_t* excluded = scratch.need_zeros(items);
    for (const std::int32_t item : options.exclude)
        if (item >= first_item && item - first_item < items) excluded[item - first_item] = 1;
    const auto item_of = [&](Index i) { return static_cast<std::int32_t>(i) + first_item; };
    const auto allowed = [&](Index i) { return !excluded[i] && (!options.allow || options.allow(item_of(i))); };
    TopK<T> best(std::min(k, items));
    const bool finite = kernels::scan_scores(scores, items, best.threshold(), [&](Index i, T score) {
        if (allowed(i)) best.offer(item_of(i), score);
        return best.threshold();
    });
    if (!finite)
        for (Index i = 0; i < items; ++i)
            if (!std::isfinite(scores[i]) && allowed(i)) check_finite_score(name, item_of(i), scores[i]);
    return best.take();
}
}  // namespace detail

/// An index of a TwoTower's items: `ItemIndex index{model, items}; index.recommend(user, 10, {.exclude = seen, .allow =
/// predicate})`.
///
/// Shapes: items [N, ...] as the item tower takes them; user [1, ...] as the user tower takes it; records where a tower
/// reads named fields. A concatenating head
/// starts with a Dense layer, and W [u; v] = Wu u + Wv v: Wv v is computed once an item, a request adds Wu u + b.
/// A pair head keeps the item vectors. Scores are the model's outputs up to rounding; ranking goes by the value before
/// the final activation, so saturated probabilities keep their order.
/// The index reads the model, which must outlive it; it must be built again when the weights change. `recommend` is
/// const and safe to call from many threads.
template <class Model>
class ItemIndex {
    using Head = decltype(Model::head);

public:
    using T = typename Model::Scalar;
    /// Scratch memory of one caller; a request with a used cache allocates only its result.
    struct Cache {
        struct Range {
            typename Head::Cache head;
        };
        typename decltype(Model::user)::Cache user;
        std::vector<Range> ranges;
        Buffer<T> query, scores;
        Buffer<std::uint8_t> excluded;
    };

    /// Throws ShapeError unless the head gives one number, ArgumentError for item numbers outside 0 to 2^31 - 1.
    template <class Items>
    ItemIndex(const Model& model, const Items& items, ItemIndexOptions options = {})
        : model_(model), options_(options) {
        if constexpr (requires { model.head.output_shape(); })
            if (model.head.output_shape() != Shape{1})
                throw ShapeError(
                    message("ItemIndex: expected a head with one output, received ", model.head.output_shape()));
        const auto vectors = predict(model.item, items, {.threads = options.threads});
        items_ = vectors.dimension(0);
        if (options.first_item < 0 || items_ > (Index{1} << 31) - options.first_item)
            throw ArgumentError(message("ItemIndex: expected item numbers from 0 to 2147483647, received ", items_,
                                        " items from first_item ", options.first_item));
        model.head.item_term(view(vectors), cached_);
    }

    /// A temporary model would be gone before the first request.
    template <class Items>
    ItemIndex(const Model&&, const Items&, ItemIndexOptions = {}) = delete;

    /// Number of items.
    Index size() const { return items_; }
    /// Item number of the first row.
    std::int32_t first_item() const { return options_.first_item; }
    const Model& model() const { return model_; }

    /// The best k allowed items, best first, ties by the lower item; fewer only where fewer are allowed.
    /// Throws ArgumentError for a negative k, ShapeError unless `user` is one sample, NumericError for the first item
    /// that may be recommended and whose score, before the final activation, is not finite.
    template <class X>
    std::vector<Hit<T>> recommend(const X& user, Index k, const RecommendOptions& options = {}) const {
        Cache cache;
        return recommend(user, k, options, cache);
    }
    template <class X>
    std::vector<Hit<T>> recommend(const X& user, Index k, const RecommendOptions& options, Cache& cache) const {
        const T* scores = score(user, cache, options.pool);
        auto hits = detail::best_allowed("ItemIndex", scores, items_, options_.first_item, k, options, cache.excluded);
        if constexpr (!std::is_same_v<typename Head::FinalActivation, Linear>)
            for (Hit<T>& hit : hits) hit.score = model_.head.final_activation()(hit.score);
        return hits;
    }
    /// Scores of all items before the final activation, [N], in the cache.
    template <class X>
    const T* score(const X& user, Cache& cache, ThreadPool* pool = nullptr) const {
        const auto u = model_.user.forward(user, cache.user, Inference{pool});
        if (u.extent(0) != 1) throw ShapeError(message("ItemIndex: expected one user, received ", u.extent(0)));
        const T* const query = model_.head.user_term(u, cache.query);
        T* scores = cache.scores.need(items_);
        const Index blocks = (items_ + block - 1) / block, most_ranges = pool ? 4 * pool->threads() : 1;
        const Index length = block * std::max<Index>((blocks + most_ranges - 1) / most_ranges, 1);
        const Index ranges = (items_ + length - 1) / length;
        if (std::ssize(cache.ranges) < ranges) cache.ranges.resize(static_cast<std::size_t>(ranges));
        run_tasks(pool, ranges, [&](Index range) {
            auto& scratch = cache.ranges[static_cast<std::size_t>(range)];
            const Index end = std::min(items_, (range + 1) * length);
            for (Index begin = range * length; begin < end; begin += block) {
                const Index rows = std::min<Index>(block, end - begin);
                const T* const items = cached_.data() + begin * model_.head.half_width();
                std::copy_n(model_.head.score_halves(query, items, rows, scratch.head), rows, scores + begin);
            }
        });
        return scores;
    }

    /// As a scorer for `evaluate_ranking`, where the user tower reads ids: it gets the last ones of the query's
    /// history, padded in front. Throws DataError unless asked for items 0..N with item 1 the index's first row.
    void operator()(const Query& query, std::span<T> scores) const {
        static_assert(std::is_same_v<typename decltype(Model::user)::InputElement, std::int32_t>,
                      "ItemIndex: a query has a history of ids alone; ask recommend(record, k) where the user tower "
                      "reads other inputs");
        if (options_.first_item != 1 || static_cast<Index>(scores.size()) != items_ + 1)
            throw DataError(message("ItemIndex: it has items ", options_.first_item, " to ",
                                    options_.first_item + items_ - 1, ", asked for scores of items 1 to ",
                                    static_cast<Index>(scores.size()) - 1));
        thread_local Cache cache;  // scratch alone: nothing in it outlives the call
        const auto user = pad_last(std::span(&query, 1), model_.user.input_shape()[0]);
        std::copy_n(score(user, cache), items_, scores.begin() + 1);
    }

private:
    static constexpr Index block = 128;  // items whose hidden values stay in the L1 and L2 caches

    const Model& model_;
    ItemIndexOptions options_;
    Index items_ = 0;
    Buffer<T> cached_;  // the items' halves of their scores, [N, half_width]
};
template <class Model, class Items>
ItemIndex(const Model&, const Items&, ItemIndexOptions = {}) -> ItemIndex<Model>;

DEEPREC_END
