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
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/ranking/recommend_options.hpp>

DEEPREC_BEGIN

/// `SequenceIndex index{model}; index.recommend(history, 10, {.exclude = history})`, and a scorer for
/// `evaluate_ranking`.
///
/// A score is h.v + b with h the tower's output at the last event; the last `length` events are read. An empty history
/// has no h and ranks by b alone. Reads the model, which must outlive it unless it is given as a shared_ptr; it must be
/// built again when the weights change. Const and safe to call from many threads.
template <class Model>
class SequenceIndex {
public:
    static constexpr std::string_view kind = "SequenceIndex";  ///< in files
    using T = typename Model::Scalar;

    /// `fields` are those of the queries' events and users, for models that read some; they must outlive the index.
    /// Throws ArgumentError unless length is positive.
    explicit SequenceIndex(const Model& model, Index length = 50, const SequenceFields* fields = nullptr)
        : SequenceIndex(detail::borrowed(model), length, fields) {}
    /// An index that keeps its model alive.
    explicit SequenceIndex(std::shared_ptr<const Model> model, Index length = 50,
                           const SequenceFields* fields = nullptr)
        : model_(std::move(model)), length_(length), fields_(fields) {
        if (length < 1) throw ArgumentError(message("SequenceIndex: expected a positive length, received ", length));
        pack();
    }
    /// Of no model, to be loaded.
    SequenceIndex() = default;
    /// The model; the index is made from it again.
    void fields(StoredFields& f) {
        f.kind(kind);
        f.model("model", model_);
        f.number("length", length_);
        f.require(length_ >= 1, "expected a positive length, received ", length_);
        if (f.reading()) pack();
    }

    /// New items that the model knows by their attributes, see SequenceRecommender::add_items, in a copy of the model;
    /// old ones keep their scores to the bit.
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {}) {
        auto grown = std::make_shared<Model>(*model_);
        grown->add_items(count, attributes);
        model_ = std::move(grown);
        pack();
    }

    /// A temporary model would be gone before the first request.
    explicit SequenceIndex(const Model&&, Index = 50, const SequenceFields* = nullptr) = delete;

    std::int32_t items() const { return model_ ? static_cast<std::int32_t>(model_->items()) : 0; }
    const Model& model() const { return *model_; }
    /// Those of the queries' events and users; null without.
    const SequenceFields* fields() const { return fields_; }
    /// Whether training had the item, or attributes say what it is (`SequenceRecommenderOptions::cold`).
    bool knows(std::int32_t item) const {
        detail::check_item("SequenceIndex", items(), item);
        return unknown_.empty() || !unknown_[static_cast<std::size_t>(item)];
    }
    /// How many of the last events are read.
    Index length() const { return length_; }

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
        detail::check_eligible("SequenceIndex", options.eligible, items());
        std::vector<T> scores(static_cast<std::size_t>(items()) + 1);
        const Query query{0, history, 0};
        const bool has_fields = !fields.events.fields.empty() || !fields.user.fields.empty();
        score(std::span(&query, 1), std::span(&fields, has_fields ? 1 : 0), scores,
              options.eligible ? &*options.eligible : nullptr, options.pool);
        Buffer<std::int32_t> excluded;
        return detail::best_allowed("SequenceIndex", scores.data() + 1, items(), 1, k, history, options, excluded,
                                    [this](auto a, auto b) { return similarity(a, b); });
    }

private:
    static constexpr Index columns = 2048;  // that a thread takes at a time
    static constexpr Index dense = 4;       // one in so many eligible: all are scored, which reads in order
    static constexpr Index at_once = 128;   // eligible items whose vectors stay in the L1 and L2 caches
    struct Scratch {
        typename Model::Cache cache;
        Buffer<std::int32_t> ids;
        Buffer<T> h;
        detail::PaddedFields records;
    };
    /// The fields of each query; valid until the thread's next call.
    std::span<const FieldsOfSequence> fields_of(std::span<const Query> queries) const {
        if (!fields_) return {};
        thread_local std::vector<FieldsOfSequence> found;
        found.clear();
        for (const Query& query : queries)
            found.push_back(fields_->of(query.user, 0, static_cast<Index>(query.history.size())));
        return found;
    }
    /// `fields` of each query, or none.
    void score(std::span<const Query> queries, std::span<const FieldsOfSequence> fields, std::span<T> scores,
               const ItemSet* eligible, ThreadPool* pool) const {
        if (!model_) throw ArgumentError("SequenceIndex: it has no model, expected one to be loaded");
        const Index rows = static_cast<Index>(queries.size()), n = model_->items() + 1, d = model_->width();
        if (static_cast<Index>(scores.size()) != rows * n)
            throw ShapeError(message("SequenceIndex: expected ", n, " scores for each of ", rows, " queries, received ",
                                     scores.size()));
        Index steps = 1;
        for (const Query& query : queries)
            steps = std::max(steps, std::min(length_, static_cast<Index>(query.history.size())));
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
        // Whole panels, and the last range has the rest: a column alone would be summed in another order.
        const T* bias = model_->bias();
        const auto multiply = [&](Index begin, Index end) {
            kernels::gemm<T>(kernels::matrix_rows(h, rows, d, d), packed_.data() + begin * d, end - begin,
                             scores.data() + begin, n, {.bias = bias ? bias + begin : nullptr});
        };
        const Index ranges = pool ? std::max<Index>(n / columns, 1) : 1;
        run_tasks(pool, ranges, [&](Index range) {
            const Index begin = range * columns, end = range + 1 < ranges ? begin + columns : n;
            if (!eligible || eligible->count() > n / dense) return multiply(begin, end);
            std::fill(scores.begin() + begin, scores.begin() + end, std::numeric_limits<T>::lowest());
            score_eligible(h, *eligible, begin, end, scores);
        });
    }
    /// Of one query: the eligible items' vectors are packed some at a time, so that scores have the bits of the whole.
    void score_eligible(const T* h, const ItemSet& eligible, Index begin, Index end, std::span<T> scores) const {
        const Index d = model_->width();
        const T* const bias = model_->bias();
        struct Some {
            std::array<std::int32_t, at_once> items;
            std::array<T, at_once> biases, scores;
            Buffer<T> vectors, packed;
        };
        thread_local Some some;
        T* const vectors = some.vectors.need(at_once * d);
        Index count = 0;
        const auto flush = [&] {
            if (count == 0) return;
            const Index columns_of = std::max<Index>(count, 2);  // a column alone would be summed in another order
            if (count == 1) std::copy_n(vectors, d, vectors + d), some.biases[1] = some.biases[0];
            T* const packed = some.packed.need(kernels::packed_size<T>(d, at_once));
            kernels::pack_transposed<T>(vectors, d, d, columns_of, packed);
            kernels::gemm<T>(kernels::matrix_rows(h, 1, d, d), packed, columns_of, some.scores.data(), columns_of,
                             {.bias = bias ? some.biases.data() : nullptr});
            for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
                scores[static_cast<std::size_t>(some.items[i])] = some.scores[i];
            count = 0;
        };
        eligible.for_each(static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end), [&](std::int32_t item) {
            std::copy_n(model_->vectors() + item * d, d, vectors + count * d);
            some.items[static_cast<std::size_t>(count)] = item;
            some.biases[static_cast<std::size_t>(count)] = bias ? bias[item] : T(0);
            if (++count == at_once) flush();
        });
        flush();
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
        const Index n = model_->items() + 1, d = model_->width();
        kernels::pack_transposed<T>(model_->vectors(), d, d, n, packed_.need(kernels::packed_size<T>(d, n)));
        unknown_.assign(model_->options().cold.empty() ? 0 : static_cast<std::size_t>(n), 0);
        for (const std::int32_t item : model_->options().cold)
            unknown_[static_cast<std::size_t>(item)] = !model_->is_cold(item);
    }

    std::shared_ptr<const Model> model_;
    Index length_ = 50;
    const SequenceFields* fields_ = nullptr;
    Buffer<T> packed_;
    std::vector<std::uint8_t> unknown_;
};
template <class Model>
explicit SequenceIndex(std::shared_ptr<Model>, Index = 50, const SequenceFields* = nullptr)
    -> SequenceIndex<std::remove_const_t<Model>>;

DEEPREC_END
