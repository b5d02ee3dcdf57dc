/// RMSprop (Tieleman & Hinton 2012), with momentum and centering (Graves 2013) as options.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of RMSprop: `RMSprop{{.momentum = 0.9}}`.
struct RmspropOptions {
    double learning_rate = 1e-3;          ///< size of a step; a LearningRateSchedule changes it
    double rho = 0.9;                     ///< PyTorch's alpha, there 0.99 by default
    double momentum = 0;                  ///< u: share of the old step that stays; 0 = none
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-8
    bool centered = false;                ///< divides by the deviation of gradients, not by their size
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// v = rho v + (1-rho) g^2; centered: a = rho a + (1-rho) g, and v - a^2 takes the place of v below.
///   keras: w -= rate g / sqrt(v + epsilon); with momentum u: b = u b + rate g / sqrt(v + epsilon), w -= b.
///   torch: w -= rate g / (sqrt(v) + epsilon); with momentum: b = u b + g / (sqrt(v) + epsilon), w -= rate b.
/// TensorFlow.js has Keras' form.
struct RmspropRule : detail::Slots<3, 1> {  // v, then b and a where they are used
    using Options = RmspropOptions;
    static constexpr std::string_view name() { return "RMSprop"; }
    static int slots(const Options& o) { return 1 + int(!detail::equal(o.momentum, 0)) + int(o.centered); }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_decay(name(), "rho", o.rho);
        detail::check_decay(name(), "momentum", o.momentum);
        detail::check_size(name(), "epsilon", o.epsilon);
    }
    template <class T>
    static auto formula(const Options& o, double) {
        const bool keras = o.rule == UpdateRule::keras, centered = o.centered,
                   has_momentum = !detail::equal(o.momentum, 0);
        const T fresh = static_cast<T>(1 - o.rho), momentum = static_cast<T>(o.momentum);
        const T inner_rate = static_cast<T>(keras ? o.learning_rate : 1);
        const T outer_rate = static_cast<T>(keras ? 1 : o.learning_rate);
        const detail::Root<T> root(o.epsilon, o.rule);
        return [=]<class V>(V& w, const V& g, V* state) {
            V &v = state[0], &b = state[1], &a = state[has_momentum ? 2 : 1];
            v = v + (g * g - v) * V(fresh);
            V spread = v;
            if (centered) {
                a = a + (g - a) * V(fresh);
                spread = v - a * a;
            }
            V change = kernels::divide(V(inner_rate) * g, root(spread));
            if (has_momentum) change = b = kernels::fma(V(momentum), b, change);
            w = w - V(outer_rate) * change;
        };
    }
};
using RMSprop = Optimizer<RmspropRule>;

DEEPREC_END
