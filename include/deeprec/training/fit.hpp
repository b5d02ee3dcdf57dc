/// Training, prediction and evaluation over whole data sets.
#pragma once

#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/optimizers/clipping.hpp>
#include <deeprec/training/callbacks.hpp>
#include <deeprec/training/regularizers.hpp>
#include <deeprec/training/trainer.hpp>

DEEPREC_BEGIN

template <class Data>
struct FitOptions {
    Index epochs = 1;
    Index batch_size = 32;
    const Data* validation = nullptr;  ///< adds "val_loss" to the log of each epoch, and metrics
    int threads = 0;                   ///< 0 = all cores; the result does not depend on it
    std::uint64_t seed = 0;            ///< of shuffling, dropout and sampling
    bool shuffle = true;
    Index accumulate = 1;  ///< batches for one step, which is that of one batch with all their samples
    /// A factor of the training loss of samples of class 0, 1, ... beside their own weights, as Keras' class_weight.
    /// The class is the target, or the place of the largest number where targets have several.
    std::vector<double> class_weight{};
    /// Penalties in the loss, and in "val_loss": `{{"kernel", L2{1e-4}}, {"embeddings", L1{1e-6}}}`. A step that
    /// touches some rows of a table penalises those.
    std::vector<Regularizer> regularizers{};
};

namespace detail {
/// 0 ... n-1 in an order that depends on the seed only (Fisher-Yates).
inline void shuffle_indices(std::vector<Index>& order, Seed seed) {
    const RandomStream random(seed);
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i, i))]);
}
/// f(std::span of indices) for each batch; the last may be smaller.
template <class F>
void each_batch(const std::vector<Index>& order, Index batch_size, F&& f) {
    const Index n = static_cast<Index>(order.size());
    for (Index begin = 0; begin < n; begin += batch_size)
        f(std::span<const Index>(order.data() + begin, static_cast<std::size_t>(std::min(batch_size, n - begin))));
}
inline std::vector<Index> all_indices(Index n) {
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index(0));
    return order;
}
/// What `fit` takes for a metric among its callbacks.
template <class M>
concept Metric = requires(M metric) {
    metric.name();
    metric.reset();
    metric.result();
};
/// Shows the predictions of the trainer's last batch to the metrics among the callbacks.
template <class Trainer, class B, class... Callbacks>
void show(const Trainer& trainer, const B& batch, Callbacks&... callbacks) {
    if constexpr ((Metric<Callbacks> || ...))
        trainer.each_prediction(batch, [&](const auto& prediction, const auto& target) {
            const auto update = [&](auto& callback) {
                if constexpr (Metric<decltype(callback)>) callback.update(prediction, target);
            };
            (update(callbacks), ...);
        });
}
/// Mean loss over a data set, batches weighted by their rows; the metrics see the predictions.
template <class Trainer, class Model, class Data, class... Callbacks>
double mean_loss(Trainer& trainer, const Model& model, const Data& data, Index batch_size, Callbacks&... callbacks) {
    double sum = 0;
    each_batch(all_indices(data.size()), batch_size, [&](std::span<const Index> indices) {
        const auto& batch = data.batch(indices);
        sum += trainer.evaluate(model, batch) * static_cast<double>(indices.size());
        show(trainer, batch, callbacks...);
    });
    return sum / static_cast<double>(data.size());
}
/// The batch with its samples' weights multiplied by those of their classes.
template <class B, class T>
B with_class_weights(const B& batch, const std::vector<double>& class_weight, Buffer<T>& weights) {
    const Index rows = batch.targets.extent(0), width = batch.targets.last();
    B weighted = batch;
    T* out = weights.need(rows);
    weighted.weights = out;
    for (Index r = 0; r < rows; ++r) {
        const T* target = batch.targets.data() + r * width;
        const double label = width == 1 ? static_cast<double>(*target)
                                        : static_cast<double>(std::max_element(target, target + width) - target);
        if (!(label >= 0 && label < static_cast<double>(class_weight.size()) && label == std::floor(label)))
            throw DataError(
                message("fit: class_weight has ", class_weight.size(), " classes, received the target ", label));
        out[r] =
            static_cast<T>(class_weight[static_cast<std::size_t>(label)]) * (batch.weights ? batch.weights[r] : T(1));
    }
    return weighted;
}
/// Sum of gradients of batches, each times its rows.
template <class Model>
class AccumulatedGradients {
public:
    explicit AccumulatedGradients(const Model& model) : sum_(model.zero_gradients()) {}
    void add(const Model& model, typename Model::Gradients& gradients, double rows) {
        for_each_parameter(model, gradients, [&](std::string_view, const auto&, auto& g) { scale_gradient(g, rows); });
        add_gradients(model, sum_, gradients);  // what moves states has its own weights
        rows_ += rows;
        ++batches_;
    }
    Index batches() const { return batches_; }
    /// The mean over the rows of all batches.
    typename Model::Gradients& mean(const Model& model) {
        for_each_parameter(model, sum_, [&](std::string_view, const auto&, auto& g) { scale_gradient(g, 1 / rows_); });
        return sum_;
    }
    void clear(const Model& model) {
        clear_gradients(model, sum_);
        rows_ = 0;
        batches_ = 0;
    }

private:
    typename Model::Gradients sum_;
    double rows_ = 0;
    Index batches_ = 0;
};
inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
}  // namespace detail

/// Trains `model` in place: mini-batches in a new random order each epoch, gradient by shards over threads, one
/// optimizer step a batch. The epoch loss is the mean of the batch losses weighted by their rows, taken while the
/// weights change (as Keras reports it). Same seed, same bits for any number of threads.
/// Metrics among the callbacks are reported too: `fit(model, train, loss, optimizer, {}, BinaryAccuracy{})`.
///
/// Throws ArgumentError for options without meaning, DataError for an empty data set, ShapeError where model and data
/// disagree, NumericError when a loss stops being finite.
template <class Model, class Data, class Loss, class Optimizer, class... Callbacks>
History fit(Model& model, Data&& train, const Loss& loss, Optimizer& optimizer,
            FitOptions<std::remove_cvref_t<Data>> options, Callbacks&&... callbacks) {
    static_assert((!std::is_const_v<std::remove_reference_t<Callbacks>> && ...),
                  "fit: callbacks keep state, so pass them as objects that are not const");
    if (options.epochs < 0) throw ArgumentError(message("fit: expected epochs >= 0, received ", options.epochs));
    if (options.batch_size < 1)
        throw ArgumentError(message("fit: expected a positive batch_size, received ", options.batch_size));
    for (const double weight : options.class_weight)
        if (!(weight >= 0 && std::isfinite(weight)))
            throw ArgumentError(message("fit: expected class weights >= 0, received ", weight));
    if (options.accumulate < 1)
        throw ArgumentError(message("fit: expected a positive accumulate, received ", options.accumulate));
    if (train.size() == 0) throw DataError("fit: the training data has no samples");
    if (options.validation && options.validation->size() == 0)
        throw DataError("fit: the validation data has no samples");

    detail::check_regularizers(std::as_const(model), options.regularizers);
    ThreadPool pool(options.threads);
    Trainer<Model, Loss> trainer(model, loss, pool);
    const Seed seed{options.seed};
    std::vector<Index> order = detail::all_indices(train.size());
    History history;
    std::uint64_t step = 0;
    std::optional<detail::AccumulatedGradients<Model>> accumulated;
    if (options.accumulate > 1) accumulated.emplace(std::as_const(model));
    [[maybe_unused]] Buffer<typename Model::Scalar> weights;
    if constexpr ((detail::Metric<Callbacks> || ...)) trainer.keep_predictions();
    const auto take_step = [&](typename Model::Gradients& gradients) {
        [[maybe_unused]] const auto tell = [&](auto& callback) {
            if constexpr (requires { callback.on_step_begin(optimizer); }) callback.on_step_begin(optimizer);
        };
        (tell(callbacks), ...);
        optimizer.step(model, gradients, &pool);
    };
    const auto take_accumulated = [&] {
        take_step(accumulated->mean(std::as_const(model)));
        accumulated->clear(std::as_const(model));
    };
    [[maybe_unused]] const auto begin = [&](auto& callback) {
        if constexpr (requires { callback.on_train_begin(); }) callback.on_train_begin();
    };
    (begin(callbacks), ...);
    for (Index epoch = 0; epoch < options.epochs && !history.stopped_early; ++epoch) {
        const auto start = std::chrono::steady_clock::now();
        const Seed epoch_seed = derive(seed, static_cast<std::uint64_t>(epoch));
        if constexpr (requires { train.start_epoch(epoch, epoch_seed); }) train.start_epoch(epoch, epoch_seed);
        if (options.shuffle) detail::shuffle_indices(order, epoch_seed);
        [[maybe_unused]] const auto start_epoch = [&](auto& callback) {
            if constexpr (requires { callback.on_epoch_begin(epoch, optimizer); })
                callback.on_epoch_begin(epoch, optimizer);
            if constexpr (detail::Metric<decltype(callback)>) callback.reset();
        };
        (start_epoch(callbacks), ...);
        TrainingProgress progress{epoch, options.epochs, 0, train.size(), 0, 0};
        double loss_sum = 0;
        detail::each_batch(order, options.batch_size, [&](std::span<const Index> indices) {
            const auto& batch = train.batch(indices);
            double batch_loss = [&] {
                if (!options.class_weight.empty()) {
                    if constexpr (requires { batch.weights; })
                        return trainer.gradient(model, detail::with_class_weights(batch, options.class_weight, weights),
                                                derive(seed, ~step));
                    else
                        throw ArgumentError("fit: class_weight needs data with targets and weights");
                }
                return trainer.gradient(model, batch, derive(seed, ~step));
            }();
            batch_loss += detail::add_penalties(std::as_const(model), trainer.gradients(), options.regularizers);
            if (!std::isfinite(batch_loss))
                throw NumericError(message("fit: the loss became ", std::isnan(batch_loss) ? "NaN" : "infinite",
                                           " in step ", step, " (epoch ", epoch + 1,
                                           "); try a smaller learning rate or clipping"));
            detail::show(trainer, batch, callbacks...);
            if (accumulated) {
                accumulated->add(std::as_const(model), trainer.gradients(), static_cast<double>(indices.size()));
                if (accumulated->batches() == options.accumulate) take_accumulated();
            } else {
                take_step(trainer.gradients());
            }
            ++step;
            loss_sum += batch_loss * static_cast<double>(indices.size());
            progress.sample += static_cast<long>(indices.size());
            progress.loss = loss_sum / static_cast<double>(progress.sample);
            progress.seconds = detail::seconds_since(start);
            [[maybe_unused]] const auto tell = [&](auto& callback) {
                if constexpr (requires { callback.on_batch_end(progress); }) callback.on_batch_end(progress);
            };
            (tell(callbacks), ...);
        });
        if (accumulated && accumulated->batches() > 0) take_accumulated();  // the last step of an epoch may have fewer
        EpochLog log{epoch, detail::seconds_since(start), {}};
        log.set("loss", progress.loss);
        [[maybe_unused]] const auto report = [&](auto& callback, const std::string& prefix) {
            if constexpr (detail::Metric<decltype(callback)>) {
                log.set(prefix + std::string(callback.name()), callback.result());
                callback.reset();
            }
        };
        (report(callbacks, ""), ...);
        if (options.validation) {
            log.set("val_loss",
                    detail::mean_loss(trainer, model, *options.validation, options.batch_size, callbacks...) +
                        detail::penalty(std::as_const(model), options.regularizers));
            (report(callbacks, "val_"), ...);
        }
        [[maybe_unused]] const auto tell = [&](auto& callback) {
            if constexpr (requires { callback.on_epoch_end(model, log, optimizer); })
                callback.on_epoch_end(model, log, optimizer);
            else if constexpr (requires {
                                   { callback.on_epoch_end(model, log) } -> std::same_as<bool>;
                               })
                history.stopped_early |= callback.on_epoch_end(model, log);
            else if constexpr (requires { callback.on_epoch_end(model, log); })
                callback.on_epoch_end(model, log);
        };
        (tell(callbacks), ...);
        history.epochs.push_back(std::move(log));
    }
    [[maybe_unused]] const auto tell = [&](auto& callback) {
        if constexpr (requires { callback.on_train_end(model); }) callback.on_train_end(model);
    };
    (tell(callbacks), ...);
    return history;
}

struct PredictOptions {
    Index batch_size = 32;  ///< at most; smaller where threads would be idle. No result depends on it
    int threads = 0;        ///< 0 = all cores
};

/// The model's outputs for all samples of x (a tensor or view; a Pair of them for two towers), in batches over threads.
/// Shape: [N, ...] as the model's output. Batches are of whole blocks of the Pair.
template <class Model, class Inputs>
auto predict_views(const Model& model, const Inputs& x, PredictOptions options) {
    using T = typename Model::Scalar;
    if (options.batch_size < 1)
        throw ArgumentError(message("predict: expected a positive batch_size, received ", options.batch_size));
    using Output = decltype(model.forward(x, std::declval<typename Model::Cache&>()));
    constexpr int rank = Output::rank;
    Tensor<T, rank> result;
    const Index samples = sample_count(x);
    if (samples == 0) {
        std::array<Index, rank> none{};
        result.resize(none);
        return result;
    }
    const int threads = thread_count(options.threads);
    const Index block = sample_block(x);
    const Index batch_size = (slice_rows(samples, threads, options.batch_size) + block - 1) / block * block;
    const Index batches = (samples + batch_size - 1) / batch_size;
    ThreadPool pool(static_cast<int>(std::min<Index>(batches, threads)));
    std::vector<typename Model::Cache> caches(static_cast<std::size_t>(pool.threads()));
    std::once_flag sized;
    pool.run(batches, [&](Index batch, Index lane) {
        const Index begin = batch * batch_size, end = std::min(samples, begin + batch_size);
        const auto y = model.forward(slice_samples(x, begin, end), caches[static_cast<std::size_t>(lane)]);
        const Index per_sample = y.size() / (end - begin);
        std::call_once(sized, [&] {  // the first output tells the shape of all
            auto extents = y.extents();
            extents[0] = extents[0] / (end - begin) * samples;
            result.resize(extents);
        });
        std::copy_n(y.data(), y.size(), result.data() + begin * per_sample);
    });
    return result;
}
template <class Model, class X>
auto predict(const Model& model, const X& x, PredictOptions options = {}) {
    if constexpr (requires {
                      x.user;
                      x.item;
                  })
        return predict_views(model, Pair{view(x.user), view(x.item), x.block}, options);
    else
        return predict_views(model, view(x), options);
}

/// Named results of `evaluate`.
struct Report {
    std::vector<std::pair<std::string, double>> figures;
    /// Throws ArgumentError for an unknown name.
    double operator[](std::string_view name) const {
        for (const auto& [known, value] : figures)
            if (known == name) return value;
        throw ArgumentError(message("Report: no figure named '", name, "'"));
    }
    friend std::ostream& operator<<(std::ostream& out, const Report& report) {
        for (std::size_t i = 0; i < report.figures.size(); ++i)
            out << (i ? "  " : "") << report.figures[i].first << ' ' << report.figures[i].second;
        return out;
    }
};

/// Runs the model over a data source and shows every prediction to the metrics:
/// `evaluate(model, test, Auc{}, LogLoss{})["auc"]`.
template <class Model, class Data, class... Metrics>
Report evaluate(const Model& model, const Data& data, Metrics... metrics) {
    detail::each_batch(detail::all_indices(data.size()), 1024, [&](std::span<const Index> indices) {
        const auto& batch = data.batch(indices);
        const auto y = predict(model, batch.inputs);
        if constexpr (std::decay_t<decltype(y)>::NumIndices == 2) {
            const Index rows = batch.targets.extent(0);  // samples of a block lie in one row of targets
            const View<const typename Model::Scalar, 2> by_target{y.data(),
                                                                  {rows, y.size() / std::max<Index>(rows, 1)}};
            (metrics.update(by_target, batch.targets, batch.weights), ...);
        } else {
            (metrics.update(y, batch.targets, batch.weights), ...);
        }
    });
    return {{{std::string(metrics.name()), metrics.result()}...}};
}

DEEPREC_END
