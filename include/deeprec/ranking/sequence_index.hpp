/// Ranks all items for a history, with the item vectors packed in advance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/ranking/item_index.hpp>

DEEPREC_BEGIN

/// `SequenceIndex index{model}; index.recommend(history, 10, {.exclude = history})`, and a scorer for
/// `evaluate_ranking`.
///
/// A score is h.v + b with h the tower's output at the last event; the last `length` events are read. An empty history
/// has no h and ranks by b alone. Reads the model, which must outlive it; it must be built again when the weights
/// change. Const and safe to call from many threads.
template <class Model>
class SequenceIndex {
public:
    using T = typename Model::Scalar;

    /// `fields` are those of the queries' events and users, for models that read some; they must outlive the index.
    /// Throws ArgumentError unless length is positive.
    explicit SequenceIndex(const Model& model, Index length = 50, const SequenceFields* fields = nullptr)
        : model_(model), length_(length), fields_(fields) {
        if (length < 1) throw ArgumentError(message("SequenceIndex: expected a positive length, received ", length));
        const Index n = model.items() + 1, d = model.width();
        kernels::pack_transposed<T>(model.vectors(), d, d, n, packed_.need(kernels::packed_size<T>(d, n)));
    }

    /// A temporary model would be gone before the first request.
    explicit SequenceIndex(const Model&&, Index = 50, const SequenceFields* = nullptr) = delete;

    /// Scores [queries, N + 1] of all items for each query; element 0 of a row is padding.
    /// Throws DataError for items that the model does not know, ShapeError for another number of scores.
    void operator()(std::span<const Query> queries, std::span<T> scores) const {
        thread_local std::vector<FieldsOfSequence> found;
        found.clear();
        if (fields_)
            for (const Query& query : queries)
                found.push_back(fields_->of(query.user, 0, static_cast<Index>(query.history.size())));
        score(queries, found, scores, nullptr);
    }
    void operator()(const Query& query, std::span<T> scores) const { (*this)(std::span(&query, 1), scores); }

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
        std::vector<T> scores(static_cast<std::size_t>(model_.items()) + 1);
        const Query query{0, history, 0};
        const bool has_fields = !fields.events.fields.empty() || !fields.user.fields.empty();
        score(std::span(&query, 1), std::span(&fields, has_fields ? 1 : 0), scores, options.pool);
        Buffer<std::uint8_t> excluded;
        return detail::best_allowed("SequenceIndex", scores.data() + 1, model_.items(), 1, k, options, excluded);
    }

private:
    static constexpr Index columns = 2048;  // that a thread takes at a time
    struct Scratch {
        typename Model::Cache cache;
        Buffer<std::int32_t> ids;
        Buffer<T> h;
        detail::PaddedFields records;
    };
    /// `fields` of each query, or none.
    void score(std::span<const Query> queries, std::span<const FieldsOfSequence> fields, std::span<T> scores,
               ThreadPool* pool) const {
        const Index rows = static_cast<Index>(queries.size()), n = model_.items() + 1, d = model_.width();
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
            model_.forward(View<const std::int32_t, 2>{ids, {rows, steps}},
                           {scratch.records.events(steps), scratch.records.users()}, scratch.cache, Inference{pool});
        T* h = scratch.h.need_zeros(rows * d);
        for (Index r = 0; r < rows; ++r) {
            const Index events =
                std::min(steps, static_cast<Index>(queries[static_cast<std::size_t>(r)].history.size()));
            if (events > 0) std::copy_n(y.data() + (r * steps + events - 1) * d, d, h + r * d);
        }
        // Whole panels, and the last range has the rest: a column alone would be summed in another order.
        const T* bias = model_.bias();
        const Index ranges = pool ? std::max<Index>(n / columns, 1) : 1;
        run_tasks(pool, ranges, [&](Index range) {
            const Index begin = range * columns, count = range + 1 < ranges ? columns : n - begin;
            kernels::gemm<T>(kernels::matrix_rows(h, rows, d, d), packed_.data() + begin * d, count,
                             scores.data() + begin, n, {.bias = bias ? bias + begin : nullptr});
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
    const Model& model_;
    Index length_;
    const SequenceFields* fields_;
    Buffer<T> packed_;
};

DEEPREC_END
