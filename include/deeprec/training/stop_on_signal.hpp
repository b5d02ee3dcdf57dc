/// A callback that ends a training on Ctrl-C.
#pragma once

#include <atomic>
#include <csignal>

#include <deeprec/training/events.hpp>

DEEPREC_BEGIN

/// Ends the training after the batch in which SIGINT or SIGTERM arrives; with Checkpoint and FitOptions::resume the
/// next run goes on with the next batch. `fit` returns as usual, with `stopped_early`, and a second signal ends the
/// program as it always did. The handlers of before are put back when the training ends, by an exception too. `fit(...,
/// StopOnSignal{})`. One training of a process at a time.
class StopOnSignal {
public:
    StopOnSignal() = default;
    StopOnSignal(const StopOnSignal&) : StopOnSignal() {}
    StopOnSignal& operator=(const StopOnSignal&) { return *this; }
    ~StopOnSignal() { restore(); }

    /// Result: the signal that arrived, 0 = none.
    int signal() const { return received_; }

    void on(const TrainBegin&) {
        received_ = 0;
        arrived() = 0;
        previous_[0] = std::signal(SIGINT, note);
        previous_[1] = std::signal(SIGTERM, note);
        watching_ = true;
    }
    void on(const BatchEnd& e) {
        if (arrived() == 0) return;
        received_ = arrived();
        e.stop();
    }
    void on(const TrainEnd&) { restore(); }

private:
    using Handler = void (*)(int);
    static std::atomic<int>& arrived() {
        static std::atomic<int> signal{0};
        static_assert(std::atomic<int>::is_always_lock_free);
        return signal;
    }
    static void note(int number) {
        arrived() = number;
        std::signal(number, SIG_DFL);
    }
    void restore() {
        if (!watching_) return;
        watching_ = false;
        std::signal(SIGINT, previous_[0]);
        std::signal(SIGTERM, previous_[1]);
    }
    int received_ = 0;
    bool watching_ = false;
    Handler previous_[2] = {SIG_DFL, SIG_DFL};
};

DEEPREC_END
