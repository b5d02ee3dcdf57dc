/// Adamax: Adam with the infinity norm (Kingma & Ba 2015).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Adamax: `Adamax{{.learning_rate = 2e-3}}`.
struct AdamaxOptions {
    double learning_rate = 1e-3;          ///< PyTorch's default is 2e-3
    double beta_1 = 0.9;                  ///< share of the old m, the mean of gradients, that stays
    double beta_2 = 0.999;                ///< how slowly u, the largest gradient, fades
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-8
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// m = b1 m + (1-b1) g; then at step t
///   keras, TensorFlow.js: u = max(b2 u, |g|), w -= rate / (1-b1^t) * m / (u + epsilon).
///   torch: u = max(b2 u, |g| + epsilon), w -= rate / (1-b1^t) * m / u.
struct AdamaxRule : detail::Slots<2> {  // m, u
    using Options = AdamaxOptions;
    static constexpr std::string_view name() { return "Adamax"; }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_decay(name(), "beta_1", o.beta_1);
        detail::check_decay(name(), "beta_2", o.beta_2);
        detail::check_size(name(), "epsilon", o.epsilon);
    }
    template <class T>
    static auto formula(const Options& o, double t) {
        const T rate = static_cast<T>(o.learning_rate / (1 - std::pow(o.beta_1, t)));
        const T fresh = static_cast<T>(1 - o.beta_1), beta_2 = static_cast<T>(o.beta_2);
        const bool keras = o.rule == UpdateRule::keras;
        const T in_max = static_cast<T>(keras ? 0 : o.epsilon), in_divisor = static_cast<T>(keras ? o.epsilon : 0);
        return [=]<class V>(V& w, const V& g, V* state) {
            V &m = state[0], &u = state[1];
            m = m + (g - m) * V(fresh);
            u = kernels::max_nan(u * V(beta_2), kernels::abs(g) + V(in_max));
            w = w - kernels::divide(V(rate) * m, u + V(in_divisor));
        };
    }
};
using Adamax = Optimizer<AdamaxRule>;

DEEPREC_END
