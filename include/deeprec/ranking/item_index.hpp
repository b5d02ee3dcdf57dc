/// Ranks all items for a user, with everything about the items computed in advance.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/ranking/item_scan.hpp>
#include <deeprec/ranking/merge_top_k.hpp>
#include <deeprec/ranking/recommend_options.hpp>
#include <deeprec/training/fingerprint.hpp>
#include <deeprec/training/predict.hpp>

DEEPREC_BEGIN

/// Of ItemIndex: `ItemIndex{model, rows, {.first_item = 1}}`.
struct ItemIndexOptions {
    std::int32_t first_item = 0;  ///< item number of the first row, at least 0; 1 where 0 is padding
    int threads = 0;              ///< for building; 0 = all cores
    /// int8 for the heads Dot and Cosine of float alone, whose scores are inner products.
    ItemStorage storage = ItemStorage::float32;
    /// For user towers that read named fields: those of the queries' events and users, which must outlive the index,
    /// and the name of the items of the history, as in NextItemRecords.
    const SequenceFields* fields = nullptr;
    std::string history_field = "item";  ///< what the user tower calls the items of the history
    /// Processes that share the items: each scans its part of them, and with int8 keeps the codes of that part alone.
    /// All ranks have the model and the items and ask the same, and each gets the lists of one index, to the bit.
    /// Scores of all items, as a hybrid asks for, are made by each rank alone.
    AnyWorld world{};
};

/// An index of a TwoTower's items: `ItemIndex index{model, items}; index.recommend(user, 10, {.exclude = seen, .allow =
/// predicate})`.
///
/// Shapes: items [N, ...] as the item tower takes them; user [1, ...] as the user tower takes it; records where a tower
/// reads named fields. A concatenating head
/// starts with a Dense layer, and W [u; v] = Wu u + Wv v: Wv v is computed once an item, a request adds Wu u + b.
/// A pair head keeps the item vectors. Scores are the model's outputs up to rounding; ranking goes by the value before
/// the final activation, so saturated probabilities keep their order.
/// `{.storage = int8}` keeps D + 8 bytes an item beside the vectors; requests read those and the vectors of the few
/// items whose scores can be high. Lists are the same in every bit.
/// The index reads the model, which must outlive it unless it is given as a shared_ptr; it must be built again when the
/// weights change. `recommend` is const and safe to call from many threads.
template <class Model>
class ItemIndex {
    using HeadModel = decltype(Model::head);
    static constexpr bool has_vectors = requires(const HeadModel& head) { head.inner_scale(); };
    static constexpr bool has_codes = std::is_same_v<typename Model::Scalar, float> && has_vectors;

public:
    static constexpr std::string_view kind = "ItemIndex";  ///< in files
    using T = typename Model::Scalar;
    using ItemElement = typename decltype(Model::item)::InputElement;  ///< what the item tower reads
    /// Scratch memory of one caller; a request with a used cache allocates only its result.
    struct Cache {
        struct Range {
            typename HeadModel::Cache head;
            Buffer<T> eligible;  // halves of those of a block that may be recommended, one after the other
        };
        typename decltype(Model::user)::Cache user;
        std::vector<Range> ranges;
        std::vector<typename detail::ItemScan<T>::Lane> lanes;
        Buffer<T> query, scores;
        Buffer<std::int32_t> excluded;
    };

    /// Throws ShapeError unless the head gives one number, ArgumentError for item numbers outside 0 to 2^31 - 1 and for
    /// int8 of another head than Dot and Cosine.
    template <class Items>
    ItemIndex(const Model& model, const Items& items, ItemIndexOptions options = {})
        : ItemIndex(detail::borrowed(model), items, options) {}
    /// An index that keeps its model alive.
    template <class Items>
    ItemIndex(std::shared_ptr<const Model> shared, const Items& items, ItemIndexOptions options = {})
        : model_(std::move(shared)), options_(options) {
        const Model& model = *model_;
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
        read_ = this->items();
        encode();
    }

    /// Of no model, to be loaded.
    ItemIndex() = default;
    /// The model and the items' halves of their scores.
    void fields(StoredFields& f) {
        f.kind(kind);
        f.model("model", model_);
        f.number("first_item", options_.first_item);
        if constexpr (std::is_same_v<typename decltype(Model::user)::InputElement, Named>)
            f.text("history_field", options_.history_field);
        f.matrix("halves", items_, width(), cached_);
        f.require(options_.first_item >= 0 && items_ <= (Index{1} << 31) - options_.first_item,
                  "expected item numbers from 0 to 2147483647, received ", items_, " items from ", options_.first_item);
        if (f.reading()) read_ = items();
        if (!f.reading() || f.has("read")) f.number("read", read_);
        f.require(read_ >= options_.first_item - 1 && read_ <= items(), "expected a user tower that reads items up to ",
                  items(), ", received ", read_);
        detail::stored_storage(f, options_.storage);
        f.require(options_.storage == ItemStorage::float32 || has_codes, "expected float32 storage of this head");
        if (f.reading()) encode();
    }

    /// New items by what the item tower takes, [count, ...]; old ones keep their scores to the bit. The user tower was
    /// built without them: their events are passed over in the histories of queries. Throws ArgumentError for another
    /// number of rows, and for more than 2^31 - 1 item numbers.
    template <class Items>
        requires requires(const Items& features) { view(features); }
    void add_items(Index count, const Items& features) {
        const auto vectors = predict(model_->item, features, {.threads = options_.threads});
        if (vectors.dimension(0) != count || items_ + count > (Index{1} << 31) - options_.first_item)
            throw ArgumentError(message("ItemIndex: expected features of ", count, " new items beside ", items_,
                                        ", received ", vectors.dimension(0)));
        Buffer<T> more, all;
        model_->head.item_term(view(vectors), more);
        T* const to = all.need((items_ + count) * width());
        std::copy_n(cached_.data(), items_ * width(), to);
        std::copy_n(more.data(), count * width(), to + items_ * width());
        cached_ = std::move(all);
        items_ += count;
        encode();
    }

    /// A temporary model would be gone before the first request.
    template <class Items>
    ItemIndex(const Model&&, const Items&, ItemIndexOptions = {}) = delete;

    /// Number of items.
    Index size() const { return items_; }
    /// The largest item number, as of every scorer.
    std::int32_t items() const { return static_cast<std::int32_t>(options_.first_item + items_ - 1); }
    /// Item number of the first row.
    std::int32_t first_item() const { return options_.first_item; }
    /// Whose towers it runs.
    const Model& model() const { return *model_; }
    /// How it keeps the items.
    ItemStorage storage() const { return options_.storage; }

    /// The best k allowed items, best first, ties by the lower item; fewer only where fewer are allowed.
    /// Throws ArgumentError for a negative k and for exclude_history (a user's tensor is no history of items: `exclude`
    /// them), ShapeError unless `user` is one sample, NumericError for the first item that may be recommended and whose
    /// score, before the final activation, is not finite.
    template <class X>
    std::vector<Hit<T>> recommend(const X& user, Index k, const RecommendOptions& options = {}) const {
        Cache cache;
        return recommend(user, k, options, cache);
    }
    template <class X>
    std::vector<Hit<T>> recommend(const X& user, Index k, const RecommendOptions& options, Cache& cache) const {
        if (options.exclude_history)
            throw ArgumentError(
                "ItemIndex: expected the items to exclude in `exclude`, received exclude_history: a user's "
                "tensor is no history of items");
        auto hits = best("ItemIndex", user, {}, k, options, cache);
        if constexpr (!std::is_same_v<typename HeadModel::FinalActivation, Linear>)
            for (Hit<T>& hit : hits) hit.score = model_->head.final_activation()(hit.score);
        return hits;
    }
    /// For a query: what `recommend(index, query, k)` gives, with the scores before the final activation. Throws
    /// DataError unless item 1 is the index's first row.
    std::vector<Hit<T>> best(const Query& query, Index k, const RecommendOptions& options = {}) const {
        if (options_.first_item != 1)
            throw DataError(message("ItemIndex: expected items from 1, it has items from ", options_.first_item));
        Cache cache;
        return with_user(query, [&](const auto& user) {
            return best("recommend", user, query.history, k, options, cache);
        });
    }
    /// Scores of all items before the final activation, [N], in the cache; the lowest number for items that are not
    /// among the eligible ones, where those are given.
    template <class X>
    const T* score(const X& user, Cache& cache, ThreadPool* pool = nullptr, const ItemSet* eligible = nullptr) const {
        const T* const query = query_of(user, cache, pool);
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
                if (eligible)
                    score_eligible(query, begin, begin + rows, *eligible, scratch, scores);
                else
                    std::copy_n(model_->head.score_halves(query, half(begin), rows, scratch.head), rows,
                                scores + begin);
            }
        });
        return scores;
    }

    /// As a scorer: the user tower gets the last items of the query's history, padded in front; one that reads named
    /// fields gets the record that NextItemRecords makes. Throws DataError unless asked for items 0..N with item 1 the
    /// index's first row, ShapeError for a tower that reads another field than it gets.
    void operator()(const Query& query, std::span<T> scores) const { score_all(query, scores, nullptr, nullptr); }
    /// The same with the lowest number for items that are not eligible, over the threads of a pool.
    void score(const Query& query, std::span<T> scores, const std::optional<ItemSet>& eligible,
               ThreadPool* pool) const {
        score_all(query, scores, eligible ? &*eligible : nullptr, pool);
    }
    /// What the user tower reads of a query's events and user: the query's own, else those of the index. Throws as
    /// SequenceFields::of.
    FieldsOfSequence fields_of(const Query& query) const {
        return query.fields ? *query.fields : options_.fields ? options_.fields->of(query) : FieldsOfSequence{};
    }
    /// For engines of nearest neighbours, of heads whose scores are inner products (Dot, Cosine): the items' vectors
    /// [N, W], row i of item first_item + i, and a user's [1, W]. Their inner products are the scores, to rounding.
    Tensor<T, 2> search_vectors() const
        requires has_vectors
    {
        Tensor<T, 2> vectors(items_, width());
        std::copy_n(cached_.data(), vectors.size(), vectors.data());
        for (Index row = 0; model_ && model_->head.normalize_rows() && row < items_; ++row)
            divide_by_length(vectors.data() + row * width());
        return vectors;
    }
    /// For engines of nearest neighbours: the vector [1, D] of a user, whose inner products with search_vectors are
    /// scores.
    template <class X>
    Tensor<T, 2> search_query(const X& user) const
        requires has_vectors
    {
        Cache cache;
        const auto query = vector_of(query_of(user, cache, nullptr));
        Tensor<T, 2> vector(1, width());
        std::copy(query.begin(), query.end(), vector.data());
        return vector;
    }
    /// The same for a query, with the fields that the index has of its user.
    Tensor<T, 2> search_query(const Query& query) const
        requires has_vectors
    {
        return with_user(query, [&](const auto& user) { return search_query(user); });
    }
    /// The cosine of two items' halves of their scores. Throws DataError for an item that is not in the index.
    double similarity(std::int32_t a, std::int32_t b) const { return detail::cosine(row_of(a), row_of(b), width()); }

private:
    static constexpr Index block = detail::ItemScan<T>::at_once;  // whose hidden values stay in the L1 and L2 caches

    void score_all(const Query& query, std::span<T> scores, const ItemSet* eligible, ThreadPool* pool) const {
        if (options_.first_item != 1 || static_cast<Index>(scores.size()) != items_ + 1)
            throw DataError(message("ItemIndex: it has items ", options_.first_item, " to ", items(),
                                    ", asked for scores of items 1 to ", static_cast<Index>(scores.size()) - 1));
        thread_local Cache cache;  // scratch alone: nothing in it outlives the call
        with_user(query, [&](const auto& user) {
            std::copy_n(score(user, cache, pool, eligible), items_, scores.begin() + 1);
        });
    }
    /// f(what the user tower reads of a query).
    template <class F>
    auto with_user(const Query& asked, const F& f) const {
        using Element = typename decltype(Model::user)::InputElement;
        static_assert(std::is_same_v<Element, std::int32_t> || std::is_same_v<Element, Named>,
                      "ItemIndex: a query has a history of ids and fields; ask recommend(tensor, k) where the user "
                      "tower reads numbers");
        if (!model_) throw ArgumentError("ItemIndex: it has no model, expected one to be loaded");
        const auto is_new = [&](std::int32_t item) { return item > read_ && item <= items(); };
        Query query = asked;
        std::vector<std::int32_t> known;
        if (std::any_of(query.history.begin(), query.history.end(), is_new)) {
            known.assign(query.history.begin(), query.history.end());
            if constexpr (std::is_same_v<Element, std::int32_t>)
                std::erase_if(known, is_new);
            else  // where rows of fields belong to the events
                std::replace_if(known.begin(), known.end(), is_new, 0);
            query.history = known;
        }
        if constexpr (std::is_same_v<Element, std::int32_t>) {
            return f(pad_last(std::span(&query, 1), model_->user.input_shape()[0]));
        } else {
            const RecordShape reads = model_->user.input_shape();
            const auto history = std::find_if(reads.begin(), reads.end(), [&](const FieldShape& own) {
                return own.name == options_.history_field;
            });
            const Index steps = history == reads.end() ? 1 : history->shape[0];
            thread_local detail::QueryRecords record;
            record.clear();
            record.add(query, fields_of(asked), steps);
            return f(record.all(steps, options_.history_field, reads));
        }
    }
    Index width() const { return model_->head.half_width(); }
    const T* half(Index row) const { return cached_.data() + row * width(); }
    const T* row_of(std::int32_t item) const {
        if (item < options_.first_item || item > items())
            throw DataError(message("ItemIndex: expected an item from ", options_.first_item, " to ", items(),
                                    ", received ", item));
        return half(Index{item} - options_.first_item);
    }
    /// The part of the rows that this rank scans, and codes of what their halves are in inner products.
    void encode() {
        begin_ = items_ * options_.world.rank() / options_.world.size();
        own_ = items_ * (options_.world.rank() + 1) / options_.world.size() - begin_;
        if (options_.storage == ItemStorage::float32) return;
        if constexpr (has_codes) {
            Buffer<T> own;
            const T* vectors = half(begin_);
            if (model_->head.normalize_rows()) {
                std::copy_n(vectors, own_ * width(), own.need(own_ * width()));
                for (Index row = 0; row < own_; ++row) divide_by_length(own.data() + row * width());
                vectors = own.data();
            }
            codes_ = detail::ItemCodes("ItemIndex", vectors, nullptr, own_, width());
        } else {
            throw ArgumentError(
                "ItemIndex: expected float32 storage, int8 is for the heads Dot and Cosine of models of float");
        }
    }
    /// By the length that the head divides by.
    void divide_by_length(T* row) const {
        const T inverse = T(1) / std::sqrt(std::max(T(1e-12), kernels::dot<T>(row, row, width())));
        for (Index j = 0; j < width(); ++j) row[j] *= inverse;
    }
    /// The user's half as the vector whose inner products with the items' are scores.
    std::vector<T> vector_of(const T* query) const {
        std::vector<T> vector(query, query + width());
        if (model_->head.normalize_rows()) divide_by_length(vector.data());
        for (T& x : vector) x *= model_->head.inner_scale();
        return vector;
    }
    /// The user's half of all scores.
    template <class X>
    const T* query_of(const X& user, Cache& cache, ThreadPool* pool) const {
        if (!model_) throw ArgumentError("ItemIndex: it has no model, expected one to be loaded");
        const auto u = model_->user.forward(user, cache.user, Inference{pool});
        if (u.extent(0) != 1) throw ShapeError(message("ItemIndex: expected one user, received ", u.extent(0)));
        return model_->head.user_term(u, cache.query);
    }
    /// The list for a user, in the name of who asks.
    template <class X>
    std::vector<Hit<T>> best(std::string_view name, const X& user, std::span<const std::int32_t> history, Index k,
                             const RecommendOptions& options, Cache& cache) const {
        detail::check_eligible(name, options.eligible, items());
        const T* const query = query_of(user, cache, options.pool);
        const auto lanes = static_cast<std::size_t>(options.pool ? options.pool->threads() : 1);
        if (cache.ranges.size() < lanes) cache.ranges.resize(lanes);
        const auto range = [&](Index lane) -> auto& { return cache.ranges[static_cast<std::size_t>(lane)]; };
        const detail::Allowed allowed(options, history, cache.excluded);
        const auto some = [&](const std::int32_t* rows, Index count, T* scores, Index lane) {
            T* const halves = range(lane).eligible.need(block * width());
            kernels::gather_rows<T>(half(begin_), width(), rows, count, halves);
            std::copy_n(model_->head.score_halves(query, halves, count, range(lane).head), count, scores);
        };
        const auto run = [&](Index begin, Index end, T* scores, Index lane) {
            for (Index row = begin; row < end; row += block) {
                const Index count = std::min(block, end - row);
                std::copy_n(model_->head.score_halves(query, half(begin_ + row), count, range(lane).head), count,
                            scores + row - begin);
            }
        };
        const auto first_item = options_.first_item + static_cast<std::int32_t>(begin_);
        detail::ItemScan<T> scan{.rows = own_,
                                 .first_item = first_item,
                                 .eligible = options.eligible ? &*options.eligible : nullptr,
                                 .pool = options.allow ? nullptr : options.pool,  // the caller's thread asks
                                 .tile = block,
                                 .allowed = allowed,
                                 .score_rows = some,
                                 .score_tile = run};
        std::vector<T> coded;
        if constexpr (has_codes) {
            if (options_.storage == ItemStorage::int8) {
                coded = vector_of(query);
                scan.codes = &codes_;
                scan.query = coded.data();
            }
        }
        // Without codes the threads make all scores for `allow` to be asked about the best of them.
        const bool all_scores = options.allow && options.pool && !scan.codes;
        const auto best_of_own = [&](Index most) {
            if (auto found = all_scores ? std::nullopt : scan.best(most, cache.lanes)) return std::move(*found);
            return detail::best_of_scores(name, score(user, cache, options.pool) + begin_, own_, first_item, most,
                                          allowed);
        };
        const auto best_of = [&](Index most) {
            if (!options_.world) return best_of_own(most);
            // What tells requests apart has to be the same on unlike machines: no number that was computed.
            const auto request = detail::hash_bytes(history.data(), history.size_bytes(), std::uint64_t{0});
            return merge_top_k(
                options_.world, most, [&] { return best_of_own(most); }, request);
        };
        return detail::list_of<T>(
            items_, k, history, options, [this](auto a, auto b) { return similarity(a, b); }, best_of);
    }
    /// Of the rows begin ... end - 1, no more than a block.
    void score_eligible(const T* query, Index begin, Index end, const ItemSet& eligible, typename Cache::Range& scratch,
                        T* scores) const {
        std::array<Index, std::size_t{block}> chosen;
        std::size_t count = 0;
        T* const halves = scratch.eligible.need(block * width());
        for (Index row = begin; row < end; ++row) {
            scores[row] = std::numeric_limits<T>::lowest();
            if (!eligible.contains(static_cast<std::int32_t>(row) + options_.first_item)) continue;
            std::copy_n(half(row), width(), halves + static_cast<Index>(count) * width());
            chosen[count++] = row;
        }
        if (count == 0) return;
        const T* const own = model_->head.score_halves(query, halves, static_cast<Index>(count), scratch.head);
        for (std::size_t i = 0; i < count; ++i) scores[chosen[i]] = own[i];
    }

    std::shared_ptr<const Model> model_;
    ItemIndexOptions options_;
    Index items_ = 0, begin_ = 0, own_ = 0;  // rows, and those that this rank scans
    std::int32_t read_ = 0;                  // the last item that the user tower was built with
    Buffer<T> cached_;  // the items' halves of their scores, [N, half_width]
    detail::ItemCodes codes_;
};
template <class Model, class Items>
ItemIndex(const Model&, const Items&, ItemIndexOptions = {}) -> ItemIndex<Model>;
template <class Model, class Items>
ItemIndex(std::shared_ptr<Model>, const Items&, ItemIndexOptions = {}) -> ItemIndex<std::remove_const_t<Model>>;

DEEPREC_END
