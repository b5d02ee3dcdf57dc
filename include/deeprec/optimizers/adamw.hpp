/// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
#pragma once

#include <deeprec/optimizers/adam.hpp>

DEEPREC_BEGIN

/// Of AdamW: `AdamW{{.learning_rate = 1e-3, .weight_decay = 0.01}}`.
struct AdamWOptions {
    double learning_rate = 1e-3;          ///< size of a step; a LearningRateSchedule changes it
    double beta_1 = 0.9;                  ///< share of the old m, the mean of gradients, that stays
    double beta_2 = 0.999;                ///< share of the old v, the mean of their squares, that stays
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-8
    bool amsgrad = false;                 ///< divides by the largest v so far (Reddi et al. 2018)
    double weight_decay = 0.004;          ///< PyTorch's default is 0.01
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// Adam's formula after w *= 1 - rate weight_decay, under both rules.
struct AdamWRule : AdamFormula<AdamWOptions> {
    static constexpr std::string_view name() { return "AdamW"; }
    static bool decoupled_decay(const Options&) { return true; }
    static void check(const Options& o) { check_as(name(), o); }
};
using AdamW = Optimizer<AdamWRule>;

DEEPREC_END
