/// The loop of a training, compiled once for each scalar: epochs, batches, steps, events.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/order.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/training/events.hpp>
#include <deeprec/training/gradient_exchange.hpp>
#include <deeprec/training/regularizers.hpp>
#include <deeprec/training/state.hpp>
#include <deeprec/training/task.hpp>
#include <deeprec/training/whole_model.hpp>

DEEPREC_BEGIN
namespace detail {

/// What `fit` takes for a metric among its callbacks.
template <class M>
concept IsMetric = requires(M metric) {
    metric.name();
    metric.reset();
    metric.result();
};

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class T>
History fit_loop(TrainingTask<T>& train, TrainingTask<T>* validation, const OptimizerRef<T>& optimizer,
                 const LoopOptions& options, ThreadPool& pool, std::span<const CallbackRef> callbacks,
                 std::span<const MetricRef<T>> metrics);

#if DEEPREC_BODIES
/// The number of the first entry whose gradient, or values, are not finite; list.size() if there is none. One pass at
/// the speed of memory.
template <class T>
std::size_t not_finite(const ParameterList<T>& list, bool gradients, ThreadPool& pool) {
    constexpr Index piece = 1 << 16;
    std::size_t number = 0;
    for (const Parameter<T>& p : list) {
        const T* numbers = !gradients ? p.values : p.moves ? p.moves->sum().data() : p.touched_data();
        const Index n = gradients && !p.moves ? p.touched() : p.size();
        std::atomic<bool> finite = true;
        run_tasks(&pool, numbers ? (n + piece - 1) / piece : 0, [&](Index i) {
            if (!kernels::all_finite(numbers + i * piece, std::min(piece, n - i * piece))) finite = false;
        });
        if (!finite) break;
        ++number;
    }
    return number;
}

/// One training on its way.
template <class T>
class FitLoop final : public TrainingControl {
public:
    FitLoop(TrainingTask<T>& train, TrainingTask<T>* validation, const OptimizerRef<T>& optimizer,
            const LoopOptions& options, ThreadPool& pool, std::span<const CallbackRef> callbacks,
            std::span<const MetricRef<T>> metrics)
        : train_(train),
          validation_(validation),
          optimizer_(optimizer),
          options_(options),
          pool_(pool),
          callbacks_(callbacks),
          metrics_(metrics),
          penalties_(find_penalised(named_list(), options.regularizers)),
          shared_out_(shares_out(named_list())),
          order_(all_indices(train.samples())) {}

    History run() {
        const bool resumed = resume();
        leads = options_.world.rank() == 0;
        shares = shared_out_;
        if (options_.world) agree_with_world();
        check_shards("fit", named_list(), options_.world);
        tell<&CallbackRef::train_begin>(TrainBegin{{*this}, resumed});
        try {
            while (epoch_ < options_.epochs && !stopping) run_epoch();
        } catch (...) {
            if (options_.world) options_.world->leave();
            throw;
        }
        history_.stopped_early = stopping;
        tell<&CallbackRef::train_end>(TrainEnd{{*this}});
        return std::move(history_);
    }

    double learning_rate() const override { return optimizer_.learning_rate(); }
    void set_learning_rate(double rate) override { optimizer_.set_learning_rate(rate); }
    Index iterations() const override { return optimizer_.iterations(); }
    std::vector<double> weights() const override {
        std::vector<double> all;
        for (const Parameter<T>& p : named_list()) all.insert(all.end(), p.values, p.values + p.size());
        return all;
    }
    void set_weights(const std::vector<double>& weights) override {
        std::size_t at = 0;
        for (const Parameter<T>& p : named_list())
            for (Index i = 0; i < p.size(); ++i) p.values[i] = static_cast<T>(weights.at(at++));
        train_.parameters_changed();
    }
    std::string metric_without_state() const override {
        for (const MetricRef<T>& metric : metrics_)
            if (!metric.state) return metric.name;
        return "";
    }
    void show(const TrainingVisitor& visitor) override {
        check_weights_finite();  // before anybody keeps them
        TrainingState<T> now = state();
        visitor.see(now);
    }

private:
    ParameterList<T> named_list() const {
        auto fields = train_.fields();
        drop_empty(fields.parameters());
        return std::move(fields.parameters());
    }
    template <auto Handler, class Event>
    void tell(const Event& event) const {
        for (const CallbackRef& callback : callbacks_)
            if (callback.*Handler) (callback.*Handler)(callback.self, event);
    }

    void run_epoch() {
        const auto start = std::chrono::steady_clock::now();
        const Seed epoch_seed = derive(Seed{options_.seed}, static_cast<std::uint64_t>(epoch_));
        const bool resumed = so_far_.samples > 0;
        train_.start_epoch(epoch_, epoch_seed);
        if (saves()) know_data();
        if (options_.shuffle && options_.shuffle_block)
            shuffle_blocks(order_, options_.shuffle_block, epoch_seed);
        else if (options_.shuffle)
            shuffle(order_, epoch_seed);
        tell<&CallbackRef::epoch_begin>(EpochBegin{{*this}, epoch_, resumed});
        if (resumed)
            repeat_waiting();
        else
            for (const MetricRef<T>& metric : metrics_) metric.reset(metric.self);
        TrainingProgress progress{epoch_, options_.epochs, so_far_.samples, train_.samples(), 0, 0, so_far_.samples};
        while (so_far_.samples < train_.samples() && !stopping) {
            run_batch(so_far_.samples);
            progress.sample = so_far_.samples;
            progress.loss = so_far_.loss.mean() + so_far_.penalty / static_cast<double>(progress.sample);
            progress.seconds = seconds_since(start);
            tell<&CallbackRef::batch_end>(BatchEnd{{*this}, progress});
            stop_together();
            if (so_far_.samples < train_.samples()) tell_done(so_far_.samples / batch_samples());
        }
        if (behind_) train_.parameters_changed();
        check_weights_finite();
        if (so_far_.samples < train_.samples()) return;  // stopped: the epoch is not one
        so_far_ = {};
        EpochLog log{epoch_, seconds_since(start), {}};
        log.set("loss", progress.loss);
        if (!options_.world) report(log, "");
        if (validation_) validate(log);
        ++epoch_;
        const bool stopped_before = stopping;
        tell<&CallbackRef::epoch_end>(EpochEnd{{*this}, log, epoch_ == options_.epochs});
        stop_together();
        finished_ = stopping && !stopped_before;
        history_.epochs.push_back(std::move(log));
        tell_done(0);
    }
    /// Samples of a batch of all ranks.
    Index batch_samples() const { return options_.batch_size * options_.world.size(); }
    /// The samples of the batch that begins there.
    std::span<const Index> batch_at(Index begin) const {
        const auto count = std::min(batch_samples(), train_.samples() - begin);
        return std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    }
    /// Where this rank's share of a batch begins and ends.
    std::pair<Index, Index> share_of(std::span<const Index> batch) const {
        const Index all = static_cast<Index>(batch.size()), ranks = options_.world.size(), rank = options_.world.rank();
        return {all * rank / ranks, all * (rank + 1) / ranks};
    }
    /// Of this rank's share.
    LossSum gradient(std::span<const Index> batch, Index step) {
        const auto [begin, end] = share_of(batch);
        if (begin == end && !shared_out_) return {};  // else others may need this rank's rows
        return train_.gradient(batch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                               derive(Seed{options_.seed}, ~static_cast<std::uint64_t>(step)), options_.class_weight,
                               begin);
    }
    /// Loss and gradient of a batch, and a step where it is due.
    void run_batch(Index begin) {
        const auto batch = batch_at(begin);
        const bool alone = !options_.world;
        const LossSum loss = gradient(batch, step_);
        if (alone) {
            if (!std::isfinite(loss.sum)) refuse_loss(loss.sum);
            train_.show(metrics_);
            so_far_.loss += loss;
        }
        so_far_.samples += static_cast<Index>(batch.size());
        ++step_;
        if (options_.accumulate == 1 && alone) return take_step(train_.list(), static_cast<double>(batch.size()));
        const ParameterList<T>& sum = optimizer_.accumulated();
        wait(sum, loss, batch);
        const bool last = so_far_.samples == train_.samples();  // the last step of an epoch may have fewer batches
        if (batches_ < options_.accumulate && !last) return;
        if (!alone) add_up(sum);
        if (!detail::equal(waiting_.divisor, 0))
            each_trained(sum, [&](const Parameter<T>& p) { scale_gradient(p, 1 / waiting_.divisor); });
        take_step(sum, waiting_samples_);
        waiting_ = {}, batches_ = 0, waiting_samples_ = 0;
    }
    /// Of all ranks what waits for its step.
    void add_up(const ParameterList<T>& sum) {
        double facts[] = {waiting_.sum, waiting_.divisor, waiting_samples_};
        exchange_(sum, facts, *options_.world);
        waiting_ = {facts[0], facts[1]};
        waiting_samples_ = facts[2];
        if (!std::isfinite(waiting_.sum)) refuse(message("the loss became ", waiting_.sum, place()));
        so_far_.loss += waiting_;
    }
    /// Adds the gradient of this rank's share of a batch to those that wait for their step.
    void wait(const ParameterList<T>& sum, const LossSum& loss, std::span<const Index> batch) {
        const auto [begin, end] = share_of(batch);
        if (batches_ == 0) clear_gradients(sum);
        for (std::size_t i = 0; i < sum.size(); ++i) {
            if (begin == end && !sum[i].shard) continue;
            const Parameter<T>& p = train_.list()[i];
            if (!p.is_state() && !p.shard && !detail::equal(loss.divisor, 0))
                scale_gradient(p, loss.divisor);  // states have their own weights
            add_gradient(sum[i], p);
        }
        waiting_ += loss;
        waiting_samples_ += static_cast<double>(end - begin);
        ++batches_;
    }
    /// No file has the gradients that wait for their step: they are made again, by the weights that made them.
    void repeat_waiting() {
        const Index waiting = so_far_.samples / batch_samples() % options_.accumulate;
        for (Index i = waiting; i > 0; --i) {
            const auto batch = batch_at(so_far_.samples - i * batch_samples());
            wait(optimizer_.accumulated(), gradient(batch, step_ - i), batch);
        }
    }
    void take_step(const ParameterList<T>& list, double samples) {
        const double penalty = add_penalties(list, penalties_);
        if (!std::isfinite(penalty)) refuse(message("the penalty of the regularizers became ", penalty, place()));
        so_far_.penalty += penalty * samples;
        check_gradients_finite(list);
        tell<&CallbackRef::step_begin>(StepBegin{{*this}});
        optimizer_.step(list, pool_);
        behind_ = train_.stepped();
    }
    [[noreturn]] void refuse_loss(double loss) const {
        const std::string what = message("the loss became ", std::isnan(loss) ? "NaN" : "infinite", place(), ": ");
        if (const std::size_t bad = not_finite(train_.list(), false, pool_); bad < train_.list().size())
            refuse(message(what, path_of(bad), " has a number that is not finite"));
        if (const std::string layer = train_.find_not_finite(); !layer.empty()) refuse(what + layer);
        refuse(what + "the outputs of all layers are finite: the loss, its targets or their weights made it");
    }
    /// Before the weights change.
    void check_gradients_finite(const ParameterList<T>& list) const {
        const std::size_t bad = not_finite(list, true, pool_);
        if (bad == list.size()) return;
        refuse(message("the gradient of ", path_of(bad), " has a number that is not finite", place(),
                       ", while the loss is finite; the weights are those before this step"));
    }
    /// After the steps of an epoch, and before anybody keeps its weights.
    void check_weights_finite() const {
        const std::size_t bad = not_finite(train_.list(), false, pool_);
        if (bad == train_.list().size()) return;
        refuse(message(path_of(bad), " has a number that is not finite after the last step, ", step_, " (epoch ",
                       epoch_ + 1, ")"));
    }
    std::string place() const { return message(" in step ", step_, " (epoch ", epoch_ + 1, ")"); }
    [[noreturn]] static void refuse(const std::string& what) {
        throw NumericError(message("fit: ", what, "; try a smaller learning rate or clipping"));
    }
    std::string path_of(std::size_t number) const { return named_list()[number].path; }
    /// Where one rank stops, all do.
    void stop_together() {
        if (!options_.world) return;
        double stops = stopping;
        options_.world->sum(&stops, 1);
        stopping = stops > 0;
    }
    /// Throws ArgumentError unless all ranks are about to do the same.
    void agree_with_world() {
        std::uint64_t weights = hash_start;
        std::string rows = "all";
        for (const Parameter<T>& p : named_list()) {
            if (!p.shard) {
                weights = hash_bytes(p.values, static_cast<std::size_t>(p.size()) * sizeof(T), weights);
                continue;
            }
            const bool own = p.shard == TableShard{options_.world.rank(), options_.world.size()};
            rows = own ? message("its part of ", p.all_rows)
                       : message("the part of rank ", p.shard.rank, " of ", p.shard.ranks, " of ", p.all_rows);
        }
        const std::pair<std::string, std::string> facts[] = {
            {"the version", version},
            {"the loss", options_.names.at(0)},
            {"the optimizer", options_.names.at(1)},
            {"the learning rate", message(optimizer_.learning_rate())},
            {"the number of epochs", message(options_.epochs)},
            {"the batch_size", message(options_.batch_size)},
            {"the seed", message(options_.seed)},
            {"shuffle", message(options_.shuffle)},
            {"shuffle_block", message(options_.shuffle_block)},
            {"accumulate", message(options_.accumulate)},
            {"samples", message(train_.samples())},
            {"rows of the tables:", rows},
            {"data with the fingerprint", message(train_.data_fingerprint())},
            {"weights with the fingerprint", message(weights)},
            {"done epochs", message(epoch_)},
        };
        agree("fit: the ranks of a world train one model alike", *options_.world, facts);
    }
    void report(EpochLog& log, const std::string& prefix) {
        for (const MetricRef<T>& metric : metrics_) {
            log.set(prefix + metric.name, metric.result(metric.self));
            metric.reset(metric.self);
        }
    }
    void validate(EpochLog& log) {
        LossSum loss;
        each_batch(all_indices(validation_->samples()), options_.batch_size, [&](std::span<const Index> indices) {
            loss += validation_->evaluate(indices);
            validation_->show(metrics_);
        });
        log.set("val_loss", loss.mean() + penalty(named_list(), penalties_));
        report(log, "val_");
    }

    /// Lets callbacks write what they were waiting for until all had seen the batch or epoch.
    void tell_done(Index batches) {
        for (const CallbackRef& callback : callbacks_)
            if (callback.done) callback.done(callback.self, *this, batches);
    }
    bool saves() const {
        return std::any_of(callbacks_.begin(), callbacks_.end(), [](const CallbackRef& c) { return c.done; });
    }
    /// At the beginning, since what the data shows may follow the model, such as hard negatives.
    void know_data() {
        if (data_fingerprint_ != 0) return;
        data_fingerprint_ = train_.data_fingerprint();
        if (validation_) validation_fingerprint_ = validation_->data_fingerprint();
    }
    TrainingState<T> state() {
        know_data();
        return {&options_, data_fingerprint_, validation_fingerprint_, train_.samples(), epoch_,      step_,
                so_far_,   finished_,         train_.fields(),         &history_,        &optimizer_, callbacks_,
                metrics_};
    }
    /// Goes on where the state in `options.resume` was. Returns whether there was one.
    bool resume() {
        if (!options_.resume.exists()) return false;
        train_.start_epoch(0, derive(Seed{options_.seed}, 0));
        TrainingState<T> now = state();
        options_.resume.read(now);
        epoch_ = now.epoch;
        step_ = now.step;
        so_far_ = now.so_far;
        stopping = finished_ = now.finished;
        train_.parameters_changed();
        if (options_.shuffle && !options_.shuffle_block)  // each epoch's order is made of the one before
            for (Index e = 0; e < epoch_; ++e)
                shuffle(order_, derive(Seed{options_.seed}, static_cast<std::uint64_t>(e)));
        return true;
    }

    TrainingTask<T>& train_;
    TrainingTask<T>* validation_;
    const OptimizerRef<T>& optimizer_;
    const LoopOptions& options_;
    ThreadPool& pool_;
    std::span<const CallbackRef> callbacks_;
    std::span<const MetricRef<T>> metrics_;
    Penalties penalties_;
    bool shared_out_;  // some tables are, over the ranks
    std::vector<Index> order_;
    History history_;
    std::uint64_t data_fingerprint_ = 0;        // 0 = not made yet
    std::uint64_t validation_fingerprint_ = 0;  // 0 = none
    bool behind_ = false;                       // parts of the model are renewed after the epoch
    bool finished_ = false;                     // a callback ended the training with the last epoch
    Index epoch_ = 0, step_ = 0, batches_ = 0;  // done; batches that wait for their step
    EpochSoFar so_far_;
    LossSum waiting_;
    GradientExchange<T> exchange_;
    double waiting_samples_ = 0;
};

template <class T>
History fit_loop(TrainingTask<T>& train, TrainingTask<T>* validation, const OptimizerRef<T>& optimizer,
                 const LoopOptions& options, ThreadPool& pool, std::span<const CallbackRef> callbacks,
                 std::span<const MetricRef<T>> metrics) {
    return FitLoop<T>(train, validation, optimizer, options, pool, callbacks, metrics).run();
}
#endif

}  // namespace detail
DEEPREC_END
