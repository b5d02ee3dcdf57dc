/// Ranks all items for a history, with the item vectors packed in advance.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/ranking/item_scan.hpp>
#include <deeprec/ranking/merge_top_k.hpp>
#include <deeprec/ranking/recommend_options.hpp>
#include <deeprec/training/fingerprint.hpp>

DEEPREC_BEGIN

/// Of SequenceIndex: `SequenceIndex{model, {.storage = int8}}`.
struct SequenceIndexOptions {
    Index length = 50;  ///< how many of the last events are read
    /// Those of the queries' events and users, for models that read some; they must outlive the index.
    const SequenceFields* fields = nullptr;
    ItemStorage storage = ItemStorage::float32;  ///< int8 for models of float alone
    /// Processes that share the items: each packs and scans its part of them, some multiple of 2,048. All ranks have
    /// the model and ask the same, and each gets the lists of one index of all items, to the bit. Scores of all items,
    /// as a hybrid asks for, are made by each rank alone and cost more than without.
    AnyWorld world{};
};

/// `SequenceIndex index{model}; index.recommend(history, 10, {.exclude = history})`, and a scorer for
/// `evaluate_ranking`.
///
/// A score is h.v + b with h the tower's output at the last event; the last `length` events are read. An empty history
/// has no h and ranks by b alone. Reads the model, which must outlive it unless it is given as a shared_ptr; it must be
/// built again when the weights change. Const and safe to call from many threads.
///
/// `SequenceIndex{model, {.storage = int8}}` keeps D + 12 bytes an item beside the model in place of 4 D. Requests read
/// those and the vectors of the few items whose scores can be high; lists are the same in every bit. Scores of all
/// items, as a hybrid or an evaluation asks for, cost more than without.
template <class Model>
class SequenceIndex {
public:
    static constexpr std::string_view kind = "SequenceIndex";  ///< in files
    using T = typename Model::Scalar;

    /// Throws ArgumentError unless length is positive, and for int8 of a model that is not of float.
    SequenceIndex(const Model& model, const SequenceIndexOptions& options)
        : SequenceIndex(detail::borrowed(model), options) {}
    explicit SequenceIndex(const Model& model, Index length = 50, const SequenceFields* fields = nullptr)
        : SequenceIndex(detail::borrowed(model), SequenceIndexOptions{length, fields}) {}
    /// An index that keeps its model alive.
    SequenceIndex(std::shared_ptr<const Model> model, const SequenceIndexOptions& options)
        : model_(std::move(model)), options_(options) {
        if (options.length < 1)
            throw ArgumentError(message("SequenceIndex: expected a positive length, received ", options.length));
        pack();
    }
    explicit SequenceIndex(std::shared_ptr<const Model> model, Index length = 50,
                           const SequenceFields* fields = nullptr)
        : SequenceIndex(std::move(model), SequenceIndexOptions{length, fields}) {}
    /// Of no model, to be loaded.
    SequenceIndex() = default;
    /// The model; the index is made from it again.
    void fields(StoredFields& f) {
        f.kind(kind);
        f.model("model", model_);
        f.number("length", options_.length);
        f.require(options_.length >= 1, "expected a positive length, received ", options_.length);
        detail::stored_storage(f, options_.storage);
        f.require(options_.storage == ItemStorage::float32 || std::is_same_v<T, float>,
                  "expected float32 storage of a model that is not of float");
        if (f.reading()) pack();
    }

    /// New items that the model knows by their attributes, see SequenceRecommender::add_items, in a copy of the model;
    /// old ones keep their scores to the bit.
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {},
                   const Tensor<float, 2>& features = {}) {
        auto grown = std::make_shared<Model>(*model_);
        grown->add_items(count, attributes, std::nullopt, features);
        model_ = std::move(grown);
        pack();
    }

    /// A temporary model would be gone before the first request.
    explicit SequenceIndex(const Model&&, Index = 50, const SequenceFields* = nullptr) = delete;
    SequenceIndex(const Model&&, const SequenceIndexOptions&) = delete;

    std::int32_t items() const { return model_ ? static_cast<std::int32_t>(model_->items()) : 0; }
    /// Whose tower it runs.
    const Model& model() const { return *model_; }
    /// Those of the queries' events and users; null without.
    const SequenceFields* fields() const { return options_.fields; }
    /// What the model reads of a query's events and user: the query's own, else those of the index. Throws as
    /// SequenceFields::of.
    FieldsOfSequence fields_of(const Query& query) const {
        if (!query.fields) return options_.fields ? options_.fields->of(query) : FieldsOfSequence{};
        FieldsOfSequence found;  // fields that others read, such as the members of a hybrid, stay out
        if (model_ && model_->step_fields()) found.events = query.fields->events;
        if (model_ && model_->user_fields()) found.user = query.fields->user;
        return found;
    }
    /// Whether training had the item, or attributes say what it is (`SequenceRecommenderOptions::cold`).
    bool knows(std::int32_t item) const {
        detail::check_item("SequenceIndex", items(), item);
        return unknown_.empty() || !unknown_[static_cast<std::size_t>(item)];
    }
    /// How many of the last events are read.
    Index length() const { return options_.length; }
    /// How it keeps the items' vectors.
    ItemStorage storage() const { return options_.storage; }

    /// Scores [queries, N + 1] of all items for each query; element 0 of a row is padding.
    /// Throws DataError for items that the model does not know, ShapeError for another number of scores.
    void operator()(std::span<const Query> queries, std::span<T> scores) const {
        score(queries, fields_of(queries), scores, nullptr, nullptr);
    }
    void operator()(const Query& query, std::span<T> scores) const { (*this)(std::span(&query, 1), scores); }

    /// The same for one query over the threads of a pool. Items that are not eligible may get the lowest number in
    /// place of their score; those that are have the bits that they always have.
    void score(const Query& query, std::span<T> scores, const std::optional<ItemSet>& eligible,
               ThreadPool* pool) const {
        const std::span one(&query, 1);
        score(one, fields_of(one), scores, eligible ? &*eligible : nullptr, pool);
    }
    /// For engines of nearest neighbours: v and b of items 1 ... N, [N, D + 1], row i of item i + 1, and h and 1 of
    /// each query, [queries, D + 1]. Their inner products are the scores, to rounding.
    Tensor<T, 2> search_vectors() const {
        const Index d = model_->width();
        Tensor<T, 2> vectors(items(), d + 1);
        for (Index i = 0; i < vectors.dimension(0); ++i) {
            std::copy_n(model_->vectors() + (i + 1) * d, d, &vectors(i, 0));
            vectors(i, d) = model_->bias() ? model_->bias()[i + 1] : T(0);
        }
        return vectors;
    }
    /// Of each query, [queries, D + 1]: h, and 1 for b.
    Tensor<T, 2> search_queries(std::span<const Query> queries, ThreadPool* pool = nullptr) const {
        const T* const h = outputs(queries, fields_of(queries), pool);
        const Index d = model_->width();
        Tensor<T, 2> vectors(static_cast<Index>(queries.size()), d + 1);
        for (Index i = 0; i < vectors.dimension(0); ++i) {
            std::copy_n(h + i * d, d, &vectors(i, 0));
            vectors(i, d) = T(1);
        }
        return vectors;
    }
    /// The cosine of two items' vectors. Throws DataError for an item that the model does not know.
    double similarity(std::int32_t a, std::int32_t b) const {
        for (const std::int32_t item : {a, b}) detail::check_item("SequenceIndex", items(), item);
        const Index d = model_->width();
        return detail::cosine(model_->vectors() + a * d, model_->vectors() + b * d, d);
    }

    /// The best k allowed items, best first, ties by the lower item; fewer only where fewer are allowed. Throws
    /// ArgumentError for a negative k, DataError for items that the model does not know, NumericError for the first
    /// item that may be recommended and whose score is not finite.
    std::vector<Hit<T>> recommend(std::span<const std::int32_t> history, Index k,
                                  const RecommendOptions& options = {}) const {
        return recommend(history, {}, k, options);
    }
    /// The same for models that read fields: a row of `fields.events` for each event of the history, one of the user.
    std::vector<Hit<T>> recommend(std::span<const std::int32_t> history, const FieldsOfSequence& fields, Index k,
                                  const RecommendOptions& options = {}) const {
        const bool has_fields = !fields.events.fields.empty() || !fields.user.fields.empty();
        return best("SequenceIndex", Query{0, history, 0}, std::span(&fields, has_fields ? 1 : 0), k, options);
    }
    /// The same for a query, with the fields that the index has of its user: what `recommend(index, query, k)` gives.
    std::vector<Hit<T>> best(const Query& query, Index k, const RecommendOptions& options = {}) const {
        return best("recommend", query, fields_of(std::span(&query, 1)), k, options);
    }

private:
    static constexpr Index columns = 2048;  // items that are scored at a time, whole panels of packed vectors
    static constexpr Index at_once = detail::ItemScan<T>::at_once;
    struct Scratch {
        typename Model::Cache cache;
        Buffer<std::int32_t> ids;
        Buffer<T> h;
        detail::PaddedFields records;
    };
    /// The fields of each query; valid until the thread's next call.
    std::span<const FieldsOfSequence> fields_of(std::span<const Query> queries) const {
        thread_local std::vector<FieldsOfSequence> found;
        found.clear();
        for (const Query& query : queries) found.push_back(fields_of(query));
        return found;
    }
    /// The tower's outputs [queries, D], 0 for an empty history; `fields` of each query, or none. Valid until the
    /// thread's next call.
    const T* outputs(std::span<const Query> queries, std::span<const FieldsOfSequence> fields, ThreadPool* pool) const {
        if (!model_) throw ArgumentError("SequenceIndex: it has no model, expected one to be loaded");
        const Index rows = static_cast<Index>(queries.size()), d = model_->width();
        Index steps = 1;
        for (const Query& query : queries)
            steps = std::max(steps, std::min(options_.length, static_cast<Index>(query.history.size())));
        thread_local Scratch scratch;
        std::int32_t* ids = scratch.ids.need_zeros(rows * steps);
        for (Index r = 0; r < rows; ++r) {
            const auto events = last_of(queries[static_cast<std::size_t>(r)].history, steps);
            std::copy(events.begin(), events.end(), ids + r * steps);
        }
        scratch.records.clear();
        for (std::size_t r = 0; r < fields.size(); ++r)
            scratch.records.add(last_of(fields[r], static_cast<Index>(queries[r].history.size()), steps));
        const auto y =
            model_->forward(View<const std::int32_t, 2>{ids, {rows, steps}},
                            {scratch.records.events(steps), scratch.records.users()}, scratch.cache, Inference{pool});
        T* h = scratch.h.need_zeros(rows * d);
        for (Index r = 0; r < rows; ++r) {
            const Index events =
                std::min(steps, static_cast<Index>(queries[static_cast<std::size_t>(r)].history.size()));
            if (events > 0) std::copy_n(y.data() + (r * steps + events - 1) * d, d, h + r * d);
        }
        return h;
    }
    /// Scores of the items begin ... end - 1 for each row of h, `stride` apart. Whole panels but for the last item's: a
    /// column alone would be summed in another order.
    void score_run(const T* h, Index rows, Index begin, Index end, T* scores, Index stride) const {
        const Index d = model_->width();
        const T* packed = packed_.data() + (begin - first_) * d;
        if (options_.storage == ItemStorage::int8 || begin < first_ || end > last_) {
            thread_local Buffer<T> own;
            T* const to = own.need(kernels::packed_size<T>(d, end - begin));
            kernels::pack_transposed<T>(model_->vectors() + begin * d, d, d, end - begin, to);
            packed = to;
        }
        kernels::gemm<T>(kernels::matrix_rows(h, rows, d, d), packed, end - begin, scores, stride,
                         {.bias = model_->bias() ? model_->bias() + begin : nullptr});
    }
    /// The scores of some items, whose vectors are packed first so that scores have the bits of the whole.
    void score_some(const T* h, const std::int32_t* items, Index count, T* scores) const {
        struct Some {
            std::array<T, std::size_t{at_once}> biases, scores;
            Buffer<T> vectors, packed;
        };
        thread_local Some some;
        const Index d = model_->width(), columns_of = std::max<Index>(count, 2);
        T* const vectors = some.vectors.need(at_once * d);
        kernels::gather_rows<T>(model_->vectors(), d, items, count, vectors);
        if (count == 1) std::copy_n(vectors, d, vectors + d);
        const T* const bias = model_->bias();
        for (Index i = 0; bias && i < columns_of; ++i)
            some.biases[static_cast<std::size_t>(i)] = bias[items[std::min(i, count - 1)]];
        T* const packed = some.packed.need(kernels::packed_size<T>(d, at_once));
        kernels::pack_transposed<T>(vectors, d, d, columns_of, packed);
        kernels::gemm<T>(kernels::matrix_rows(h, 1, d, d), packed, columns_of, some.scores.data(), columns_of,
                         {.bias = bias ? some.biases.data() : nullptr});
        std::copy_n(some.scores.data(), count, scores);
    }
    /// The list for a query, in the name of who asks.
    std::vector<Hit<T>> best(std::string_view name, const Query& query, std::span<const FieldsOfSequence> fields,
                             Index k, const RecommendOptions& options) const {
        detail::check_eligible(name, options.eligible, items());
        const T* const found = outputs(std::span(&query, 1), fields, options.pool);
        const std::vector<T> h(found, found + model_->width());  // `allow` may ask this index
        Buffer<std::int32_t> excluded;
        const detail::Allowed by_options(options, query.history, excluded);
        const auto allowed = [&](std::int32_t item) { return item != 0 && by_options(item); };
        const auto some = [&](const std::int32_t* rows, Index count, T* scores, Index) {
            std::array<std::int32_t, std::size_t{at_once}> own;
            std::transform(rows, rows + count, own.begin(),
                           [&](std::int32_t row) { return row + static_cast<std::int32_t>(first_); });
            score_some(h.data(), own.data(), count, scores);
        };
        const auto run = [&](Index begin, Index end, T* scores, Index) {
            score_run(h.data(), 1, first_ + begin, first_ + end, scores, end - begin);
        };
        detail::ItemScan<T> scan{.rows = last_ - first_,
                                 .first_item = static_cast<std::int32_t>(first_),
                                 .eligible = options.eligible ? &*options.eligible : nullptr,
                                 .pool = options.allow ? nullptr : options.pool,  // the caller's thread asks
                                 .tile = columns,
                                 .allowed = allowed,
                                 .score_rows = some,
                                 .score_tile = run};
        if constexpr (std::is_same_v<T, float>)
            if (options_.storage == ItemStorage::int8) scan.codes = &codes_, scan.query = h.data();
        // Without codes the threads make all scores for `allow` to be asked about the best of them.
        const bool all_scores = options.allow && options.pool && !scan.codes;
        std::vector<typename detail::ItemScan<T>::Lane> lanes;
        const auto best_of_own = [&](Index most) {
            if (auto best = all_scores ? std::nullopt : scan.best(most, lanes)) return std::move(*best);
            std::vector<T> scores(static_cast<std::size_t>(last_ - first_));
            each_run(first_, last_, options.pool, [&](Index begin, Index end) {
                score_run(h.data(), 1, begin, end, scores.data() + begin - first_, end - begin);
            });
            return detail::best_of_scores(name, scores.data(), last_ - first_, static_cast<std::int32_t>(first_), most,
                                          allowed);
        };
        const auto best_of = [&](Index most) {
            if (!options_.world) return best_of_own(most);
            const auto request = detail::hash_bytes(query.history.data(), query.history.size_bytes(),
                                                    static_cast<std::uint64_t>(query.user));
            return merge_top_k(options_.world, most, [&] { return best_of_own(most); }, request);
        };
        return detail::list_of<T>(
            items(), k, query.history, options, [this](auto a, auto b) { return similarity(a, b); }, best_of);
    }
    /// Scores [queries, N + 1]; the lowest number for items that are not eligible, where that saves work.
    void score(std::span<const Query> queries, std::span<const FieldsOfSequence> fields, std::span<T> scores,
               const ItemSet* eligible, ThreadPool* pool) const {
        const Index rows = static_cast<Index>(queries.size()), n = Index{items()} + 1;
        if (model_ && static_cast<Index>(scores.size()) != rows * n)
            throw ShapeError(message("SequenceIndex: expected ", n, " scores for each of ", rows, " queries, received ",
                                     scores.size()));
        const T* const h = outputs(queries, fields, pool);
        each_run(0, n, pool, [&](Index begin, Index end) {
            if (!eligible || eligible->count() > n / detail::ItemScan<T>::sparse)
                return score_run(h, rows, begin, end, scores.data() + begin, n);
            std::fill(scores.begin() + begin, scores.begin() + end, std::numeric_limits<T>::lowest());
            std::array<std::int32_t, std::size_t{at_once}> some;
            std::array<T, std::size_t{at_once}> own;
            Index count = 0;
            const auto flush = [&] {
                if (count > 0) score_some(h, some.data(), count, own.data());
                for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
                    scores[static_cast<std::size_t>(some[i])] = own[i];
                count = 0;
            };
            eligible->for_each(static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end),
                               [&](std::int32_t item) {
                                   some[static_cast<std::size_t>(count)] = item;
                                   if (++count == at_once) flush();
                               });
            flush();
        });
    }
    /// f(begin, end) for runs of items that are scored together, over the threads of a pool; the last takes the rest.
    template <class F>
    static void each_run(Index first, Index last, ThreadPool* pool, const F& f) {
        const Index runs = first == last ? 0 : std::max<Index>((last - first) / columns, 1);
        run_tasks(pool, runs, [&](Index run) {
            const Index begin = first + run * columns;
            f(begin, run + 1 < runs ? begin + columns : last);
        });
    }
    static std::span<const std::int32_t> last_of(std::span<const std::int32_t> ids, Index most) {
        return ids.last(std::min(ids.size(), static_cast<std::size_t>(most)));
    }
    static FieldsOfSequence last_of(FieldsOfSequence fields, Index events, Index most) {
        if (fields.events.fields.empty()) return fields;
        if (fields.events.batch() != events)
            throw ShapeError(message("SequenceIndex: expected fields of the ", events,
                                     " events of the history, received ", fields.events.batch(), " rows"));
        fields.events = fields.events.slice(events - std::min(events, most), events);
        return fields;
    }
    void pack() {
        const Index n = model_->items() + 1, d = model_->width(), runs = std::max<Index>(n / columns, 1);
        const Index rank = options_.world.rank(), ranks = options_.world.size();
        first_ = runs * rank / ranks * columns;
        last_ = rank + 1 == ranks ? n : runs * (rank + 1) / ranks * columns;
        const T* const vectors = model_->vectors() + first_ * d;
        if (options_.storage == ItemStorage::float32) {
            kernels::pack_transposed<T>(vectors, d, d, last_ - first_,
                                        packed_.need(kernels::packed_size<T>(d, last_ - first_)));
        } else if constexpr (std::is_same_v<T, float>) {
            const T* const bias = model_->bias() ? model_->bias() + first_ : nullptr;
            codes_ = detail::ItemCodes("SequenceIndex", vectors, bias, last_ - first_, d);
        } else {
            throw ArgumentError("SequenceIndex: expected float32 storage, int8 is for models of float");
        }
        unknown_.assign(model_->options().cold.empty() ? 0 : static_cast<std::size_t>(n), 0);
        for (const std::int32_t item : model_->options().cold)
            unknown_[static_cast<std::size_t>(item)] = !model_->is_cold(item);
    }

    std::shared_ptr<const Model> model_;
    SequenceIndexOptions options_;
    Index first_ = 0, last_ = 0;  // of the rows that this rank has packed, row 0 is padding
    Buffer<T> packed_;
    detail::ItemCodes codes_;
    std::vector<std::uint8_t> unknown_;
};
template <class Model>
SequenceIndex(std::shared_ptr<Model>, const SequenceIndexOptions&) -> SequenceIndex<std::remove_const_t<Model>>;
template <class Model>
explicit SequenceIndex(std::shared_ptr<Model>, Index = 50, const SequenceFields* = nullptr)
    -> SequenceIndex<std::remove_const_t<Model>>;

DEEPREC_END
