/// Gradient descent, with momentum (Polyak 1964) and Nesterov's form of it (Sutskever et al. 2013) as options.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of SGD: `SGD{{.learning_rate = 0.1, .momentum = 0.9}}`.
struct SgdOptions {
    double learning_rate = 0.01;  ///< size of a step; a LearningRateSchedule changes it
    double momentum = 0;          ///< u: share of the old step that stays; 0 = none
    bool nesterov = false;        ///< takes the gradient where momentum leads
    double dampening = 0;  ///< PyTorch's rule only: what the momentum leaves out of each gradient after the first
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// w -= rate g. With momentum, u:
///   keras: b = u b - rate g; w += b, Nesterov: w += u b - rate g.
///   torch: b = u b + (1 - dampening) g, but b = g in step 1; w -= rate b, Nesterov: w -= rate (g + u b).
/// They differ when the rate changes. TensorFlow.js' momentum is PyTorch's.
struct SgdRule : detail::Slots<1, 0> {
    using Options = SgdOptions;
    static constexpr std::string_view name() { return "SGD"; }
    static int slots(const Options& o) { return !detail::equal(o.momentum, 0); }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_decay(name(), "momentum", o.momentum);
        detail::check_decay(name(), "dampening", o.dampening);
        if (!detail::equal(o.dampening, 0) && (o.rule == UpdateRule::keras || o.nesterov))
            throw ArgumentError("SGD: dampening is for PyTorch's rule without nesterov");
    }
    template <class T>
    static auto formula(const Options& o, double t) {
        const bool keras = o.rule == UpdateRule::keras;
        const double rate = o.learning_rate, b_to_w = keras ? 1 : -rate;
        const T momentum = static_cast<T>(o.momentum);
        const T g_to_b = static_cast<T>(keras ? -rate : detail::equal(t, 1) ? 1 : 1 - o.dampening);
        const T from_b = static_cast<T>(detail::equal(o.momentum, 0) ? 0 : o.nesterov ? b_to_w * o.momentum : b_to_w);
        const T from_g = static_cast<T>(detail::equal(o.momentum, 0) || o.nesterov ? -rate : 0);
        return [=]<class V>(V& w, const V& g, V* b) {
            *b = kernels::fma(V(momentum), *b, V(g_to_b) * g);
            w = w + kernels::fma(V(from_b), *b, V(from_g) * g);
        };
    }
};
using SGD = Optimizer<SgdRule>;

DEEPREC_END
