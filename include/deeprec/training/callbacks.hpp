/// Callbacks that end a training: EarlyStopping, TimeLimit.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <deeprec/training/monitor.hpp>

DEEPREC_BEGIN

/// Stops once `monitor` has not improved by more than `min_delta` for `patience` epochs in a row (Keras'
/// EarlyStopping), and brings back the weights of the best epoch if asked. `EarlyStopping{.monitor = "val_loss",
/// .patience = 2}`. Throws ArgumentError when an epoch has no figure of that name, for one whose direction is not
/// known from its name unless `mode` says it, and for a negative patience or min_delta.
struct EarlyStopping {
    using Mode = MonitorMode;

    std::string monitor = "val_loss";   ///< a figure of the epochs
    long patience = 0;                  ///< epochs without a better figure; 0 stops like 1
    double min_delta = 0;               ///< by how much a figure must be better
    Mode mode = Mode::automatic;        ///< whether small or large figures are good; by the name
    bool restore_best_weights = false;  ///< at the end the model has those of the best epoch

    long best_epoch = -1;                ///< result: the epoch with the best figure, from 0
    double best_value = 0;               ///< result: that figure
    long waited = 0;                     ///< epochs since then
    std::vector<double> best_weights{};  ///< of that epoch, all states and parameters in order

    void on(const TrainBegin& e) {
        if (patience < 0 || !(min_delta >= 0))
            throw ArgumentError(message("EarlyStopping: expected a patience and a min_delta of at least 0, received ",
                                        patience, " and ", min_delta));
        rule().minimises("EarlyStopping");
        if (e.resumed) return;
        best_epoch = -1;
        waited = 0;
        best_weights.clear();
    }
    void on(const EpochEnd& e) {
        const double value = e.log.at(monitor);
        if (rule().improves("EarlyStopping", value, min_delta)) {
            best_value = value;
            best_epoch = e.log.epoch;
            waited = 0;
            if (restore_best_weights) best_weights = e.training.weights();
        } else if (++waited >= std::max(patience, 1L)) {
            e.stop();
        }
    }
    void on(const TrainEnd& e) {
        if (!best_weights.empty()) e.training.set_weights(best_weights);
    }
    void state(CheckpointState& s) {
        s("best_epoch", best_epoch);
        s("best_value", best_value);
        s("waited", waited);
        s("best_weights", best_weights);
    }

private:
    Monitor rule() const { return {monitor, mode, best_value, best_epoch}; }
};

/// Stops after the batch in which `seconds` have passed since the training began, or went on. Throws ArgumentError for
/// a negative number of them.
struct TimeLimit {
    double seconds = 0;                             ///< of wall-clock time, at least 0
    std::chrono::steady_clock::time_point begin{};  ///< when the training began

    void on(const TrainBegin&) {
        if (!(seconds >= 0)) throw ArgumentError(message("TimeLimit: expected seconds from 0, received ", seconds));
        begin = std::chrono::steady_clock::now();
    }
    void on(const BatchEnd& e) {
        if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() >= seconds) e.stop();
    }
};

DEEPREC_END
