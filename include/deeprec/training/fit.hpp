/// Training over a data set: `fit`.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/training/fit_loop.hpp>
#include <deeprec/training/state_file.hpp>

DEEPREC_BEGIN

/// Options of `fit` for data of one kind.
template <class Data>
struct FitOptions {
    Index epochs = 1;                  ///< times that all samples are seen
    Index batch_size = 32;             ///< samples of a step; the last of an epoch may be smaller
    const Data* validation = nullptr;  ///< adds "val_loss" to the log of each epoch, and metrics
    int threads = 0;                   ///< 0 = all cores; the result does not depend on it
    std::uint64_t seed = 0;            ///< of shuffling, dropout and sampling
    bool shuffle = true;               ///< anew in each epoch; false: in the order of the data
    /// 0: all samples are shuffled among each other. Else in blocks of so many, 64 random ones at a time
    /// (`shuffle_blocks`), for data larger than memory: what a batch reads then lies in 64 places that neighbouring
    /// batches read too, not one place a sample.
    Index shuffle_block = 0;
    Index accumulate = 1;  ///< batches for one step, which is that of one batch with all their samples
    /// A factor of the training loss of samples of class 0, 1, ... beside their own weights, as Keras' class_weight.
    /// The class is the target, or the place of the largest number where targets have several; where a model predicts
    /// every step, each step has its class.
    std::vector<double> class_weight{};
    /// Penalties in the loss, and in "val_loss": `{{"kernel", L2{1e-4}}, {"embeddings", L1{1e-6}}}`. A step that
    /// touches some rows of a table penalises those.
    std::vector<Regularizer> regularizers{};
    /// A state that Checkpoint wrote (`run/last.state`): the training goes on where it was, to the same bits as if it
    /// had not been interrupted. Where there is no such file it starts afresh. A state of another model, data set or of
    /// other options is refused; more epochs than before go on after them.
    Resume resume{};
    /// The processes that train this model together, each with its own copy: a `TrainingWorld`. Each of
    /// N ranks takes its share of batches of N batch_size samples, gradients are added up, and all make the same step:
    /// to rounding, that of one process with batches so large. (Not so: dropout in a SequenceRecommender, whose rows
    /// are sorted by length in each share; in-batch negatives; statistics of a BatchNorm within a share.) The order of
    /// samples, the draws of negatives and every callback are the same on all ranks; Checkpoint, HistoryFile and
    /// ProgressBar act on rank 0. Each rank validates on all of the validation data; metrics of training are left out.
    /// Throws ArgumentError, on every rank and with both values, where one has other data, weights or options.
    ///
    /// Tables are whole on each rank, but for those with `.shard = {world.rank(), world.size()}`: of a
    /// SequenceRecommender that NextItemSampled trains, and of Embedding layers in a Sequential or TwoTower. Each rank
    /// has 1/N of their rows and of what the optimizer keeps of them, and gets the others by need
    /// (training/row_exchange.hpp says what goes over the network). Penalties of those tables and clipping by norms,
    /// which need all rows, throw ArgumentError. Checkpoint writes the whole model and the whole state, as one process
    /// does, so that any number of ranks goes on from it.
    AnyWorld world{};
};

/// A source of training data: `size()` samples, and `batch(indices)` that gives some of them.
template <class D>
concept DataSource = requires(D& data, std::span<const Index> indices) {
    { data.size() } -> std::convertible_to<Index>;
    data.batch(indices);
};
/// What `fit` makes smaller: losses of predictions, as BinaryCrossEntropy; of the vectors of two towers, as
/// InBatchSoftmax; of a SequenceRecommender, NextItemSoftmax and NextItemSampled.
template <class L, class Model>
concept LossFor = requires { L::template takes_logits<void>; } || TrainsVectors<L> ||
                  requires { typename Trainer<Model, L>::ForSequences; };
/// What `fit` trains with: `step(model, gradients, pool)`.
template <class O, class Model>
concept OptimizerFor = requires(O& optimizer, Model& model, typename Model::Gradients& gradients, ThreadPool* pool) {
    optimizer.step(model, gradients, pool);
};

/// Trains `model` in place: mini-batches in a new random order each epoch, gradient by shards over threads, one
/// optimizer step a batch. The epoch's "loss" is the loss of all its samples, taken while the weights change (as Keras
/// reports it): sums over batches, divided once by what counted in them. Same seed, same bits for any number of
/// threads. Metrics among the callbacks are reported too: `fit(model, train, loss, optimizer, {}, BinaryAccuracy{})`.
/// They see predictions with the masks and weights that the loss has.
///
/// Throws ArgumentError for options without meaning, DataError for an empty data set, ShapeError where model and data
/// disagree, NumericError when a loss stops being finite, FormatError for a damaged state.
template <class Model, class Data, class Loss, class Optimizer, class... Callbacks>
History fit(Model& model, Data&& train, const Loss& loss, Optimizer& optimizer,
            FitOptions<std::remove_cvref_t<Data>> options = {}, Callbacks&&... callbacks) {
    using T = typename Model::Scalar;
    using D = std::remove_reference_t<Data>;
    static_assert(DataSource<D>,
                  "fit: the data must have size() and batch(indices); wrap tensors in a TensorDataset{x, y}");
    static_assert(LossFor<Loss, Model>,
                  "fit: the third argument must be a loss such as BinaryCrossEntropy, or for a SequenceRecommender "
                  "NextItemSoftmax or NextItemSampled");
    static_assert(OptimizerFor<Optimizer, Model>,
                  "fit: the fourth argument must be an optimizer such as Adam, with step(model, gradients, pool)");
    static_assert((detail::can_keep_state<std::remove_reference_t<Callbacks>> && ...),
                  "fit: callbacks keep state, so pass them as objects that are not const");
    if constexpr (DataSource<D> && LossFor<Loss, Model> && OptimizerFor<Optimizer, Model>) {
        const detail::LoopOptions loop{options.epochs,
                                       options.batch_size,
                                       options.seed,
                                       options.shuffle,
                                       options.shuffle_block,
                                       options.accumulate,
                                       {options.class_weight},
                                       options.regularizers,
                                       options.resume,
                                       {detail::described(loss), std::string(detail::name_of<Optimizer>())},
                                       options.world};
        loop.check();
        if (train.size() == 0) throw DataError("fit: the training data has no samples");
        if (options.validation && options.validation->size() == 0)
            throw DataError("fit: the validation data has no samples");

        ThreadPool pool(options.threads);
        Trainer<Model, Loss> trainer(model, loss, pool);
        if constexpr (requires { trainer.accumulate(); })
            if (options.accumulate > 1) trainer.accumulate();
        if constexpr (requires { trainer.join(options.world); }) trainer.join(options.world);
        detail::ModelTask<Model, D, Loss> task(model, train, trainer);
        if constexpr (requires { optimizer.options().clipping; })
            if (const Clipping& c = optimizer.options().clipping;
                std::isfinite(std::min(c.norm, c.global_norm)) && detail::shares_out(task.fields().parameters()))
                throw ArgumentError(message("fit: clipping by a norm of ", std::min(c.norm, c.global_norm),
                                            " needs the gradients of all rows, which the ranks share out; expected ",
                                            "Clipping::value or none"));
        std::optional<detail::ModelTask<Model, const std::remove_cvref_t<Data>, Loss>> validation;
        if (options.validation) validation.emplace(model, *options.validation, trainer);
        std::vector<detail::CallbackRef> refs;
        std::vector<detail::MetricRef<T>> metrics;
        [[maybe_unused]] const auto add = [&](auto& callback) {
            using C = std::remove_reference_t<decltype(callback)>;
            if constexpr (detail::IsMetric<C>)
                metrics.push_back(detail::metric_ref<T, detail::prediction_rank<Model, D>()>(callback));
            else
                refs.push_back(detail::callback_ref(callback));
        };
        (add(callbacks), ...);
        if (!metrics.empty()) {
            if constexpr (requires { trainer.keep_predictions(); })
                trainer.keep_predictions();
            else
                throw ArgumentError("fit: this kind of model and loss has no predictions for metrics");
        }
        const detail::ModelOptimizer<Model, Optimizer, Trainer<Model, Loss>> steps(model, optimizer, trainer);
        return detail::fit_loop<T>(task, validation ? &*validation : nullptr, steps, loop, pool, refs, metrics);
    } else {
        return {};
    }
}

DEEPREC_END
