/// Ranks all items for a user, with everything about the items computed in advance.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/kernels/top_k_scan.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/ranking/scorer.hpp>
#include <deeprec/ranking/top_k.hpp>
#include <deeprec/training/fit.hpp>

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
/// Shapes: items [N, ...] as the item tower takes them; user [1, ...] as the user tower takes it. A concatenating head
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
            Buffer<T> hidden;
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
        item_width_ = vectors.dimension(1);
        if (options.first_item < 0 || items_ > (Index{1} << 31) - options.first_item)
            throw ArgumentError(message("ItemIndex: expected item numbers from 0 to 2147483647, received ", items_,
                                        " items from first_item ", options.first_item));
        if constexpr (PairHead<Head>) {
            std::copy_n(vectors.data(), vectors.size(), cached_.need(vectors.size()));
        } else {
            ConcatHead<Head>::item_term(model.head.template layer<0>(), view(vectors), cached_);
        }
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
        if constexpr (detail::ends_in_activation<Head>)
            for (Hit<T>& hit : hits) hit.score = final_activation()(hit.score);
        return hits;
    }
    /// Scores of all items before the final activation, [N], in the cache.
    template <class X>
    const T* score(const X& user, Cache& cache, ThreadPool* pool = nullptr) const {
        const auto u = model_.user.forward(user, cache.user, Inference{pool});
        if (u.extent(0) != 1) throw ShapeError(message("ItemIndex: expected one user, received ", u.extent(0)));
        const T* query = nullptr;
        if constexpr (!PairHead<Head>)
            query = ConcatHead<Head>::user_term(model_.head.template layer<0>(), u, cache.query);
        T* scores = cache.scores.need(items_);
        const Index blocks = (items_ + block - 1) / block, most_ranges = pool ? 4 * pool->threads() : 1;
        const Index length = block * std::max<Index>((blocks + most_ranges - 1) / most_ranges, 1);
        const Index ranges = (items_ + length - 1) / length;
        if (std::ssize(cache.ranges) < ranges) cache.ranges.resize(static_cast<std::size_t>(ranges));
        run_tasks(pool, ranges, [&](Index range) {
            auto& scratch = cache.ranges[static_cast<std::size_t>(range)];
            const Index end = std::min(items_, (range + 1) * length);
            for (Index begin = range * length; begin < end; begin += block) {
                const Index rows = std::min(block, end - begin);
                if constexpr (PairHead<Head>)
                    score_pairs(u, begin, rows, scores + begin, scratch);
                else
                    score_joined(query, begin, rows, scores + begin, scratch);
            }
        });
        return scores;
    }

    /// As a scorer for `evaluate_ranking`, where the user tower reads ids: it gets the last ones of the query's
    /// history, padded in front. Throws DataError unless asked for items 0..N with item 1 the index's first row.
    void operator()(const Query& query, std::span<T> scores) const {
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

    const auto& final_activation() const { return model_.head.template layer<Head::size() - 1>().activation(); }
    /// Scores of items [begin, begin + rows).
    template <class U>
    void score_pairs(const U& u, Index begin, Index rows, T* scores, typename Cache::Range& scratch) const {
        const View<const T, 2> items{cached_.data() + begin * item_width_, {rows, item_width_}};
        const auto y = detail::forward_pair<true>(model_.head, u, items, 1, scratch.head, Inference{});
        std::copy_n(y.data(), rows, scores);
    }
    void score_joined(const T* query, Index begin, Index rows, T* scores, typename Cache::Range& scratch) const {
        const auto& first = model_.head.template layer<0>();
        const Index units = first.units();
        const T* items = cached_.data() + begin * units;
        if constexpr (Head::size() == 1) {
            kernels::add_pairs(query, items, 1, 1, rows, units, scores, static_cast<T*>(nullptr), Linear{});
        } else {
            T* hidden = scratch.hidden.need(block * units);
            kernels::add_pairs(query, items, 1, 1, rows, units, hidden, static_cast<T*>(nullptr), first.activation());
            const View<const T, 2> x{hidden, {rows, units}};
            const auto y = model_.head.template forward_from<1, true>(x, scratch.head);
            std::copy_n(y.data(), rows, scores);
        }
    }

    const Model& model_;
    ItemIndexOptions options_;
    Index items_ = 0, item_width_ = 0;
    Buffer<T> cached_;  // [N, first head layer's units], or [N, D] item vectors
};
template <class Model, class Items>
ItemIndex(const Model&, const Items&, ItemIndexOptions = {}) -> ItemIndex<Model>;

DEEPREC_END
