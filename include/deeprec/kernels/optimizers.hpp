/// One pass over a parameter: moments and weights are read and written once.
#pragma once

#include <deeprec/kernels/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Numbers of one Adam step, worked out once for all parameters.
template <class T>
struct AdamStep {
    T beta_1, beta_2;
    T rate;            ///< learning rate times the bias corrections that do not touch epsilon
    T v_correction;    ///< factor of sqrt(v) before epsilon is added
    T epsilon;
    T decay;           ///< weights are multiplied with this first (decoupled weight decay); 1 = none
    T gradient_decay;  ///< this times the weight is added to the gradient (L2 form of weight decay); 0 = none
    T gradient_scale;  ///< from clipping by norm
    T clip;            ///< gradients are cut to [-clip, clip]; infinity = never
};

/// w *= decay; g = clip(scale g) + gradient_decay w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
/// w -= rate m / (v_correction sqrt(v) + epsilon). With `v_max` (AMSGrad) its running maximum replaces v.
/// The arrays w, g, m, v, v_max have n numbers each and do not overlap; no alignment is needed.
template <class T, class Arch = xsimd::default_arch>
void adam(T* w, const T* g, T* m, T* v, T* v_max, Index n, const AdamStep<T>& step) {
    const auto update = [&]<class V>(V, const auto& read, const auto& write) {
        V weight = read(w), gradient = read(g) * V(step.gradient_scale);
        gradient = kernels::select(gradient > V(step.clip), V(step.clip), gradient);
        gradient = kernels::select(gradient < V(-step.clip), V(-step.clip), gradient);
        gradient = kernels::fma(V(step.gradient_decay), weight, gradient);
        weight = weight * V(step.decay);
        const V mean = read(m) + (gradient - read(m)) * V(1 - step.beta_1);
        V square = read(v) + (gradient * gradient - read(v)) * V(1 - step.beta_2);
        write(m, mean);
        write(v, square);
        if (v_max) {
            square = kernels::max_nan(square, read(v_max));
            write(v_max, square);
        }
        const V root = kernels::fma(kernels::sqrt(square), V(step.v_correction), V(step.epsilon));
        write(w, weight - V(step.rate) * mean / root);
    };
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>)
        update(V(T(0)), [i](const T* p) { return kernels::load<V>(p + i); },
               [i](T* p, const V& x) { kernels::store(p + i, x); });
    for (; i < n; ++i)
        update(T(0), [i](const T* p) { return p[i]; }, [i](T* p, T x) { p[i] = x; });
}

}  // namespace kernels
DEEPREC_END
