/// Next-item training: the softmax over all items at every step of a sequence.
#pragma once

#include <algorithm>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/ranking/softmax_cross_entropy.hpp>
#include <deeprec/training/sequence_passes.hpp>
#include <deeprec/training/trainer.hpp>

DEEPREC_BEGIN

/// loss = mean over the targets of a batch of log(sum over items j of exp score_j) - score_target, over the whole
/// catalogue: no sampling, nothing to correct. With a SequenceRecommender and SequenceSamples for `fit`.
struct NextItemSoftmax {
    static constexpr std::string_view name() { return "NextItemSoftmax"; }
};

/// One training step of a SequenceRecommender: the tower runs over shards, then all steps that have a target meet all
/// items at once. Same bits for any number of threads.
template <class Tower>
class Trainer<SequenceRecommender<Tower>, NextItemSoftmax> {
    using Model = SequenceRecommender<Tower>;
    using T = typename Model::Scalar;

public:
    using ForSequences = void;  // see LossFor in training/fit.hpp

    /// Throws ArgumentError for a model whose items ranks share out.
    Trainer(const Model& model, const NextItemSoftmax&, ThreadPool& pool)
        : pool_(pool), passes_(pool), gradients_(model.zero_gradients()) {
        if (const TableShard& shard = model.options().shard)
            throw ArgumentError(message("NextItemSoftmax: it scores all items, expected a whole model, received the ",
                                        "part of rank ", shard.rank, " of ", shard.ranks, "; NextItemSampled trains ",
                                        "one that ranks share out"));
    }

    /// The loss of the batch, with the gradient of its mean in `gradients()`. Throws ArgumentError for class weights:
    /// targets are items.
    LossSum gradient(const Model& model, const SequenceBatch& batch, Seed step_seed,
                     const ClassWeights& class_weights = {}, Index first_row = 0) {
        passes_.first_row = first_row;
        if (class_weights) throw ArgumentError("fit: class_weight needs data with targets that are classes");
        return run(model, batch, step_seed, true);
    }
    /// The loss of the batch without training.
    LossSum evaluate(const Model& model, const SequenceBatch& batch) { return run(model, batch, Seed{}, false); }
    /// From now on passes are watched; null: no longer.
    void watch(OutputWatch* watch) { passes_.watch = watch; }
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
            kernels::gemm<T>(kernels::matrix_rows(h_ + begin * d, rows, d, d), packed_.data(), n, scores, n,
                             {.bias = scored_bias_ ? scored_bias_ + 1 : nullptr});
            for (Index r = 0; r < rows; ++r) classes[r] = static_cast<T>(targets_.data()[begin + r]);
            f(Block<const T>(scores, {rows, n}), View<const T, 2>{classes, {rows, 1}}, SampleWeights<T>{});
        }
    }
    typename Model::Gradients& gradients() { return gradients_; }
    const ParameterList<T>& list() const { return fields_.parameters(); }

private:
    LossSum run(const Model& model, const SequenceBatch& batch, Seed step_seed, bool train) {
        const Index targets = passes_.cut_up(batch), d = model.width();
        targets_seen_ = targets;
        if (train) clear(model);
        if (targets == 0) return {};
        passes_.check(NextItemSoftmax::name(), model, train);
        const T* vectors = model.vectors();
        const T* bias = model.bias();
        if (train) {
            if (model.options().id_dropout > 0) {
                model.draw_vectors(step_seed, drawn_);
                vectors = drawn_.rows.data();
            }
            if (model.has_cold()) bias = without_cold(model);
        }
        h_ = passes_.forward(
            model, vectors, [](std::int32_t id) { return id; }, train ? &step_seed : nullptr);
        std::int32_t* target = targets_.need(targets);
        passes_.each_sequence([&](std::span<const std::int32_t> events) {
            for (const std::int32_t item : events.subspan(1)) *target++ = item - 1;
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
            h_, targets, d, vectors + d, model.items(), d, d, bias ? bias + 1 : nullptr, targets_.data(), weights};
        T* const losses = losses_.need(targets);
        if (train) {
            T *const dh = dh_.need(targets * d), *const dv = dv_.need_zeros((model.items() + 1) * d);
            const kernels::CatalogueGradients<T> to{dh, d, dv + d, d,
                                                    model.bias() ? gradients_.bias.data() + 1 : nullptr};
            kernels::softmax_cross_entropy(scores, losses, &to, workspace_, &pool_);
            passes_.backward(model, dh, list(), dv);
            model.vectors_backward(dv, gradients_, model.options().id_dropout > 0 ? &drawn_ : nullptr);
        } else {
            kernels::softmax_cross_entropy<T>(scores, losses, nullptr, workspace_, &pool_);
        }
        double loss = 0;
        for (Index i = 0; i < targets; ++i) loss += static_cast<double>(losses[i]);
        return {loss * static_cast<double>(targets), static_cast<double>(targets)};
    }
    /// Makes the list of gradients anew, for the model may have moved, and clears it.
    void clear(const Model& model) {
        detail::list_fields(model, gradients_, fields_);
        detail::drop_empty(fields_.parameters());
        clear_gradients(fields_.parameters());
        passes_.clear(model, model.items() + 1);
    }
    /// The bias with scores of cold items so low that the softmax gives them nothing.
    const T* without_cold(const Model& model) {
        T* bias = bias_.need(model.items() + 1);
        for (Index i = 0; i <= model.items(); ++i)
            bias[i] = model.is_cold(i) ? T(-1e30) : model.bias() ? model.bias()[i] : T(0);
        return bias;
    }

    ThreadPool& pool_;
    detail::SequencePasses<Model> passes_;
    typename Model::Gradients gradients_;
    Fields<T> fields_;
    const T* h_ = nullptr;  // of the last batch
    // For metrics:
    bool keep_predictions_ = false;
    Index targets_seen_ = 0, width_ = 0, items_ = 0;
    const T* scored_bias_ = nullptr;
    Buffer<T> packed_, scores_, classes_;
    Buffer<T> dh_, dv_, weights_, losses_, bias_, workspace_;
    typename Model::Vectors drawn_;
    Buffer<std::int32_t> targets_;
};

DEEPREC_END
