/// Which of two figures is the better one.
#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include <deeprec/training/events.hpp>

DEEPREC_BEGIN

/// Whether a figure shall become small or large; automatic goes by its name: losses and errors small, areas, shares and
/// ranking metrics large.
enum class MonitorMode { automatic, min, max };

/// The best of a figure so far, for callbacks that wait for a better one.
struct Monitor {
    std::string figure = "val_loss";            ///< its name
    MonitorMode mode = MonitorMode::automatic;  ///< whether small or large is good

    double best = 0;       ///< the best figure ...
    long best_epoch = -1;  ///< ... and its epoch, -1 = none yet

    void reset() { best_epoch = -1; }
    /// Whether small is good. Throws ArgumentError, in the name of `who`, for a name that automatic does not know.
    bool minimises(std::string_view who) const;
    /// Whether `value` is better than the best by more than `margin`. NaN never is; the first number always is.
    bool improves(std::string_view who, double value, double margin = 0) const {
        if (std::isnan(value)) return false;
        if (best_epoch < 0) return true;
        return (minimises(who) ? best - value : value - best) > margin;
    }
    /// The best is now that of this epoch.
    void take(double value, long epoch) {
        best = value;
        best_epoch = epoch;
    }
    void state(CheckpointState& s) {
        s("best", best);
        s("best_epoch", best_epoch);
    }
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION bool Monitor::minimises(std::string_view who) const {
    if (mode != MonitorMode::automatic) return mode == MonitorMode::min;
    const std::string name = "_" + figure;
    const auto has = [&](const char* word) {  // a whole word: mape is no map
        const std::string whole = std::string("_") + word;
        for (std::size_t at = name.find(whole); at != name.npos; at = name.find(whole, at + 1)) {
            const char next = at + whole.size() < name.size() ? name[at + whole.size()] : '_';
            if (next < 'a' || next > 'z') return true;
        }
        return false;
    };
    for (const char* least : {"loss", "logloss", "error", "mse", "mae", "rmse", "mape", "msle", "brier", "ece"})
        if (has(least)) return true;
    for (const char* large : {"auc", "gauc", "accuracy", "precision", "recall", "f1", "r2", "ndcg", "hr", "hit", "hits",
                              "mrr", "map", "coverage", "diversity", "novelty"})
        if (has(large)) return false;
    throw ArgumentError(message(who, ": is a small or a large '", figure,
                                "' good? Please say .mode = MonitorMode::min or MonitorMode::max"));
}
#endif

DEEPREC_END
