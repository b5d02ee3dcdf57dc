/// What happens in a training, told to callbacks. A callback is any value that takes some of the events,
///
///     struct Mine {
///         void on(const EpochEnd& e) { if (e.log.at("loss") < 0.1) e.stop(); }
///     };
///
/// or a function of one: `[&](const EpochEnd& e) { e.log.set("val_ndcg@10", ndcg(model)); }`. Metrics are told nothing:
/// they see the predictions. All are called in the order in which they were given to `fit`.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/core/shape.hpp>
#include <deeprec/training/history.hpp>

DEEPREC_BEGIN

namespace detail {
template <class T>
struct TrainingState;
}
/// Sees the state of a training (training/state_file.hpp), in its scalar. Pointers, since compilers guess who stands
/// behind a virtual function and copy that into every program.
struct TrainingVisitor {
    void* self = nullptr;  ///< what the two functions are called with
    /// for models of float
    void (*see_float)(void*, detail::TrainingState<float>&) = nullptr;
    /// for models of double
    void (*see_double)(void*, detail::TrainingState<double>&) = nullptr;

    void see(detail::TrainingState<float>& state) const { see_float(self, state); }
    void see(detail::TrainingState<double>& state) const { see_double(self, state); }
};

/// What callbacks may do with a training, whatever its model.
class TrainingControl {
public:
    virtual ~TrainingControl() = default;
    /// Of the optimizer's next step.
    virtual double learning_rate() const = 0;
    /// From the next step on.
    virtual void set_learning_rate(double rate) = 0;
    /// Steps that the optimizer has made, over all fits.
    virtual Index iterations() const = 0;
    /// All numbers of the model that are here, states and parameters, in order.
    virtual std::vector<double> weights() const = 0;
    /// As many numbers as `weights` gives, in the same order.
    virtual void set_weights(const std::vector<double>& weights) = 0;
    /// Shows the model, and all that the next step depends on, to a visitor: what Checkpoint saves.
    virtual void show(const TrainingVisitor& visitor) = 0;
    /// The name of a metric that lists no state, so that nobody can save this training inside an epoch; "" = none.
    virtual std::string metric_without_state() const = 0;

    bool stopping = false;  ///< the training ends after this batch or epoch
    bool leads = true;      ///< of the ranks of a world, one: files and the terminal are its own
    bool shares = false;    ///< ranks share the model's tables out: all `show` what one of them saves
};

/// What all events have.
struct TrainingEvent {
    TrainingControl& training;  ///< what the callback may do
    /// Ends the training: after the batch, or after the epoch for events at its end.
    void stop() const { training.stopping = true; }
};
/// Before the first epoch.
struct TrainBegin : TrainingEvent {
    bool resumed = false;  ///< callbacks have the state they had when the training was interrupted
};
/// Before the first batch of epoch `epoch`, from 0.
struct EpochBegin : TrainingEvent {
    Index epoch = 0;       ///< from 0
    bool resumed = false;  ///< the training goes on inside this epoch
};
/// Before a step of the optimizer.
struct StepBegin : TrainingEvent {};
/// After a batch.
struct BatchEnd : TrainingEvent {
    const TrainingProgress& progress;  ///< what is done of the epoch
};
/// After an epoch and its validation; figures may be added to the log.
struct EpochEnd : TrainingEvent {
    EpochLog& log;      ///< its figures, which a callback may add to
    bool last = false;  ///< of those that were asked for
};
/// After the last epoch, or where the training was stopped.
struct TrainEnd : TrainingEvent {};

namespace detail {
template <class C, class E>
concept TakesByOn = requires(C& c, const E& e) { c.on(e); };
template <class C, class E>
concept TakesByCall = requires(C& c, const E& e) { c(e); };
/// Whether it takes the event only where it may change it: a const that was forgotten.
template <class C, class E>
concept TakesMutable = requires(C& c, E& e) { c.on(e); } && !TakesByOn<C, E>;

/// A callback behind pointers: one line for each event.
struct CallbackRef {
    void* self = nullptr;
    void (*train_begin)(void*, const TrainBegin&) = nullptr;
    void (*epoch_begin)(void*, const EpochBegin&) = nullptr;
    void (*step_begin)(void*, const StepBegin&) = nullptr;
    void (*batch_end)(void*, const BatchEnd&) = nullptr;
    void (*epoch_end)(void*, const EpochEnd&) = nullptr;
    void (*train_end)(void*, const TrainEnd&) = nullptr;
    StateFunction state = nullptr;
    /// After all callbacks have seen the end of a batch or an epoch: for Checkpoint, whose state has theirs. With the
    /// batches done in the epoch under way, 0 = it is complete.
    void (*done)(void*, TrainingControl&, Index batches) = nullptr;
};
/// A `return true` that means to stop would be lost.
template <class Result>
constexpr void check_returns_nothing() {
    static_assert(std::is_void_v<Result>,
                  "fit: what a callback returns is not read; to end the training call e.stop()");
}
template <class C, class E>
constexpr auto handler() -> void (*)(void*, const E&) {
    static_assert(!TakesMutable<C, E>,
                  "fit: a callback takes its event as `const EpochEnd&` (or another event), const");
    if constexpr (TakesByOn<C, E>) {
        check_returns_nothing<decltype(std::declval<C&>().on(std::declval<const E&>()))>();
        return [](void* self, const E& e) { static_cast<C*>(self)->on(e); };
    } else if constexpr (TakesByCall<C, E>) {
        check_returns_nothing<decltype(std::declval<C&>()(std::declval<const E&>()))>();
        return [](void* self, const E& e) { (*static_cast<C*>(self))(e); };
    } else {
        return nullptr;
    }
}
/// Not by the addresses of handlers: g++'s -fsanitize=undefined does not take those for constants.
template <class C, class... E>
inline constexpr bool takes_any_of = ((TakesByOn<C, E> || TakesByCall<C, E> || TakesMutable<C, E>) || ...);
template <class C>
inline constexpr bool takes_an_event = takes_any_of<C, TrainBegin, EpochBegin, StepBegin, BatchEnd, EpochEnd, TrainEnd>;
/// A const function that only looks is a callback too.
template <class C>
inline constexpr bool can_keep_state = !std::is_const_v<C> || takes_an_event<C>;
template <class C>
CallbackRef callback_ref(C& c) {
    static_assert(takes_an_event<C>,
                  "fit: this argument is no metric and takes no event; give it a public `void on(const EpochEnd&)`, or "
                  "of TrainBegin, EpochBegin, StepBegin, BatchEnd, TrainEnd, or pass a function of one of them");
    CallbackRef ref{const_cast<void*>(static_cast<const void*>(&c)),
                    handler<C, TrainBegin>(),
                    handler<C, EpochBegin>(),
                    handler<C, StepBegin>(),
                    handler<C, BatchEnd>(),
                    handler<C, EpochEnd>(),
                    handler<C, TrainEnd>(),
                    state_of<C>()};
    if constexpr (requires(TrainingControl& t) { c.done(t, Index{}); })
        ref.done = [](void* self, TrainingControl& t, Index batches) { static_cast<C*>(self)->done(t, batches); };
    return ref;
}
}  // namespace detail

DEEPREC_END
