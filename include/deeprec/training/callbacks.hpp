/// Things to do while training. A callback is any value with some of the hooks
///   on_train_begin(),
///   on_epoch_begin(Index epoch, optimizer),
///   on_step_begin(optimizer),
///   on_batch_end(const TrainingProgress&),
///   on_epoch_end(model, EpochLog&), returning nothing, or bool: true stops the training,
///   or on_epoch_end(model, EpochLog&, optimizer),
///   on_train_end(model),
/// or a metric: it sees the predictions of each epoch as they are made, and logs its result under its name; with
/// validation data those too, under "val_" and its name. As Keras' `metrics`, it does not see sample weights.
/// They are called in the order in which they were given to `fit`.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <deeprec/core/parameters.hpp>
#include <deeprec/training/history.hpp>

DEEPREC_BEGIN

/// Calls f(model, log) after each epoch: to compute a figure of your own, log.set("val_ndcg@10", ...).
template <class F>
struct OnEpochEnd {
    F f;
    template <class Model>
    auto on_epoch_end(Model& model, EpochLog& log) {
        return f(model, log);
    }
};
template <class F>
OnEpochEnd(F) -> OnEpochEnd<F>;

/// Stops once `monitor` has not improved by more than `min_delta` for `patience` epochs in a row (Keras'
/// EarlyStopping), and brings back the weights of the best epoch if asked. `EarlyStopping{.monitor = "val_loss",
/// .patience = 2}`.
struct EarlyStopping {
    enum class Mode { min, max };

    std::string monitor = "val_loss";
    long patience = 0;
    double min_delta = 0;
    Mode mode = Mode::min;
    bool restore_best_weights = false;

    long best_epoch = -1;                ///< result: the epoch with the best figure
    double best_value = 0;               ///< result: that figure
    long waited = 0;                     ///< epochs since then
    std::vector<double> best_weights{};  ///< of that epoch, all states and parameters in order

    void on_train_begin() {
        best_epoch = -1;
        waited = 0;
        best_weights.clear();
    }
    /// Throws ArgumentError when the epoch has no figure of that name.
    template <class Model>
    bool on_epoch_end(const Model& model, EpochLog& log) {
        const double value = log.at(monitor);
        const double gain = mode == Mode::min ? best_value - value : value - best_value;
        if (best_epoch < 0 ? !std::isnan(value) : gain > min_delta) {
            best_value = value;
            best_epoch = log.epoch;
            waited = 0;
            if (restore_best_weights) save(model);
            return false;
        }
        return ++waited >= std::max(patience, 1L);
    }
    template <class Model>
    void on_train_end(Model& model) {
        if (best_weights.empty()) return;
        std::size_t at = 0;
        detail::for_each_stored(model, [&](std::string_view, auto& tensor) {
            using T = typename std::decay_t<decltype(tensor)>::Scalar;
            for (Index i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<T>(best_weights[at++]);
        });
    }
    template <class Model>
    void save(const Model& model) {
        best_weights.clear();
        detail::for_each_stored(model, [&](std::string_view, const auto& tensor) {
            best_weights.insert(best_weights.end(), tensor.data(), tensor.data() + tensor.size());
        });
    }
};

DEEPREC_END
