/// Margin losses of class scores.
#pragma once

#include <limits>

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// mean over outputs of max(1 - y p, 0), y = -1 or 1; a target of 0 means -1. The slope at the corner is half, as Keras
/// has it on PyTorch.
class Hinge : public ElementLoss<Hinge> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "Hinge"; }
    template <class T>
    T element(T p, T target, T& derivative) const {
        const T y = detail::equal(target, 0) ? T(-1) : target;
        return detail::hinge(1 - y * p, -y, -y / 2, derivative);
    }
};

/// mean over outputs of max(1 - y p, 0)^2, targets as in Hinge.
class SquaredHinge : public ElementLoss<SquaredHinge> {
public:
    using ElementLoss::ElementLoss;
    static constexpr std::string_view name() { return "SquaredHinge"; }
    template <class T>
    T element(T p, T target, T& derivative) const {
        const T missing = Hinge{}.element(p, target, derivative);
        derivative *= 2 * missing;
        return missing * missing;
    }
};

/// max(0, 1 + max over j of (1 - y_j) p_j - sum over j of y_j p_j), y one-hot. Tied maxima share the slope, which is
/// half at the corner.
class CategoricalHinge : public SampleLoss<CategoricalHinge> {
public:
    using SampleLoss::SampleLoss;
    static constexpr std::string_view name() { return "CategoricalHinge"; }
    template <class T, class Y>
    T sample(const T* p, const Y* y, Index outputs, T scale, T* gradient) const {
        const auto negative = [&](Index j) { return (1 - static_cast<T>(y[j])) * p[j]; };
        T own = 0, other = -std::numeric_limits<T>::infinity();
        for (Index j = 0; j < outputs; ++j) {
            own += static_cast<T>(y[j]) * p[j];
            other = kernels::max_nan(other, negative(j));
        }
        T slope, ties = 0;
        const T loss = detail::hinge(1 + other - own, scale, scale / 2, slope);
        if (!gradient) return loss;
        for (Index j = 0; j < outputs; ++j) ties += detail::equal(negative(j), other) ? T(1) : T(0);
        for (Index j = 0; j < outputs; ++j) {
            const T t = static_cast<T>(y[j]);
            gradient[j] = slope * ((detail::equal(negative(j), other) ? (1 - t) / ties : T(0)) - t);
        }
        return loss;
    }
};

DEEPREC_END
