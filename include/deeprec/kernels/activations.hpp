/// Elementwise activations: small values, written once for a number and for a SIMD batch.
#pragma once

#include <string_view>

#include <deeprec/kernels/elementary.hpp>
#include <deeprec/kernels/simd.hpp>

DEEPREC_BEGIN

/// f(x) = x.
struct Linear {
    static constexpr std::string_view name = "linear";
    static constexpr bool needs_input = false;  ///< derivative() takes the output
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return x;
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V&) const {
        return V(1);
    }
};

/// f(x) = max(x, 0); f'(0) = 0. NaN stays NaN.
struct ReLU {
    static constexpr std::string_view name = "relu";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::at_least(x, V(0));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return kernels::select(y > V(0), V(1), V(0));
    }
};

/// f(x) = 1 / (1 + exp(-x)); f' = y (1 - y).
struct Sigmoid {
    static constexpr std::string_view name = "sigmoid";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::sigmoid(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return y * (V(1) - y);
    }
};

/// f(x) = tanh(x); f' = 1 - y^2.
struct Tanh {
    static constexpr std::string_view name = "tanh";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::tanh(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return V(1) - y * y;
    }
};

/// f(x) = min(max(x + 3, 0), 6) / 6, Keras 3's rule; f' = 1/6 inside (-3, 3), else 0. NaN stays NaN.
struct HardSigmoid {
    static constexpr std::string_view name = "hard_sigmoid";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::at_most(kernels::at_least(x + V(3), V(0)), V(6)) / V(6);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return kernels::select(y > V(0), kernels::select(y < V(1), V(1) / V(6), V(0)), V(0));
    }
};

/// The activations as values: `Dense{100, relu}`. After `using namespace deeprec` the bare name `tanh` is ambiguous
/// with the C library's function: write `deeprec::tanh` or `Tanh{}`.
inline constexpr Linear linear{};
inline constexpr ReLU relu{};
inline constexpr Sigmoid sigmoid{};
inline constexpr Tanh tanh{};
inline constexpr HardSigmoid hard_sigmoid{};

namespace kernels {

/// y[i] = act(x[i]). x and y may be the same memory. An element's bits do not depend on its position.
template <class Act, class T, class Arch = xsimd::default_arch>
void activate(const T* x, T* y, Index n, const Act& act = {}) {
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>) kernels::store(y + i, act(kernels::load<V>(x + i)));
    if (i < n) kernels::store_first(y + i, act(kernels::load_first<V>(x + i, n - i)), n - i);
}

/// dx[i] = dy[i] * act'(...), of the input x[i] if Act::needs_input, else of the output y[i]. Any two may be the same
/// memory.
template <class Act, class T, class Arch = xsimd::default_arch>
void activate_backward(const T* dy, const T* x_or_y, T* dx, Index n, const Act& act = {}) {
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>)
        kernels::store(dx + i, kernels::load<V>(dy + i) * act.derivative(kernels::load<V>(x_or_y + i)));
    if (i < n)
        kernels::store_first(
            dx + i, kernels::load_first<V>(dy + i, n - i) * act.derivative(kernels::load_first<V>(x_or_y + i, n - i)),
            n - i);
}

}  // namespace kernels
DEEPREC_END
