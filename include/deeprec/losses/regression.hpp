/// Losses of real numbers, each a mean over the outputs of a sample.
#pragma once

#include <numbers>

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// (p - y)^2.
class MeanSquaredError : public ElementLoss<MeanSquaredError> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "MeanSquaredError"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        derivative = 2 * (p - y);
        return (p - y) * (p - y);
    }
};

/// |p - y|; the slope at 0 is 0.
class MeanAbsoluteError : public ElementLoss<MeanAbsoluteError> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "MeanAbsoluteError"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T d = p - y;
        derivative = d > 0 ? T(1) : d < 0 ? T(-1) : d;  // NaN stays
        return std::abs(d);
    }
};

/// Of Huber: `Huber{{.delta = 0.5}}`.
struct HuberOptions {
    double delta = 1;                                      ///< where the parabola becomes a line
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
};

/// d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2); d = p - y.
class Huber : public ElementLoss<Huber> {
public:
    /// Throws ArgumentError unless delta > 0.
    explicit Huber(HuberOptions options = {}) : ElementLoss(options.reduction), delta_(options.delta) {
        detail::require_positive(name(), "delta", delta_);
    }
    static constexpr std::string_view name() { return "Huber"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T d = p - y, delta = static_cast<T>(delta_);
        if (!(std::abs(d) > delta)) return derivative = d, d * d / 2;
        derivative = std::copysign(delta, d);
        return delta * (std::abs(d) - delta / 2);
    }

private:
    double delta_;
};

/// Of SmoothL1: `SmoothL1{{.beta = 0.5}}`.
struct SmoothL1Options {
    double beta = 1;                                       ///< up to this error the loss is a parabola
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
};

/// Huber with delta = beta, divided by beta: the line has slope 1, and with beta = 0 there is nothing else (PyTorch's
/// smooth_l1_loss).
class SmoothL1 : public ElementLoss<SmoothL1> {
public:
    /// Throws ArgumentError unless beta >= 0.
    explicit SmoothL1(SmoothL1Options options = {})
        : ElementLoss(options.reduction),
          huber_({detail::equal(options.beta, 0) ? 1 : options.beta, options.reduction}),
          beta_(options.beta) {}
    static constexpr std::string_view name() { return "SmoothL1"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        if (detail::equal(beta_, 0)) return MeanAbsoluteError{}.element(p, y, derivative);
        const T loss = huber_.element(p, y, derivative);
        derivative /= static_cast<T>(beta_);
        return loss / static_cast<T>(beta_);
    }

private:
    Huber huber_;
    double beta_;
};

/// log(cosh(p - y)), taken as |d| + log(1 + exp(-2|d|)) - log 2: finite for any finite d.
class LogCosh : public ElementLoss<LogCosh> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "LogCosh"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T size = std::abs(p - y);
        derivative = std::tanh(p - y);
        return size + std::log1p(std::exp(-2 * size)) - std::numbers::ln2_v<T>;
    }
};

/// (log(1 + p) - log(1 + y))^2, both held at 1e-7 or more; no slope below.
class MeanSquaredLogarithmicError : public ElementLoss<MeanSquaredLogarithmicError> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "MeanSquaredLogarithmicError"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T low = static_cast<T>(1e-7);
        const T d = std::log1p(kernels::max_nan(low, p)) - std::log1p(kernels::max_nan(low, y));
        derivative = p < low ? T(0) : 2 * d / (1 + p);
        return d * d;
    }
};

/// 100 |p - y| / max(|y|, 1e-7); the slope at p = y is 0.
class MeanAbsolutePercentageError : public ElementLoss<MeanAbsolutePercentageError> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "MeanAbsolutePercentageError"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T percent = 100 / kernels::max_nan(static_cast<T>(1e-7), std::abs(y));
        const T size = MeanAbsoluteError{}.element(p, y, derivative);
        derivative *= percent;
        return percent * size;
    }
};

/// p - y log(p + 1e-7).
class Poisson : public ElementLoss<Poisson> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "Poisson"; }
    template <class T>
    T element(T p, T y, T& derivative) const {
        const T q = p + static_cast<T>(1e-7);
        derivative = 1 - y / q;
        return p - y * std::log(q);
    }
};

DEEPREC_END
