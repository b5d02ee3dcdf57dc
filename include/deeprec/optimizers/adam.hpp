/// Adam (Kingma & Ba 2015), with AMSGrad (Reddi et al. 2018) as an option.
#pragma once

#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

/// Of Adam: `Adam{{.learning_rate = 1e-3}}`.
struct AdamOptions {
    double learning_rate = 1e-3;          ///< size of a step; a LearningRateSchedule changes it
    double beta_1 = 0.9;                  ///< share of the old m, the mean of gradients, that stays
    double beta_2 = 0.999;                ///< share of the old v, the mean of their squares, that stays
    double epsilon = 1e-7;                ///< PyTorch's default is 1e-8
    bool amsgrad = false;                 ///< divides by the largest v so far (Reddi et al. 2018)
    double weight_decay = 0;              ///< decoupled (keras) or part of the gradient (torch), see UpdateRule
    Clipping clipping{};                  ///< of gradients, before the step; off
    UpdateRule rule = UpdateRule::keras;  ///< whose formula, see below
};

/// m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, with AMSGrad v = the largest v so far, then at step t
///   keras: w -= rate sqrt(1-b2^t) / (1-b1^t) * m / (sqrt(v) + epsilon).
///   torch: w -= rate / (1-b1^t) * m / (sqrt(v / (1-b2^t)) + epsilon); TensorFlow.js too.
template <class AdamLikeOptions>
struct AdamFormula : detail::Slots<3, 2> {  // m, v, and the maximum of v for AMSGrad
    using Options = AdamLikeOptions;
    static int slots(const Options& o) { return o.amsgrad ? 3 : 2; }
    static void check_as(std::string_view name, const Options& o) {
        detail::check_decay(name, "beta_1", o.beta_1);
        detail::check_decay(name, "beta_2", o.beta_2);
        detail::check_size(name, "epsilon", o.epsilon);
    }

    template <class T>
    static auto formula(const Options& o, double t) {
        const double correction_1 = 1 - std::pow(o.beta_1, t), correction_2 = std::sqrt(1 - std::pow(o.beta_2, t));
        const bool keras = o.rule == UpdateRule::keras, amsgrad = o.amsgrad;
        const T rate = static_cast<T>(o.learning_rate / correction_1 * (keras ? correction_2 : 1));
        const T root_scale = static_cast<T>(keras ? 1 : 1 / correction_2), epsilon = static_cast<T>(o.epsilon);
        const T new_1 = static_cast<T>(1 - o.beta_1), new_2 = static_cast<T>(1 - o.beta_2);
        return [=]<class V>(V& w, const V& g, V* state) {
            V &m = state[0], &v = state[1], &v_max = state[2];
            m = m + (g - m) * V(new_1);
            v = v + (g * g - v) * V(new_2);
            if (amsgrad) v_max = kernels::max_nan(v, v_max);
            w = w - kernels::divide(V(rate) * m,
                                    kernels::fma(kernels::sqrt(amsgrad ? v_max : v), V(root_scale), V(epsilon)));
        };
    }
};

/// Adam's formula and weight decay by `rule`.
struct AdamRule : AdamFormula<AdamOptions> {
    static constexpr std::string_view name() { return "Adam"; }
    static bool decoupled_decay(const Options& o) { return o.rule == UpdateRule::keras; }
    static void check(const Options& o) { check_as(name(), o); }
};
using Adam = Optimizer<AdamRule>;

DEEPREC_END
