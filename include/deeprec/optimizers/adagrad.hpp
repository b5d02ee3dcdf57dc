/// Adagrad (Duchi et al. 2011).
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Adagrad: `Adagrad{{.learning_rate = 0.01}}`.
struct AdagradOptions {
    double learning_rate = 1e-3;             ///< size of a step; a LearningRateSchedule changes it
    double initial_accumulator_value = 0.1;  ///< PyTorch's default is 0
    double epsilon = 1e-7;                   ///< PyTorch's default is 1e-10
    double learning_rate_decay = 0;          ///< PyTorch's lr_decay: step t has the rate / (1 + (t-1) decay)
    double weight_decay = 0;                 ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                     ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;     ///< where epsilon stands and how weights decay
};

/// a += g^2; keras, TensorFlow.js: w -= rate g / sqrt(a + epsilon); torch: w -= rate g / (sqrt(a) + epsilon).
struct AdagradRule : detail::Slots<1> {
    using Options = AdagradOptions;
    static constexpr std::string_view name() { return "Adagrad"; }
    static double initial(const Options& o, int) { return o.initial_accumulator_value; }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) {
        detail::check_size(name(), "initial_accumulator_value", o.initial_accumulator_value);
        detail::check_size(name(), "epsilon", o.epsilon);
        detail::check_size(name(), "learning_rate_decay", o.learning_rate_decay);
    }
    template <class T>
    static auto formula(const Options& o, double t) {
        const T rate = static_cast<T>(o.learning_rate / (1 + (t - 1) * o.learning_rate_decay));
        const detail::Root<T> root(o.epsilon, o.rule);
        return [=]<class V>(V& w, const V& g, V* a) {
            *a = kernels::fma(g, g, *a);
            w = w - kernels::divide(V(rate) * g, root(*a));
        };
    }
};
using Adagrad = Optimizer<AdagradRule>;

DEEPREC_END
