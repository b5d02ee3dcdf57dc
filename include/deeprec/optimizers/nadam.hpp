/// Nadam: Adam with Nesterov's momentum (Dozat 2016).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Nadam: `Nadam{{.learning_rate = 2e-3}}`.
struct NadamOptions {
    double learning_rate = 1e-3;          ///< PyTorch's default is 2e-3
    double beta_1 = 0.9;                  ///< share of the old m, the mean of gradients, that stays
    double beta_2 = 0.999;                ///< share of the old v, the mean of their squares, that stays
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-8
    double momentum_decay = 1;            ///< Keras' rate; PyTorch's default is 4e-3
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// u_t = b1 (1 - 0.96^(t momentum_decay) / 2), p_t = u_1 ... u_t; m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2; then
/// w -= rate (u_{t+1} / (1 - p_{t+1}) * m + (1-u_t) / (1 - p_t) * g) / (sqrt(v / (1-b2^t)) + epsilon).
/// PyTorch's rule is that of its version 1.13, which divides m by 1 - p_t u_t u_{t+1}.
struct NadamRule : detail::Slots<2> {  // m, v
    using Options = NadamOptions;
    static constexpr std::string_view name() { return "Nadam"; }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_decay(name(), "beta_1", o.beta_1);
        detail::check_decay(name(), "beta_2", o.beta_2);
        detail::check_size(name(), "epsilon", o.epsilon);
        detail::check_size(name(), "momentum_decay", o.momentum_decay);
    }
    template <class T>
    static auto formula(const Options& o, double t) {
        const auto u = [&](double step) { return o.beta_1 * (1 - 0.5 * std::pow(0.96, step * o.momentum_decay)); };
        double p = 1;
        for (double step = 1; step <= t && p > 1e-17; ++step) p *= u(step);  // below, 1 - p is 1
        const double p_next = o.rule == UpdateRule::torch ? p * u(t) * u(t + 1) : p * u(t + 1);
        const double from_m = o.learning_rate * u(t + 1) / (1 - p_next);
        const double from_g = o.learning_rate * (1 - u(t)) / (1 - p);
        const T m_rate = static_cast<T>(from_m), g_rate = static_cast<T>(from_g), epsilon = static_cast<T>(o.epsilon);
        const T new_1 = static_cast<T>(1 - o.beta_1), new_2 = static_cast<T>(1 - o.beta_2);
        const T root_scale = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta_2, t)));
        return [=]<class V>(V& w, const V& g, V* state) {
            V &m = state[0], &v = state[1];
            m = m + (g - m) * V(new_1);
            v = v + (g * g - v) * V(new_2);
            w = w - kernels::divide(kernels::fma(V(m_rate), m, V(g_rate) * g),
                                    kernels::fma(kernels::sqrt(v), V(root_scale), V(epsilon)));
        };
    }
};
using Nadam = Optimizer<NadamRule>;

DEEPREC_END
