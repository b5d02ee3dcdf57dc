/// Callbacks that set the learning rate; both add the figure "learning_rate" to each epoch's log.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include <deeprec/optimizers/schedules.hpp>
#include <deeprec/training/monitor.hpp>

DEEPREC_BEGIN

/// Whether a schedule counts the optimizer's steps or the epochs.
enum class ScheduleUnit { step, epoch };

/// Gives every step the rate of a schedule: `LearningRateSchedule{CosineDecay{.decay_steps = 1000}}`, or
/// `LearningRateSchedule{ExponentialDecay{...}, ScheduleUnit::epoch}` (Keras' LearningRateScheduler). Steps are counted
/// by the optimizer, so that a second fit goes on where the first ended; epochs are counted by each fit.
template <class Schedule>
struct LearningRateSchedule {
    Schedule schedule;                       ///< gives a rate for each step, or epoch
    ScheduleUnit unit = ScheduleUnit::step;  ///< what it counts

    void on(const EpochBegin& e) {
        if (unit == ScheduleUnit::epoch && !e.resumed) e.training.set_learning_rate(schedule.rate(e.epoch));
    }
    void on(const StepBegin& e) {
        if (unit == ScheduleUnit::step) e.training.set_learning_rate(schedule.rate(e.training.iterations()));
    }
    void on(const EpochEnd& e) { e.log.set("learning_rate", e.training.learning_rate()); }
};
template <class Schedule>
LearningRateSchedule(Schedule) -> LearningRateSchedule<Schedule>;
template <class Schedule>
LearningRateSchedule(Schedule, ScheduleUnit) -> LearningRateSchedule<Schedule>;

/// Multiplies the rate with `factor` once `monitor` has not improved for `patience` epochs, down to `min_lr`, and then
/// leaves `cooldown` - 1 epochs out of the count (Keras' ReduceLROnPlateau). PyTorch's with patience p, cooldown c and
/// threshold t is {.patience = p + 1, .min_delta = t, .relative = true, .cooldown = c + 1}. Throws ArgumentError for
/// negative ones.
struct ReduceLROnPlateau {
    std::string monitor = "val_loss";           ///< a figure of the epochs
    double factor = 0.1;                        ///< of the rate, each time
    long patience = 10;                         ///< epochs without a better figure
    MonitorMode mode = MonitorMode::automatic;  ///< whether small or large figures are good; by the name
    double min_delta = 1e-4;                    ///< by how much a figure must be better
    bool relative = false;  ///< the figure must pass best (1 +- min_delta), as in PyTorch: meant for positive figures
    long cooldown = 0;      ///< one more than the epochs after a change that do not count
    double min_lr = 0;      ///< the rate does not fall below it

    double best = std::numeric_limits<double>::infinity();  ///< result: the best figure; infinite = none yet
    long waited = 0, cooling = 0;                           ///< epochs since the best, and until counting goes on

    void on(const TrainBegin& e) {
        if (patience < 0 || cooldown < 0 || !(min_delta >= 0) || !(min_lr >= 0))
            throw ArgumentError(
                message("ReduceLROnPlateau: expected a patience, cooldown, min_delta and min_lr of at least 0, ",
                        "received ", patience, ", ", cooldown, ", ", min_delta, " and ", min_lr));
        if (e.resumed) return;
        best = std::numeric_limits<double>::infinity();
        waited = cooling = 0;
    }
    /// The rate after an epoch at `rate` that ended with this figure. Throws ArgumentError unless 0 < factor < 1.
    double next(double rate, double figure) {
        if (!(factor > 0 && factor < 1))
            throw ArgumentError(message("ReduceLROnPlateau: expected a factor between 0 and 1, received ", factor));
        if (cooling > 0) {
            --cooling;
            waited = 0;
        }
        const double sign = Monitor{monitor, mode}.minimises("ReduceLROnPlateau") ? -1 : 1;
        const double mark = relative ? best * (1 + sign * min_delta) : best + sign * min_delta;  // to be passed
        if (std::isinf(best) ? !std::isnan(figure) : sign * figure > sign * mark) {
            best = figure;
            waited = 0;
        } else if (cooling == 0 && ++waited >= patience && rate > min_lr) {
            cooling = cooldown;
            waited = 0;
            return std::max(rate * factor, min_lr);
        }
        return rate;
    }
    /// Throws ArgumentError when the epoch has no figure of that name.
    void on(const EpochEnd& e) {
        e.log.set("learning_rate", e.training.learning_rate());
        e.training.set_learning_rate(next(e.training.learning_rate(), e.log.at(monitor)));
    }
    void state(CheckpointState& s) {
        s("best", best);
        s("waited", waited);
        s("cooling", cooling);
    }
};

DEEPREC_END
