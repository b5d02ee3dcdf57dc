/// Adadelta (Zeiler 2012).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Adadelta: `Adadelta{{.rho = 0.9}}`.
struct AdadeltaOptions {
    double learning_rate = 1e-3;          ///< PyTorch's default is 1, as in the paper
    double rho = 0.95;                    ///< PyTorch's default is 0.9
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-6
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< differs in weight decay only
};

/// v = rho v + (1-rho) g^2; d = sqrt(x + epsilon) / sqrt(v + epsilon) * g; x = rho x + (1-rho) d^2; w -= rate d.
struct AdadeltaRule : detail::Slots<2> {  // v, x
    using Options = AdadeltaOptions;
    static constexpr std::string_view name() { return "Adadelta"; }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_decay(name(), "rho", o.rho);
        detail::check_size(name(), "epsilon", o.epsilon);
    }
    template <class T>
    static auto formula(const Options& o, double) {
        const T rate = static_cast<T>(o.learning_rate), fresh = static_cast<T>(1 - o.rho);
        const T epsilon = static_cast<T>(o.epsilon);
        return [=]<class V>(V& w, const V& g, V* state) {
            V &v = state[0], &x = state[1];
            v = v + (g * g - v) * V(fresh);
            const V d = kernels::sqrt(kernels::divide(x + V(epsilon), v + V(epsilon))) * g;
            x = x + (d * d - x) * V(fresh);
            w = w - V(rate) * d;
        };
    }
};
using Adadelta = Optimizer<AdadeltaRule>;

DEEPREC_END
