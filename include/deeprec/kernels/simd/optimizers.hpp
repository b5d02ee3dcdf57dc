/// One pass over a parameter, whatever the optimizer: weights and state are read and written once.
#pragma once

#include <array>
#include <limits>

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// What is done to weights and gradients before an optimizer's formula sees them.
template <class T>
struct GradientTerms {
    T scale = 1;                                  ///< of the gradient, from clipping by norm
    T clip = std::numeric_limits<T>::infinity();  ///< the scaled gradient is cut to [-clip, clip]
    T l2 = 0;                                     ///< this times the weight is added to it then
    T shrink = 1;                                 ///< of the weight: decoupled weight decay
};

/// How many numbers a kilobyte has.
template <class T>
inline constexpr Index along = 1024 / sizeof(T);

/// g' = clip(scale g) + l2 w; w *= shrink; formula(w, g', state), for n numbers. `formula(V& w, V g, V* state)` changes
/// w and state in place; V is T or a batch of T, so the formula on T is its own scalar twin. Only the first `Slots` of
/// the state arrays are read and written. No array overlaps another; no alignment is needed; NaN passes. Memory is what
/// this waits for, so weights and state are asked for `ahead` numbers before they are needed: a kilobyte along the
/// array, or at the row that comes some rows later.
template <int Slots, class T, std::size_t MaxSlots, class Formula, class Arch = xsimd::default_arch>
void optimize(T* w, const T* g, const std::array<T*, MaxSlots>& state, Index n, const GradientTerms<T>& terms,
              const Formula& formula, Index ahead = along<T>, Arch = {}) {
    const auto index = [](int s) { return static_cast<std::size_t>(s); };
    const auto update = [&]<class V>(V, Index i) {
        std::array<V, MaxSlots> numbers{};
        for (int s = 0; s < Slots; ++s) numbers[index(s)] = kernels::load<V>(state[index(s)] + i);
        V weight = kernels::load<V>(w + i), gradient = kernels::load<V>(g + i) * V(terms.scale);
        gradient = kernels::at_least(kernels::at_most(gradient, V(terms.clip)), V(-terms.clip));
        gradient = kernels::fma(V(terms.l2), weight, gradient);
        weight = weight * V(terms.shrink);
        formula(weight, gradient, numbers.data());
        for (int s = 0; s < Slots; ++s) kernels::store(state[index(s)] + i, numbers[index(s)]);
        kernels::store(w + i, weight);
    };
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>) {
        for (int s = 0; s < Slots; ++s) kernels::prefetch(state[index(s)] + i + ahead);
        kernels::prefetch(g + i + along<T>);
        kernels::prefetch(w + i + ahead);
        update(V(T(0)), i);
    }
    for (; i < n; ++i) update(T(0), i);
}

}  // namespace kernels
DEEPREC_END
