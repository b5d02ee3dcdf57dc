/// One training step, cut into shards over threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/pass.hpp>
#include <deeprec/core/tasks.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/losses/loss.hpp>
#include <deeprec/optimizers/clipping.hpp>
#include <deeprec/training/gradient_sum.hpp>
#include <deeprec/training/shared_tables.hpp>

DEEPREC_BEGIN

/// A factor of the loss of samples, or steps, of class 0, 1, ...; empty = none. Throws DataError for a target that is
/// no class.
struct ClassWeights {
    std::vector<double> weights{};  ///< of classes 0, 1, ...; empty = all 1

    explicit operator bool() const { return !weights.empty(); }
    /// Of a target of `width` numbers: the target is the class, or the place of its largest number is.
    template <class T>
    double of(const T* target, Index width) const {
        const double label = width == 1 ? static_cast<double>(*target)
                                        : static_cast<double>(std::max_element(target, target + width) - target);
        if (!(label >= 0 && label < static_cast<double>(weights.size()) && detail::equal(label, std::floor(label))))
            throw DataError(message("fit: class_weight has ", weights.size(), " classes, received the target ", label));
        return weights[static_cast<std::size_t>(label)];
    }
};

namespace detail {
/// Whether the loss takes the model's last activation over.
template <class Loss, class Model>
constexpr bool trains_on_logits() {
    using Final = typename FinalActivationOf<Model>::type;
    return Loss::template takes_logits<Final>;
}

/// What a step needs to know of a batch, whatever its inputs are.
template <class T>
struct BatchFacts {
    Index samples = 0, block = 1, steps = 1;
    Index width = 0;  ///< numbers of a sample's target
    const T* targets = nullptr;
    SampleWeights<T> weights{};
};

/// Some samples of a batch, and what came out for them.
template <class T>
struct Shard {
    Index number = 0, lane = 0, begin = 0, rows = 0;
    LossSum loss{};
    Block<const T> predictions{};  ///< kept for metrics, with their mask
    SampleWeights<T> weights{};    ///< as the loss had them
    Buffer<T> dy, kept, weight_memory;
    Buffer<std::uint8_t> mask;
};

/// The part of a Trainer that is the same for every model.
template <class T>
class ShardedStep {
public:
    explicit ShardedStep(ThreadPool& pool) : pool_(pool) {}

    /// From now on small batches are not cut in two: accumulated, they have the shards of the batch that they are of.
    void keep_whole() { halves_ = false; }

    /// What decides how a batch is cut.
    void count_parameters(const ParameterList<T>& list) {
        for (const Parameter<T>& p : list) {
            if (!p.rows && !p.is_state()) dense_numbers_ += p.size();
            has_state_ |= p.is_state();
        }
    }
    Shards cut(const BatchFacts<T>& batch) const {
        const Index most = most_shards(batch.steps);
        return Shards(batch.samples, batch.block, most, usual_rows(batch, most));
    }
    /// work(shard) for each shard of the batch over the threads; returns their losses added up in order.
    LossSum run(const Shards& cut, FunctionRef<void(Shard<T>&)> work) {
        while (static_cast<Index>(shards_.size()) < cut.count) shards_.push_back(std::make_unique<Shard<T>>());
        pool_.run(cut.count, [&](Index s, Index lane) {
            Shard<T>& shard = *shards_[static_cast<std::size_t>(s)];
            shard.number = s;
            shard.lane = lane;
            shard.begin = cut.begin(s);
            shard.rows = cut.end(s) - cut.begin(s);
            work(shard);
        });
        used_ = cut.count;
        LossSum loss;
        for (Index s = 0; s < cut.count; ++s) loss += shards_[static_cast<std::size_t>(s)]->loss;
        return loss;
    }
    /// Shards of the last batch, in order.
    template <class F>
    void each_shard(F&& f) const {
        for (Index s = 0; s < used_; ++s) f(*shards_[static_cast<std::size_t>(s)]);
    }

private:
    /// Every shard clears, fills and adds up a gradient of its own. For 1,024 x 1,024 weights and one step a sample
    /// that costs more than the products of 32 samples, so large models get fewer shards, though never one.
    Index most_shards(Index steps) const {
        return std::clamp<Index>((Index(1) << 20) * steps / std::max<Index>(dense_numbers_, 1), 2, Shards::most_shards);
    }
    /// A batch below 64 is cut in two, so that two threads have work, where the second shard is cheap (not with large
    /// models, nor with moving statistics, which are estimated within a shard) and worth it: below 32 rows, from 8 on,
    /// where the step takes some 0.1 ms. The backward pass is twice the work of the forward pass.
    Index usual_rows(const BatchFacts<T>& batch, Index most) const {
        const bool cheap = most == Shards::most_shards && !has_state_ && halves_;
        const bool much = batch.samples >= Shards::usual_rows ||
                          (batch.samples >= 8 && 3 * dense_numbers_ * batch.steps * batch.samples >= shared_work);
        return cheap && much ? std::min<Index>((batch.samples + 1) / 2, Shards::usual_rows) : Shards::usual_rows;
    }

    ThreadPool& pool_;
    Index dense_numbers_ = 0, used_ = 0;
    bool has_state_ = false, halves_ = true;
    std::vector<std::unique_ptr<Shard<T>>> shards_;
};

/// The gradients that shards fill, with their lists.
template <class Model>
class ShardGradients {
    using T = typename Model::Scalar;

public:
    explicit ShardGradients(const Model& model) { add(model); }

    /// Makes room for `shards`, and their lists anew: the model may have moved since.
    void prepare(const Model& model, Index shards) {
        while (static_cast<Index>(gradients_.size()) < shards) add(model);
        if (static_cast<Index>(lists_.size()) < shards) lists_.resize(static_cast<std::size_t>(shards));
        for (std::size_t s = 0; s < static_cast<std::size_t>(shards); ++s)
            renew_list(model, *gradients_[s], fields_, lists_[s]);
    }
    /// The gradient of a shard, all zero.
    typename Model::Gradients& cleared(Index shard) {
        clear_gradients(lists_[static_cast<std::size_t>(shard)]);
        return *gradients_[static_cast<std::size_t>(shard)];
    }
    /// The gradients of `count` shards become that of the first.
    void add_up(Index count, ThreadPool& pool) { sum_({lists_.data(), static_cast<std::size_t>(count)}, pool); }
    typename Model::Gradients& first() { return *gradients_.front(); }
    const ParameterList<T>& list() const { return lists_.front(); }

private:
    void add(const Model& model) {
        gradients_.push_back(std::make_unique<typename Model::Gradients>(model.zero_gradients()));
    }
    std::vector<std::unique_ptr<typename Model::Gradients>> gradients_;
    std::vector<ParameterList<T>> lists_;
    Fields<T> fields_;
    GradientSum<T> sum_;
};
}  // namespace detail

/// Owns what a training step needs beside the model: a gradient for each shard, a cache for each thread.
///
/// A batch is cut into Shards; each runs forward, loss and backward on its own, then the gradients are added up
/// in a fixed order. So the bits are the same for any number of threads. Nothing is allocated once each thread has seen
/// a shard of the same size.
template <class Model, class Loss>
class Trainer {
    using T = typename Model::Scalar;
    static constexpr bool on_logits = detail::trains_on_logits<Loss, Model>();
    static constexpr bool by_task = requires(const Loss& loss) { loss.heads_on_logits(); };

public:
    Trainer(const Model& model, const Loss& loss, ThreadPool& pool)
        : pool_(pool),
          step_(pool),
          loss_([&] {
              if constexpr (on_logits)
                  return loss.on_logits();
              else
                  return loss;
          }()),
          gradients_(model),
          caches_(std::make_unique<typename Model::Cache[]>(static_cast<std::size_t>(pool.threads()))) {
        step_.count_parameters(parameter_list(model, gradients_.first()));
        if constexpr (by_task) loss_.bind(model.heads());
    }

    /// The loss of the batch, with the gradient of its mean in `gradients()`. Dropout is that of the samples from
    /// `first_row` of a larger batch.
    template <class Inputs>
    LossSum gradient(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed,
                     const ClassWeights& class_weights = {}, Index first_row = 0) {
        first_row_ = first_row;
        return run(model, batch, step_seed, true, class_weights);
    }
    /// The loss of the batch without training.
    template <class Inputs>
    LossSum evaluate(const Model& model, const Batch<Inputs, T>& batch) {
        return run(model, batch, Seed{}, false, {});
    }
    /// The ranks that share tables of the model out, if some do; all call `gradient` (or `no_gradient`) and `evaluate`
    /// alike from then on. The gradient of such a table is that of the sum over all ranks, in the rows here.
    void join(const AnyWorld& world) { tables_.join(world); }
    /// `gradient` of a rank that has no samples of a batch.
    void no_gradient(const Model& model) { tables_.serve(model, gradients_); }
    /// From now on passes are watched; null: no longer.
    void watch(OutputWatch* watch) { watch_ = watch; }
    /// From now on batches are parts of larger ones, whose gradients somebody adds up.
    void accumulate() { step_.keep_whole(); }
    /// From now on the predictions of each batch are kept for `each_prediction`.
    void keep_predictions() { keep_predictions_ = true; }
    /// f(prediction, target [n, width], weights) for the shards of the last batch, in order: predictions [n, outputs],
    /// or [n, T, C] with their mask where each step is one; the weights are those of the loss.
    template <class Inputs, class F>
    void each_prediction(const Batch<Inputs, T>& batch, F&& f) const {
        const Index width = batch.targets.last();
        step_.each_shard([&](const detail::Shard<T>& shard) {
            f(shard.predictions, View<const T, 2>{batch.targets.data() + shard.begin * width, {shard.rows, width}},
              shard.weights);
        });
    }
    /// Gradient of the last batch.
    typename Model::Gradients& gradients() { return gradients_.first(); }
    /// The list of the model with that gradient, without names; made anew by each `gradient`.
    const ParameterList<T>& list() const { return gradients_.list(); }

private:
    /// Whether each step of the output, [B, T, C], is a prediction of its own.
    template <class Inputs>
    static constexpr bool predicts_steps =
        decltype(std::declval<const Model&>().forward(slice_samples(std::declval<const Inputs&>(), 0, 0),
                                                      std::declval<typename Model::Cache&>()))::rank == 3;

    template <class Inputs>
    LossSum run(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed, bool train,
                const ClassWeights& class_weights) {
        const detail::BatchFacts<T> facts = facts_of(batch);
        constexpr bool by_step = predicts_steps<Inputs>;
        static_assert(!by_step || !by_task);  // heads give one vector a sample
        if constexpr (by_task) {
            if (class_weights) throw ArgumentError("fit: class_weight needs one task");
            loss_.begin(batch.tasks, facts.targets, facts.samples, facts.width, facts.weights.data);
        } else if (!batch.tasks.empty()) {
            throw ArgumentError(message("fit: targets by name, ", detail::listed_tasks(batch.tasks),
                                        ", need Heads and Losses{on(\"", batch.tasks[0].name, "\", ...), ...}"));
        }
        SampleWeights<T> weights = facts.weights;
        if (!by_step) weights = weights_by_sample(facts, class_weights);
        // Which steps count is known after the forward pass: until then the sum is not divided.
        const double divisor = by_step ? 0 : loss_.divisor(facts.targets, facts.samples, facts.width, weights.data);
        const double scale = detail::equal(divisor, 0) ? 1 : 1 / divisor;
        const Shards cut = step_.cut(facts);
        gradients_.prepare(model, train ? cut.count : 1);
        const TableRows* const tables = tables_.fetch(model, batch.inputs, list());
        LossSum loss = step_.run(cut, [&](detail::Shard<T>& shard) {
            auto& cache = caches_[static_cast<std::size_t>(shard.lane)];
            const auto inputs = slice_samples(batch.inputs, shard.begin, shard.begin + shard.rows);
            Pass pass =
                (train ? Pass(Training(step_seed, first_row_ + shard.begin)) : Pass(Inference{})).on_logits(on_logits);
            if constexpr (by_task) pass.heads = loss_.heads_on_logits();
            pass.watch = watch_;
            pass.tables = tables;
            const auto y = detail::known_rank(model.forward(inputs, cache, pass));
            shard.weights = weights.from(shard.begin);
            T* const dy = finish(model, Block(y), by_step, facts, scale, class_weights, train, shard);
            if (!train) return;
            model.backward(View<const T, std::decay_t<decltype(y)>::rank>{dy, y.extents()}, cache,
                           gradients_.cleared(shard.number), InputGradient::skip);
        });
        if (train) gradients_.add_up(cut.count, pool_);
        if (!by_step)
            loss = {loss.sum / scale, divisor};
        else if (train && !detail::equal(loss.divisor, 0))
            detail::each_trained(gradients_.list(),
                                 [&](const Parameter<T>& p) { detail::scale_gradient(p, 1 / loss.divisor); });
        if (train) tables_.give_back(detail::equal(loss.divisor, 0) ? 1 : loss.divisor);
        return loss;
    }
    template <class Inputs>
    static detail::BatchFacts<T> facts_of(const Batch<Inputs, T>& batch) {
        const Index samples = sample_count(batch.inputs);
        if (batch.targets.extent(0) != samples)
            throw ShapeError(
                message("fit: a batch of ", samples, " samples came with ", batch.targets.extent(0), " targets"));
        if (samples == 0) throw DataError("fit: a batch has no samples");
        return {samples,
                sample_block(batch.inputs),
                sample_steps(batch.inputs),
                batch.targets.last(),
                batch.targets.data(),
                batch.sample_weights()};
    }
    /// Throws DataError for a weight that is not finite, unless a mask leaves its step out.
    static void check_finite(const SampleWeights<T>& weights, Index samples, Index steps, const std::uint8_t* kept) {
        for (Index i = 0; weights && i < samples * steps; ++i)
            if ((!kept || kept[i]) && !std::isfinite(weights(i / steps, i % steps)))
                throw DataError(message("fit: expected finite weights, received ", weights(i / steps, i % steps),
                                        " for sample ", i / steps, " of the batch"));
    }
    /// The weights of the samples times those of their classes.
    SampleWeights<T> weights_by_sample(const detail::BatchFacts<T>& facts, const ClassWeights& classes) {
        if (facts.weights && facts.weights.per_sample != 1)
            throw ShapeError(
                message("fit: expected weights [B] for a model with one prediction a sample, received [B, ",
                        facts.weights.per_sample, "]"));
        check_finite(facts.weights, facts.samples, 1, nullptr);
        if (!classes) return facts.weights;
        T* const weights = weights_.need(facts.samples);
        for (Index r = 0; r < facts.samples; ++r)
            weights[r] = static_cast<T>(loss_.ignores(facts.targets + r * facts.width)
                                            ? 1.0
                                            : classes.of(facts.targets + r * facts.width, facts.width)) *
                         (facts.weights ? facts.weights.data[r] : T(1));
        return {weights, 1};
    }
    /// The loss of a shard's output; returns dL/dy where it trains.
    T* finish(const Model& model, const Block<const T>& y, bool by_step, const detail::BatchFacts<T>& facts,
              double scale, const ClassWeights& classes, bool train, detail::Shard<T>& shard) {
        const Index steps = by_step ? y.time() : 1, predictions = shard.rows * steps, outputs = y.size() / predictions;
        if (y.size() != predictions * outputs || steps * loss_.target_outputs(outputs) != facts.width)
            throw ShapeError(message("fit: the model gives ", y.size() / shard.rows,
                                     " outputs a sample, the targets have ", facts.width));
        const T* target = facts.targets + shard.begin * facts.width;
        const std::uint8_t* kept = by_step ? y.mask.keep : nullptr;
        if (by_step) {
            shard.weights = weights_by_step(shard, steps, target, facts.width / steps, kept, classes);
            shard.loss.divisor = loss_.divisor(target, predictions, facts.width / steps, shard.weights.data, kept);
        } else {
            shard.loss.divisor = 0;
        }
        if (keep_predictions_) keep(model, y, by_step, predictions, outputs, shard);
        T* dy = train ? shard.dy.need(y.size()) : nullptr;
        shard.loss.sum = loss_.accumulate(y.data, target, predictions, outputs, shard.weights.data, scale, dy, kept);
        return dy;
    }
    /// One weight a step, times that of its class.
    SampleWeights<T> weights_by_step(detail::Shard<T>& shard, Index steps, const T* target, Index width,
                                     const std::uint8_t* kept, const ClassWeights& classes) const {
        const SampleWeights<T> given = shard.weights;
        if (given && given.per_sample != 1 && given.per_sample != steps)
            throw ShapeError(
                message("fit: expected weights [B] or [B, ", steps, "], received [B, ", given.per_sample, "]"));
        check_finite(given, shard.rows, steps, kept);
        if (!given && !classes) return {};
        T* const all = shard.weight_memory.need(shard.rows * steps);
        for (Index i = 0; i < shard.rows * steps; ++i) {
            all[i] = static_cast<T>(given(i / steps, i % steps));
            const bool counts = (!kept || kept[i]) && !loss_.ignores(target + i * width);
            if (classes && counts) all[i] *= static_cast<T>(classes.of(target + i * width, width));
        }
        return {all, steps};
    }
    void keep(const Model& model, const Block<const T>& y, bool by_step, Index predictions, Index outputs,
              detail::Shard<T>& shard) const {
        T* kept = shard.kept.need(y.size());
        if constexpr (by_task)
            loss_.activate(model.heads(), y.data, kept, predictions);
        else if constexpr (on_logits)
            kernels::activate_rows<typename FinalActivationOf<Model>::type>(y.data, kept, predictions, outputs);
        else
            std::copy_n(y.data, y.size(), kept);
        const Shape by_sample{shard.rows, y.size() / shard.rows};
        shard.predictions = {kept, by_step ? y.shape : by_sample};
        if (by_step && y.mask) {  // the next shard of the thread overwrites the cache's
            std::uint8_t* mask = shard.mask.need(predictions);
            std::copy_n(y.mask.keep, predictions, mask);
            shard.predictions.mask = Mask{mask};
        }
    }

    ThreadPool& pool_;
    detail::ShardedStep<T> step_;
    Loss loss_;
    detail::ShardGradients<Model> gradients_;
    detail::SharedTablesOf<Model> tables_;
    std::unique_ptr<typename Model::Cache[]> caches_;  // one for each thread
    Buffer<T> weights_;
    Index first_row_ = 0;
    OutputWatch* watch_ = nullptr;
    bool keep_predictions_ = false;
};

DEEPREC_END
