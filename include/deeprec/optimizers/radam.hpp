/// Rectified Adam (Liu et al. 2020).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of RAdam: `RAdam{{.learning_rate = 1e-3}}`.
struct RadamOptions {
    double learning_rate = 1e-3;  ///< size of a step; a LearningRateSchedule changes it
    double beta_1 = 0.9;          ///< share of the old m, the mean of gradients, that stays
    double beta_2 = 0.999;        ///< share of the old v, the mean of their squares, that stays
    double epsilon = 1e-8;        ///< added to the root of v
    double weight_decay = 0;      ///< joins the gradient: weight_decay w
    Clipping clipping{};          ///< of gradients, before the step; off
};

/// PyTorch's RAdam (Keras has none). m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2; with r_inf = 2 / (1-b2) - 1 and
/// r = r_inf - 2 t b2^t / (1-b2^t), if r > 5:
///   w -= rate / (1-b1^t) * sqrt((r-4)(r-2) r_inf / ((r_inf-4)(r_inf-2) r)) * sqrt(1-b2^t) * m / (sqrt(v) + epsilon),
/// else, while v is too uncertain: w -= rate / (1-b1^t) * m.
struct RadamRule : detail::Slots<2> {  // m, v
    using Options = RadamOptions;
    static constexpr std::string_view name() { return "RAdam"; }
    static bool decoupled_decay(const Options&) { return false; }
    static void check(const Options& o) {
        detail::check_decay(name(), "beta_1", o.beta_1);
        detail::check_decay(name(), "beta_2", o.beta_2);
        detail::check_size(name(), "epsilon", o.epsilon);
    }
    template <class T>
    static auto formula(const Options& o, double t) {
        const double power = std::pow(o.beta_2, t), r_inf = 2 / (1 - o.beta_2) - 1;
        const double r = r_inf - 2 * t * power / (1 - power);
        const bool certain = r > 5;
        const double rectified =
            certain ? std::sqrt((r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r) * (1 - power)) : 1.0;
        const T rate = static_cast<T>(o.learning_rate / (1 - std::pow(o.beta_1, t)) * rectified);
        const T new_1 = static_cast<T>(1 - o.beta_1), new_2 = static_cast<T>(1 - o.beta_2);
        const T epsilon = static_cast<T>(o.epsilon);
        return [=]<class V>(V& w, const V& g, V* state) {
            V &m = state[0], &v = state[1];
            m = m + (g - m) * V(new_1);
            v = v + (g * g - v) * V(new_2);
            w = w - (certain ? kernels::divide(V(rate) * m, kernels::sqrt(v) + V(epsilon)) : V(rate) * m);
        };
    }
};
using RAdam = Optimizer<RadamRule>;

DEEPREC_END
