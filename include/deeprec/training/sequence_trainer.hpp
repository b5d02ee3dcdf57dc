/// Next-item training: the softmax over all items at every step of a sequence.
#pragma once

#include <algorithm>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/ranking/softmax_cross_entropy.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/training/trainer.hpp>

DEEPREC_BEGIN

/// loss = mean over the targets of a batch of log(sum over items j of exp score_j) - score_target, over the whole
/// catalogue: no sampling, nothing to correct. With a SequenceRecommender and SequenceSamples for `fit`.
struct NextItemSoftmax {
    static constexpr std::string_view name() { return "NextItemSoftmax"; }
};

/// One training step of a SequenceRecommender. Sequences are sorted by length and cut into shards, so that little of a
/// shard is padding; each shard runs the tower, then all steps that have a target meet all items at once, and the
/// shards run backward. The order of every sum depends on the batch alone: same bits for any number of threads.
template <class Tower>
class Trainer<SequenceRecommender<Tower>, NextItemSoftmax> {
    using Model = SequenceRecommender<Tower>;
    using T = typename Model::Scalar;

public:
    using ForSequences = void;  // see LossFor in training/fit.hpp

    Trainer(const Model& model, const NextItemSoftmax&, ThreadPool& pool)
        : pool_(pool), gradients_(model.zero_gradients()), empty_(model.zero_pass_gradients()) {}

    /// The loss of the batch, with the gradient of its mean in `gradients()`. Throws ArgumentError for class weights:
    /// targets are items.
    LossSum gradient(const Model& model, const SequenceBatch& batch, Seed step_seed,
                     const ClassWeights& class_weights = {}) {
        if (class_weights) throw ArgumentError("fit: class_weight needs data with targets that are classes");
        return run(model, batch, step_seed, true);
    }
    /// The loss of the batch without training.
    LossSum evaluate(const Model& model, const SequenceBatch& batch) { return run(model, batch, Seed{}, false); }
    /// From now on metrics may see the scores of each batch.
    void keep_predictions() { keep_predictions_ = true; }
    /// f(scores [n, N] of all items, classes [n, 1], no weights) for some targets of the last batch at a time; class
    /// i is item i + 1. The scores are those of the loss. They are computed for this: metrics cost as much again as a
    /// forward pass. Throws ArgumentError for more items than T has whole numbers.
    template <class F>
    void each_prediction(const SequenceBatch&, F&& f) {
        constexpr Index rows_at_once = 128;
        const Index d = width_, n = items_;
        if (static_cast<Index>(static_cast<T>(n)) != n || detail::equal(static_cast<T>(n) + T(1), static_cast<T>(n)))
            throw ArgumentError(message("NextItemSoftmax: ", n, " items are too many for metrics of classes"));
        for (Index begin = 0; begin < targets_seen_; begin += rows_at_once) {
            const Index rows = std::min(rows_at_once, targets_seen_ - begin);
            T *const scores = scores_.need(rows * n), *const classes = classes_.need(rows);
            kernels::gemm<T>(kernels::matrix_rows(h_.data() + begin * d, rows, d, d), packed_.data(), n, scores, n,
                             {.bias = scored_bias_ ? scored_bias_ + 1 : nullptr});
            for (Index r = 0; r < rows; ++r) classes[r] = static_cast<T>(targets_.data()[begin + r]);
            f(Block<const T>(scores, {rows, n}), View<const T, 2>{classes, {rows, 1}}, SampleWeights<T>{});
        }
    }
    typename Model::Gradients& gradients() { return gradients_; }
    const ParameterList<T>& list() const { return fields_.parameters(); }

private:
    struct Numbered : std::span<const std::int32_t> {
        Index number = 0;
        const FieldsOfSequence* fields = nullptr;
    };
    struct Shard {
        typename Model::Cache cache;
        typename Model::PassGradients gradients;
        Fields<T> fields;  // of what the pass has gradients of
        detail::PaddedFields records;
        Buffer<std::int32_t> ids;
        Buffer<T> dh;
        Index steps = 0, first_target = 0;
    };

    LossSum run(const Model& model, const SequenceBatch& batch, Seed step_seed, bool train) {
        const Index targets = cut_up(batch), d = model.width();
        targets_seen_ = targets;
        if (train) clear(model);
        if (targets == 0) return {};
        const T* vectors = model.vectors();
        const T* bias = model.bias();
        if (train) {
            if (model.options().id_dropout > 0) {
                model.draw_vectors(step_seed, drawn_);
                vectors = drawn_.rows.data();
            }
            if (model.has_cold()) bias = without_cold(model);
        }
        T* h = h_.need(targets * d);
        std::int32_t* target = targets_.need(targets);
        pool_.run(cut_.count, [&](Index s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            const Index begin = cut_.begin(s), rows = cut_.end(s) - begin;
            std::int32_t* ids = shard.ids.need_zeros(rows * shard.steps);
            Index at = shard.first_target;
            shard.records.clear();
            for (Index r = 0; r < rows; ++r) {
                const Numbered& sequence = sorted_[static_cast<std::size_t>(begin + r)];
                const std::span<const std::int32_t> events = sequence;
                if (sequence.fields) shard.records.add(inputs_of(*sequence.fields, events.size() - 1));
                std::copy(events.begin(), events.end() - 1, ids + r * shard.steps);
                for (std::size_t t = 1; t < events.size(); ++t) target[at++] = checked(model, events[t]) - 1;
                if (train) check_warm(model, events);
            }
            const Pass pass = train ? Pass(Training(step_seed, begin)) : Pass(Inference{});
            const auto y =
                model.forward_with(vectors, View<const std::int32_t, 2>{ids, {rows, shard.steps}}, shard.cache, pass,
                                   {shard.records.events(shard.steps), shard.records.users()});
            each_row(shard, begin, rows, [&](Index r, Index first, Index n) {
                std::copy_n(y.data() + r * shard.steps * d, n * d, h + first * d);
            });
        });
        if (keep_predictions_) {
            width_ = d;
            items_ = model.items();
            scored_bias_ = bias;
            kernels::pack_transposed<T>(vectors + d, d, d, items_, packed_.need(kernels::packed_size<T>(d, items_)));
        }
        T* weights = weights_.need(targets);
        std::fill_n(weights, targets, T(1) / static_cast<T>(targets));
        const kernels::CatalogueScores<T> scores{
            h, targets, d, vectors + d, model.items(), d, d, bias ? bias + 1 : nullptr, target, weights};
        T *dh = nullptr, *dv = nullptr, *losses = losses_.need(targets);
        if (train) {
            dh = dh_.need(targets * d);
            dv = dv_.need_zeros((model.items() + 1) * d);
            const kernels::CatalogueGradients<T> to{dh, d, dv + d, d,
                                                    model.bias() ? gradients_.bias.data() + 1 : nullptr};
            kernels::softmax_cross_entropy(scores, losses, &to, workspace_, &pool_);
        } else {
            kernels::softmax_cross_entropy<T>(scores, losses, nullptr, workspace_, &pool_);
        }
        double loss = 0;
        for (Index i = 0; i < targets; ++i) loss += static_cast<double>(losses[i]);
        if (train) {
            pool_.run(cut_.count, [&](Index s) {
                Shard& shard = shards_[static_cast<std::size_t>(s)];
                const Index begin = cut_.begin(s), rows = cut_.end(s) - begin;
                T* dy = shard.dh.need_zeros(rows * shard.steps * d);
                each_row(shard, begin, rows, [&](Index r, Index first, Index n) {
                    std::copy_n(dh + first * d, n * d, dy + r * shard.steps * d);
                });
                model.backward(View<const T, 3>{dy, {rows, shard.steps, d}}, shard.cache, shard.gradients);
            });
            reduce(model, dv);
        }
        return {loss * static_cast<double>(targets), static_cast<double>(targets)};
    }
    /// Sorts the sequences, longest first, and cuts them into shards. Returns the number of targets.
    Index cut_up(const SequenceBatch& batch) {
        sorted_.clear();
        for (std::size_t i = 0; i < batch.sequences.size(); ++i)
            if (batch.sequences[i].size() >= 2)
                sorted_.push_back({batch.sequences[i], batch.numbers.empty() ? static_cast<Index>(i) : batch.numbers[i],
                                   batch.fields.empty() ? nullptr : &batch.fields[i]});
        std::sort(sorted_.begin(), sorted_.end(), [](const Numbered& a, const Numbered& b) {
            return a.size() != b.size() ? a.size() > b.size() : a.number < b.number;
        });
        cut_ = Shards(static_cast<Index>(sorted_.size()));
        while (static_cast<Index>(shards_.size()) < cut_.count) shards_.push_back({{}, empty_, {}, {}, {}, {}});
        Index targets = 0;
        for (Index s = 0; s < cut_.count; ++s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            shard.first_target = targets;
            shard.steps = static_cast<Index>(sorted_[static_cast<std::size_t>(cut_.begin(s))].size()) - 1;
            for (Index i = cut_.begin(s); i < cut_.end(s); ++i)
                targets += static_cast<Index>(sorted_[static_cast<std::size_t>(i)].size()) - 1;
        }
        return targets;
    }
    /// f(row of the shard, its first target in the batch, its targets).
    template <class F>
    void each_row(const Shard& shard, Index begin, Index rows, F&& f) const {
        Index at = shard.first_target;
        for (Index r = 0; r < rows; ++r) {
            const Index n = static_cast<Index>(sorted_[static_cast<std::size_t>(begin + r)].size()) - 1;
            f(r, at, n);
            at += n;
        }
    }
    /// Makes the lists of gradients anew, for the model may have moved, and clears them.
    void clear(const Model& model) {
        detail::list_fields(model, gradients_, fields_);
        detail::drop_empty(fields_.parameters());
        clear_gradients(fields_.parameters());
        for (Shard& shard : shards_) {
            shard.gradients.vectors.setZero();
            shard.fields.clear();
            const_cast<Model&>(model).pass_fields(shard.fields, shard.gradients);  // names, and changes nothing
            detail::drop_empty(shard.fields.parameters());
            clear_gradients(shard.fields.parameters());
        }
    }
    void reduce(const Model& model, T* dv) {
        const Index d = model.width();
        const std::size_t own = fields_.parameters().size() - shards_.front().fields.parameters().size();
        for (Index s = 0; s < cut_.count; ++s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            const auto& passed = shard.fields.parameters();
            for (std::size_t i = 0; i < passed.size(); ++i)  // these come last in the model's list
                detail::add_gradient(fields_.parameters()[own + i], passed[i]);
            const SparseRows<T>& vectors = shard.gradients.vectors;
            for (std::size_t i = 0; i < vectors.ids().size(); ++i)
                kernels::add<T>(vectors.values(i), dv + vectors.ids()[i] * d, d);
        }
        model.vectors_backward(dv, gradients_, model.options().id_dropout > 0 ? &drawn_ : nullptr);
    }
    /// The fields of all events but the last, which is a target only.
    static FieldsOfSequence inputs_of(FieldsOfSequence fields, std::size_t inputs) {
        if (!fields.events.fields.empty()) fields.events = fields.events.slice(0, static_cast<Index>(inputs));
        return fields;
    }
    /// The bias with scores of cold items so low that the softmax gives them nothing.
    const T* without_cold(const Model& model) {
        T* bias = bias_.need(model.items() + 1);
        for (Index i = 0; i <= model.items(); ++i)
            bias[i] = model.is_cold(i) ? T(-1e30) : model.bias() ? model.bias()[i] : T(0);
        return bias;
    }
    static std::int32_t checked(const Model& model, std::int32_t item) {
        if (item < 1 || item > model.items())
            throw DataError(message("NextItemSoftmax: expected items 1 to ", model.items(), ", received ", item));
        return item;
    }
    static void check_warm(const Model& model, std::span<const std::int32_t> events) {
        if (!model.has_cold()) return;
        for (const std::int32_t item : events)
            if (item > 0 && item <= model.items() && model.is_cold(item))
                throw DataError(message("NextItemSoftmax: item ", item,
                                        " is cold by the model's options, but the training data has it"));
    }

    ThreadPool& pool_;
    typename Model::Gradients gradients_;
    typename Model::PassGradients empty_;
    std::vector<Shard> shards_;
    Fields<T> fields_;
    // For metrics:
    bool keep_predictions_ = false;
    Index targets_seen_ = 0, width_ = 0, items_ = 0;
    const T* scored_bias_ = nullptr;
    Buffer<T> packed_, scores_, classes_;
    Shards cut_{0};
    std::vector<Numbered> sorted_;
    Buffer<T> h_, dh_, dv_, weights_, losses_, bias_, workspace_;
    typename Model::Vectors drawn_;
    Buffer<std::int32_t> targets_;
};

DEEPREC_END
