/// Callbacks that set the learning rate; both add the figure "learning_rate" to each epoch's log.
#pragma once

#include <limits>
#include <string>

#include <deeprec/optimizers/schedules.hpp>
#include <deeprec/training/callbacks.hpp>

DEEPREC_BEGIN

/// Whether a schedule counts the optimizer's steps or the epochs.
enum class ScheduleUnit { step, epoch };

/// Gives every step the rate of a schedule: `LearningRateSchedule{CosineDecay{.decay_steps = 1000}}`, or
/// `LearningRateSchedule{ExponentialDecay{...}, ScheduleUnit::epoch}` (Keras' LearningRateScheduler). Steps are counted
/// by the optimizer, so that a second fit goes on where the first ended; epochs are counted by each fit.
template <class Schedule>
struct LearningRateSchedule {
    Schedule schedule;
    ScheduleUnit unit = ScheduleUnit::step;

    template <class Optimizer>
    void on_epoch_begin(Index epoch, Optimizer& optimizer) {
        if (unit == ScheduleUnit::epoch) optimizer.set_learning_rate(schedule.rate(epoch));
    }
    template <class Optimizer>
    void on_step_begin(Optimizer& optimizer) {
        if (unit == ScheduleUnit::step) optimizer.set_learning_rate(schedule.rate(optimizer.iterations()));
    }
    template <class Model, class Optimizer>
    void on_epoch_end(const Model&, EpochLog& log, Optimizer& optimizer) {
        log.set("learning_rate", optimizer.learning_rate());
    }
};
template <class Schedule>
LearningRateSchedule(Schedule) -> LearningRateSchedule<Schedule>;
template <class Schedule>
LearningRateSchedule(Schedule, ScheduleUnit) -> LearningRateSchedule<Schedule>;

/// Multiplies the rate with `factor` once `monitor` has not improved for `patience` epochs, down to `min_lr`, and then
/// leaves `cooldown` - 1 epochs out of the count (Keras' ReduceLROnPlateau). PyTorch's with patience p, cooldown c and
/// threshold t is {.patience = p + 1, .min_delta = t, .relative = true, .cooldown = c + 1}.
struct ReduceLROnPlateau {
    std::string monitor = "val_loss";
    double factor = 0.1;
    long patience = 10;
    EarlyStopping::Mode mode = EarlyStopping::Mode::min;
    double min_delta = 1e-4;
    bool relative = false;  ///< the figure must pass best (1 +- min_delta), as in PyTorch: meant for positive figures
    long cooldown = 0;
    double min_lr = 0;

    double best = std::numeric_limits<double>::infinity();  ///< result: the best figure; infinite = none yet
    long waited = 0, cooling = 0;

    void on_train_begin() {
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
        const double sign = mode == EarlyStopping::Mode::min ? -1 : 1;
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
    template <class Model, class Optimizer>
    void on_epoch_end(const Model&, EpochLog& log, Optimizer& optimizer) {
        log.set("learning_rate", optimizer.learning_rate());
        optimizer.set_learning_rate(next(optimizer.learning_rate(), log.at(monitor)));
    }
};

DEEPREC_END
