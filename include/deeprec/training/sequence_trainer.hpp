/// Next-item training: the softmax over all items at every step of a sequence.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include <deeprec/data/sequence_samples.hpp>
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
    Trainer(const Model& model, const NextItemSoftmax&, ThreadPool& pool)
        : pool_(pool), gradients_(model.zero_gradients()), empty_(model.zero_pass_gradients()) {}

    /// The loss of the batch, with its gradient in `gradients()`.
    double gradient(const Model& model, const SequenceBatch& batch, Seed step_seed) {
        return run<true>(model, batch, step_seed);
    }
    /// The loss of the batch without training.
    double evaluate(const Model& model, const SequenceBatch& batch) { return run<false>(model, batch, Seed{}); }
    typename Model::Gradients& gradients() { return gradients_; }

private:
    struct Shard {
        typename Model::Cache cache;
        typename Model::PassGradients gradients;
        Buffer<std::int32_t> ids;
        Buffer<T> dh;
        Index steps = 0, first_target = 0;
    };

    template <bool Train>
    double run(const Model& model, const SequenceBatch& batch, Seed step_seed) {
        const Index targets = cut_up(batch), d = model.width();
        if constexpr (Train) clear(model);
        if (targets == 0) return 0;
        const T* vectors = model.vectors();
        const T* bias = model.bias();
        if constexpr (Train) {
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
            for (Index r = 0; r < rows; ++r) {
                const auto events = sorted_[static_cast<std::size_t>(begin + r)];
                std::copy(events.begin(), events.end() - 1, ids + r * shard.steps);
                for (std::size_t t = 1; t < events.size(); ++t) target[at++] = checked(model, events[t]) - 1;
                if constexpr (Train) check_warm(model, events);
            }
            const auto mode = [&] {
                if constexpr (Train)
                    return Training(step_seed, begin);
                else
                    return Inference{};
            }();
            const auto y =
                model.forward_with(vectors, View<const std::int32_t, 2>{ids, {rows, shard.steps}}, shard.cache, mode);
            each_row(shard, begin, rows, [&](Index r, Index first, Index n) {
                std::copy_n(y.data() + r * shard.steps * d, n * d, h + first * d);
            });
        });
        T* weights = weights_.need(targets);
        std::fill_n(weights, targets, T(1) / static_cast<T>(targets));
        const kernels::CatalogueScores<T> scores{
            h, targets, d, vectors + d, model.items(), d, d, bias ? bias + 1 : nullptr, target, weights};
        T *dh = nullptr, *dv = nullptr, *losses = losses_.need(targets);
        if constexpr (Train) {
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
        if constexpr (Train) {
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
        return loss;
    }
    /// Sorts the sequences, longest first, and cuts them into shards. Returns the number of targets.
    Index cut_up(const SequenceBatch& batch) {
        sorted_.assign(batch.sequences.begin(), batch.sequences.end());
        std::erase_if(sorted_, [](const auto& events) { return events.size() < 2; });
        std::sort(sorted_.begin(), sorted_.end(),
                  [](const auto& a, const auto& b) {  // equal lengths by place in memory
                      return a.size() != b.size() ? a.size() > b.size() : std::less<>{}(a.data(), b.data());
                  });
        cut_ = Shards(static_cast<Index>(sorted_.size()));
        while (static_cast<Index>(shards_.size()) < cut_.count) shards_.push_back({{}, empty_, {}, {}});
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
    void clear(const Model& model) {
        detail::clear_gradients(model, gradients_);
        for (Shard& shard : shards_) {
            shard.gradients.vectors.setZero();
            detail::clear_gradients(model.tower, shard.gradients.tower);
        }
    }
    void reduce(const Model& model, T* dv) {
        const Index d = model.width();
        for (Index s = 0; s < cut_.count; ++s) {
            auto& pass = shards_[static_cast<std::size_t>(s)].gradients;
            detail::add_gradients(model.tower, gradients_.tower, pass.tower);
            for (std::size_t i = 0; i < pass.vectors.ids().size(); ++i)
                kernels::add<T>(pass.vectors.values(i), dv + pass.vectors.ids()[i] * d, d);
        }
        model.vectors_backward(dv, gradients_, model.options().id_dropout > 0 ? &drawn_ : nullptr);
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
    Shards cut_{0};
    std::vector<std::span<const std::int32_t>> sorted_;
    Buffer<T> h_, dh_, dv_, weights_, losses_, bias_, workspace_;
    typename Model::Vectors drawn_;
    Buffer<std::int32_t> targets_;
};

DEEPREC_END
