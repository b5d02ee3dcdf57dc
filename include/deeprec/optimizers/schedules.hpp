/// Learning rates that change. A schedule is a value with `double rate(Index step)`, step from 0; here are Keras' with
/// their names and defaults, and what PyTorch has besides. All throw ArgumentError for lengths that are not positive; a
/// warmup may have the length 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/errors.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

namespace detail {
/// step / length.
inline double progress(std::string_view schedule, Index step, Index length) {
    if (length < 1) throw ArgumentError(message(schedule, ": expected a positive number of steps, received ", length));
    return static_cast<double>(step) / static_cast<double>(length);
}
/// 0 is no warmup.
inline Index warmup_length(std::string_view schedule, Index steps) {
    if (steps < 0) throw ArgumentError(message(schedule, ": expected 0 or more steps of warmup, received ", steps));
    return steps;
}
/// From 1 at x = 0 down to 0 at x = 1.
inline double half_cosine(double x) { return 0.5 * (1 + std::cos(std::numbers::pi * x)); }
inline double between(double from, double to, double x) { return from + (to - from) * x; }
}  // namespace detail

/// r decay_rate^(step / decay_steps); `staircase` rounds the exponent down. PyTorch's StepLR has staircase, its
/// ExponentialLR decay_steps = 1.
struct ExponentialDecay {
    double initial_learning_rate = 1e-3;  ///< r, of step 0
    Index decay_steps = 1;                ///< steps for one factor
    double decay_rate = 0.96;             ///< the factor
    bool staircase = false;               ///< the rate falls every decay_steps, not at every step
    double rate(Index step) const {
        const double x = detail::progress("ExponentialDecay", step, decay_steps);
        return initial_learning_rate * std::pow(decay_rate, staircase ? std::floor(x) : x);
    }
};

/// r / (1 + decay_rate step / decay_steps); `staircase` rounds step / decay_steps down.
struct InverseTimeDecay {
    double initial_learning_rate = 1e-3;  ///< r, of step 0
    Index decay_steps = 1;                ///< steps that add decay_rate to the divisor
    double decay_rate = 0.5;              ///< 0.5: two thirds of r after decay_steps
    bool staircase = false;               ///< the rate falls every decay_steps, not at every step
    double rate(Index step) const {
        const double x = detail::progress("InverseTimeDecay", step, decay_steps);
        return initial_learning_rate / (1 + decay_rate * (staircase ? std::floor(x) : x));
    }
};

/// From the initial rate to end_learning_rate as (1 - step / decay_steps)^power, then constant, or with `cycle` again
/// from the curve over the next multiple of decay_steps. PyTorch's LinearLR has power 1.
struct PolynomialDecay {
    double initial_learning_rate = 1e-3;  ///< of step 0
    Index decay_steps = 1;                ///< until the end is reached
    double end_learning_rate = 1e-4;      ///< from decay_steps on
    double power = 1;                     ///< 1: a line
    bool cycle = false;                   ///< a new curve over the next multiple of decay_steps
    double rate(Index step) const {
        double x = detail::progress("PolynomialDecay", step, decay_steps);
        x = cycle && step > 0 ? x / std::ceil(x) : std::min(x, 1.0);
        return detail::between(end_learning_rate, initial_learning_rate, std::pow(1 - x, power));
    }
};

/// values[i] up to and including step boundaries[i], the last value after them (Keras). PyTorch's milestone m, from
/// which on the rate is lower, is the boundary m - 1.
struct PiecewiseConstantDecay {
    std::vector<Index> boundaries;  ///< steps, ascending
    std::vector<double> values;     ///< rates, one more than boundaries
    double rate(Index step) const {
        if (values.size() != boundaries.size() + 1 || !std::is_sorted(boundaries.begin(), boundaries.end()))
            throw ArgumentError(
                message("PiecewiseConstantDecay: expected ascending boundaries and one value more, received ",
                        boundaries.size(), " and ", values.size()));
        const auto next = std::lower_bound(boundaries.begin(), boundaries.end(), step);
        return values[static_cast<std::size_t>(next - boundaries.begin())];
    }
};

/// A half cosine from the initial rate down to alpha times it over decay_steps, then constant. With a warmup_target the
/// cosine starts from that, after a line from the initial rate up to it in warmup_steps (Loshchilov & Hutter 2017).
struct CosineDecay {
    double initial_learning_rate = 1e-3;                 ///< of step 0
    Index decay_steps = 1;                               ///< of the cosine, after the warmup
    double alpha = 0;                                    ///< the part of the rate that is left at the end
    std::optional<double> warmup_target = std::nullopt;  ///< without it there is no warmup
    Index warmup_steps = 0;                              ///< of the line up to warmup_target
    double rate(Index step) const {
        const double top = warmup_target.value_or(initial_learning_rate);
        const Index warmup = warmup_target ? detail::warmup_length("CosineDecay", warmup_steps) : 0;
        if (step < warmup)
            return detail::between(initial_learning_rate, top, detail::progress("CosineDecay", step, warmup));
        const double x = detail::progress("CosineDecay", std::min(step - warmup, decay_steps), decay_steps);
        return top * detail::between(alpha, 1, detail::half_cosine(x));
    }
};

/// Cosine decays one after the other: each is t_mul times as long as the one before and starts m_mul times as high;
/// none goes below alpha times its start (Loshchilov & Hutter 2017). PyTorch's eta_min is alpha times the rate.
struct CosineDecayRestarts {
    double initial_learning_rate = 1e-3;  ///< of step 0
    Index first_decay_steps = 1;          ///< of the first cosine
    double t_mul = 2;                     ///< each cosine is so many times as long as the one before
    double m_mul = 1;                     ///< and starts so many times as high
    double alpha = 0;                     ///< the part of its start that a cosine ends with
    double rate(Index step) const {
        double x = detail::progress("CosineDecayRestarts", step, first_decay_steps), height = 1;
        if (!(t_mul >= 1)) throw ArgumentError(message("CosineDecayRestarts: expected t_mul >= 1, received ", t_mul));
        if (detail::equal(t_mul, 1)) {
            height = std::pow(m_mul, std::floor(x));
            x -= std::floor(x);
        } else {
            const double passed = 1 - x * (1 - t_mul);  // t_mul^n at the n-th restart
            double done = std::floor(std::log(passed) / std::log(t_mul));
            if (std::pow(t_mul, done + 1) <= passed) ++done;  // the quotient was rounded down
            const double length = std::pow(t_mul, done);
            height = std::pow(m_mul, done);
            x = (x - (1 - length) / (1 - t_mul)) / length;
        }
        return initial_learning_rate * detail::between(alpha, 1, height * detail::half_cosine(x));
    }
};

/// A cosine between the rate and `minimum`, down in `half_period` steps and up again (PyTorch's CosineAnnealingLR).
struct CosineAnnealing {
    double learning_rate = 1e-3;  ///< the highest
    Index half_period = 1;        ///< steps from the highest to the lowest
    double minimum = 0;           ///< the lowest
    double rate(Index step) const {
        const double x = detail::progress("CosineAnnealing", step, half_period);
        return detail::between(minimum, learning_rate, detail::half_cosine(x));
    }
};

/// A line from start_factor times the first rate of `then` up to it, in `steps` steps, and then that schedule.
template <class Schedule>
struct Warmup {
    Index steps;          ///< of the line
    double start_factor;  ///< from 0: the part of the rate that step 0 has
    Schedule then;        ///< its step 0 is the first one after the warmup
    double rate(Index step) const {
        if (step >= detail::warmup_length("Warmup", steps)) return then.rate(step - steps);
        return then.rate(0) * detail::between(start_factor, 1, detail::progress("Warmup", step, steps));
    }
};
template <class Schedule>
Warmup(Index, double, Schedule) -> Warmup<Schedule>;

/// One rise from max_learning_rate / div_factor to max_learning_rate in the first pct_start of the steps, then one fall
/// to the first rate / final_div_factor (Smith & Topin 2018, as PyTorch's OneCycleLR). Throws ArgumentError unless
/// pct_start is in [0, 1].
struct OneCycle {
    /// The form of rise and fall.
    enum class Anneal { cosine, straight };
    double max_learning_rate = 1e-2;  ///< at the top
    Index total_steps = 1;            ///< of the whole training
    double pct_start = 0.3;           ///< the part of them that rises
    Anneal anneal = Anneal::cosine;   ///< PyTorch's anneal_strategy
    double div_factor = 25;           ///< how far below the top it begins
    double final_div_factor = 1e4;    ///< how far below the beginning it ends
    double rate(Index step) const {
        detail::progress("OneCycle", step, total_steps);
        if (!(pct_start >= 0 && pct_start <= 1))
            throw ArgumentError(message("OneCycle: expected pct_start in [0, 1], received ", pct_start));
        const double first = max_learning_rate / div_factor, last = static_cast<double>(total_steps - 1);
        const double top = pct_start * static_cast<double>(total_steps) - 1, at = static_cast<double>(step);
        const bool rises = top > 1e-9;  // or in one step; the product may be rounded to more than 1
        if (at <= top) return curve(first, max_learning_rate, rises ? at / top : 1);
        return curve(max_learning_rate, first / final_div_factor, std::min(1.0, (at - top) / (last - top)));
    }

private:
    double curve(double from, double to, double x) const {
        return detail::between(from, to, anneal == Anneal::straight ? x : 1 - detail::half_cosine(x));
    }
};

/// factor / sqrt(width) * min(1 / sqrt(n), n / warmup_steps^1.5) with n = step + 1: up in a line, then down as the root
/// (Vaswani et al. 2017).
struct Noam {
    Index width = 1;            ///< of the model
    Index warmup_steps = 4000;  ///< that rise
    double factor = 1;          ///< of every rate
    double rate(Index step) const {
        detail::progress("Noam", step, std::min(width, warmup_steps));
        const double n = static_cast<double>(step + 1), w = static_cast<double>(warmup_steps);
        return factor / std::sqrt(static_cast<double>(width)) * std::min(1 / std::sqrt(n), n / (w * std::sqrt(w)));
    }
};

DEEPREC_END
