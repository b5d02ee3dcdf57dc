/// Follow the regularized leader, "FTRL-Proximal" (McMahan et al. 2013): L1 makes weights exactly zero.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Ftrl: `Ftrl{{.l1_regularization_strength = 1e-3}}`.
struct FtrlOptions {
    double learning_rate = 1e-3;                      ///< size of a step; a LearningRateSchedule changes it
    double initial_accumulator_value = 0.1;           ///< where a, the sum of squared gradients, starts
    double l1_regularization_strength = 0;            ///< pulls weights to exactly 0
    double l2_regularization_strength = 0;            ///< pulls weights towards 0
    double l2_shrinkage_regularization_strength = 0;  ///< as l2, on the gradient
    double beta = 0;                                  ///< adds beta / (2 rate) to l2
    double weight_decay = 0;                          ///< decoupled: w *= 1 - rate weight_decay before each step
    Clipping clipping{};                              ///< of gradients, before the step; off
};

/// Keras' Ftrl (PyTorch has none) with its learning_rate_power of -1/2. With L2 = l2 + beta / (2 rate):
///   a' = a + g^2; z += g + 2 shrinkage w - (sqrt(a') - sqrt(a)) / rate * w; a = a';
///   w = (clip(z, -l1, l1) - z) / (sqrt(a) / rate + 2 L2).
/// A step with rate 0 does nothing.
struct FtrlRule : detail::Slots<2> {  // a, z
    using Options = FtrlOptions;
    static constexpr std::string_view name() { return "Ftrl"; }
    static double initial(const Options& o, int slot) { return slot == 0 ? o.initial_accumulator_value : 0; }
    static bool decoupled_decay(const Options&) { return true; }
    static void check(const Options& o) {
        detail::check_size(name(), "initial_accumulator_value", o.initial_accumulator_value);
        detail::check_size(name(), "l1_regularization_strength", o.l1_regularization_strength);
        detail::check_size(name(), "l2_regularization_strength", o.l2_regularization_strength);
        detail::check_size(name(), "l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
        detail::check_size(name(), "beta", o.beta);
    }
    template <class T>
    static auto formula(const Options& o, double) {
        const bool still = detail::equal(o.learning_rate, 0);
        const double per_rate = still ? 0 : 1 / o.learning_rate;
        const T inverse_rate = static_cast<T>(per_rate), l1 = static_cast<T>(o.l1_regularization_strength);
        const T twice_l2 = static_cast<T>(2 * o.l2_regularization_strength + o.beta * per_rate);
        const T shrinkage = static_cast<T>(2 * o.l2_shrinkage_regularization_strength);
        return [=]<class V>(V& w, const V& g, V* state) {
            if (still) return;
            V &a = state[0], &z = state[1];
            const V old_root = kernels::sqrt(a);
            a = kernels::fma(g, g, a);
            const V root = kernels::sqrt(a);
            z = z + kernels::fma(V(shrinkage), w, g) - (root - old_root) * V(inverse_rate) * w;
            const V clipped = kernels::at_least(kernels::at_most(z, V(l1)), V(-l1));
            w = kernels::divide(clipped - z, kernels::fma(root, V(inverse_rate), V(twice_l2)));
        };
    }
};
using Ftrl = Optimizer<FtrlRule>;

DEEPREC_END
