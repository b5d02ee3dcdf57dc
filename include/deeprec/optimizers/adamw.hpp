/// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
#pragma once

#include <deeprec/optimizers/adam.hpp>

DEEPREC_BEGIN

struct AdamWOptions {
    double learning_rate = 1e-3;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-7;  ///< PyTorch's default is 1e-8
    bool amsgrad = false;
    double weight_decay = 0.004;  ///< PyTorch's default is 0.01
    Clipping clipping{};
    UpdateRule rule = UpdateRule::keras;
};

/// Adam's formula after w *= 1 - rate weight_decay, under both rules.
struct AdamWRule : AdamFormula<AdamWOptions> {
    static constexpr std::string_view name() { return "AdamW"; }
    static bool decoupled_decay(const Options&) { return true; }
    static void check(const Options& o) { check_as(name(), o); }
};
using AdamW = Optimizer<AdamWRule>;

DEEPREC_END
