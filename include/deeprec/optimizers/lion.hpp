/// Lion: only the sign of a momentum counts (Chen et al. 2023).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Lion: `Lion{{.learning_rate = 1e-4}}`.
struct LionOptions {
    double learning_rate = 1e-3;  ///< size of a step; a LearningRateSchedule changes it
    double beta_1 = 0.9;          ///< share of m in the direction of a step
    double beta_2 = 0.99;         ///< share of the old m that stays
    double weight_decay = 0;      ///< decoupled: w *= 1 - rate weight_decay before each step
    Clipping clipping{};          ///< of gradients, before the step; off
};

/// Keras' Lion: w -= rate sign(b1 m + (1-b1) g), then m = b2 m + (1-b2) g. sign(0) = 0.
struct LionRule : detail::Slots<1> {  // m
    using Options = LionOptions;
    static constexpr std::string_view name() { return "Lion"; }
    static bool decoupled_decay(const Options&) { return true; }
    static void check(const Options& o) {
        detail::check_decay(name(), "beta_1", o.beta_1);
        detail::check_decay(name(), "beta_2", o.beta_2);
    }
    template <class T>
    static auto formula(const Options& o, double) {
        const T rate = static_cast<T>(o.learning_rate);
        const T new_1 = static_cast<T>(1 - o.beta_1), new_2 = static_cast<T>(1 - o.beta_2);
        return [=]<class V>(V& w, const V& g, V* m) {
            const V direction = *m + (g - *m) * V(new_1);
            const V sign = kernels::select(direction > V(0), V(1), kernels::select(direction < V(0), V(-1), direction));
            w = w - V(rate) * sign;
            *m = *m + (g - *m) * V(new_2);
        };
    }
};
using Lion = Optimizer<LionRule>;

DEEPREC_END
