/// Adam (Kingma & Ba 2015), with AMSGrad (Reddi et al. 2018) as an option.
#pragma once

#include <deeprec/kernels/optimizers.hpp>
#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

struct AdamOptions {
    double learning_rate = 1e-3;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-7;  ///< PyTorch's default is 1e-8
    bool amsgrad = false;
    double weight_decay = 0;
    Clipping clipping{};
    UpdateRule rule = UpdateRule::keras;
};

/// m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, then at step t
///   keras: w -= rate sqrt(1-b2^t) / (1-b1^t) * m / (sqrt(v) + epsilon); weight decay first: w -= rate wd w.
///   torch: w -= rate / (1-b1^t) * m / (sqrt(v / (1-b2^t)) + epsilon); weight decay is added to the gradient: wd w.
struct AdamRule {
    using Options = AdamOptions;
    static constexpr int max_slots = 3;  // m, v, and the maximum of v for AMSGrad
    static int slots(const Options& o) { return o.amsgrad ? 3 : 2; }
    static constexpr std::string_view name() { return "Adam"; }
    static double initial(const Options&) { return 0; }
    static void check(const Options& o) {
        detail::check_rate(name(), o.learning_rate);
        for (const double beta : {o.beta_1, o.beta_2})
            if (!(beta >= 0 && beta < 1))
                throw ArgumentError(message("Adam: expected beta_1 and beta_2 in [0, 1), received ", beta));
        if (!(o.epsilon >= 0)) throw ArgumentError(message("Adam: expected epsilon >= 0, received ", o.epsilon));
        if (!(o.weight_decay >= 0))
            throw ArgumentError(message("Adam: expected weight_decay >= 0, received ", o.weight_decay));
    }
    template <class T>
    struct Step : kernels::AdamStep<T> {
        bool amsgrad = false;
    };
    template <class T>
    static Step<T> step(const Options& o, Index iteration) {
        const double t = static_cast<double>(iteration);
        const double correction_1 = 1 - std::pow(o.beta_1, t), correction_2 = std::sqrt(1 - std::pow(o.beta_2, t));
        const bool keras = o.rule == UpdateRule::keras;
        Step<T> s;
        s.beta_1 = static_cast<T>(o.beta_1);
        s.beta_2 = static_cast<T>(o.beta_2);
        s.rate = static_cast<T>(o.learning_rate / correction_1 * (keras ? correction_2 : 1.0));
        s.v_correction = static_cast<T>(keras ? 1.0 : 1.0 / correction_2);
        s.epsilon = static_cast<T>(o.epsilon);
        s.decay = static_cast<T>(keras ? 1 - o.learning_rate * o.weight_decay : 1.0);
        s.gradient_decay = static_cast<T>(keras ? 0.0 : o.weight_decay);
        s.amsgrad = o.amsgrad;
        return s;
    }
    template <class T>
    static void update(const Step<T>& s, T* w, const T* g, T* const* state, Index n) {
        kernels::adam<T>(w, g, state[0], state[1], s.amsgrad ? state[2] : nullptr, n, s);
    }
};
using Adam = Optimizer<AdamRule>;

DEEPREC_END
