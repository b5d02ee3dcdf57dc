/// Activations: small values, written once for a number and for a SIMD batch. Formulas and defaults are Keras 3's; NaN
/// stays NaN. softmax, a function of rows, is in kernels/simd/softmax.hpp.
#pragma once

#include <string_view>

#include <deeprec/kernels/simd/elementary.hpp>
#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN

namespace kernels {
/// A constant as a V: a number or a batch of any precision.
template <class V>
DEEPREC_INLINE V number(double x) {
    return V(static_cast<detail::Element<V>>(x));
}
}  // namespace kernels

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

struct Tanh;
namespace detail {
struct ByName {
    explicit ByName() = default;
};
}  // namespace detail
/// The name of Tanh: `Dense{100, tanh}`. A function that nobody calls, so that it stands beside the C library's tanh
/// after `using namespace deeprec`, where an object of this name would be ambiguous. Where a type is deduced from the
/// activation alone, write `Tanh{}`.
constexpr Tanh tanh(detail::ByName);
using TanhName = Tanh (*)(detail::ByName);

/// f(x) = tanh(x); f' = 1 - y^2.
struct Tanh {
    constexpr Tanh() = default;
    constexpr Tanh(TanhName) {}
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
        return kernels::divide(kernels::at_most(kernels::at_least(x + V(3), V(0)), V(6)), V(6));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return kernels::select(y > V(0), kernels::select(y < V(1), kernels::divide(V(1), V(6)), V(0)), V(0));
    }
};

/// f(x) = min(max(x, 0), 6); f' = 1 inside (0, 6), else 0.
struct ReLU6 {
    static constexpr std::string_view name = "relu6";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::at_most(kernels::at_least(x, V(0)), V(6));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return kernels::select(y > V(0), kernels::select(y < V(6), V(1), V(0)), V(0));
    }
};

/// f(x) = x for x > 0, else negative_slope * x.
struct LeakyReLU {
    static constexpr std::string_view name = "leaky_relu";
    static constexpr bool needs_input = true;
    double negative_slope = 0.2;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::select(x > V(0), x, kernels::number<V>(negative_slope) * x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& x) const {
        return kernels::select(x > V(0), V(1), kernels::number<V>(negative_slope));
    }
};

/// f(x) = x for x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016).
struct ELU {
    static constexpr std::string_view name = "elu";
    static constexpr bool needs_input = true;
    double alpha = 1;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::select(x > V(0), x, kernels::number<V>(alpha) * kernels::expm1(x));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& x) const {
        return kernels::select(x > V(0), V(1), kernels::number<V>(alpha) * kernels::exp(x));
    }
};

/// f(x) = scale * (x for x > 0, else alpha (exp(x) - 1)), which keeps mean 0 and variance 1 (Klambauer et al. 2017).
struct SELU {
    static constexpr std::string_view name = "selu";
    static constexpr bool needs_input = false;
    static constexpr double alpha = 1.6732632423543772, scale = 1.0507009873554805;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::select(x > V(0), kernels::number<V>(scale) * x,
                               kernels::number<V>(scale * alpha) * kernels::expm1(x));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return kernels::select(y > V(0), kernels::number<V>(scale), y + kernels::number<V>(scale * alpha));
    }
};

/// f(x) = x P(X <= x) for a normal X, exact by erf (Hendrycks & Gimpel 2016). Keras' gelu(x, approximate=False).
struct Gelu {
    static constexpr std::string_view name = "gelu";
    static constexpr bool needs_input = true;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return x * kernels::normal_cdf(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& x) const {
        const V density = kernels::number<V>(0.3989422804014327) * kernels::exp(kernels::number<V>(-0.5) * x * x);
        return kernels::fma(x, density, kernels::normal_cdf(x));
    }
};

/// f(x) = x (1 + tanh(u)) / 2 = x sigmoid(2u) with u = sqrt(2 / pi) (x + 0.044715 x^3): Keras' gelu(x,
/// approximate=True).
struct GeluTanh {
    static constexpr std::string_view name = "gelu_tanh";
    static constexpr bool needs_input = true;
    static constexpr double linear = 1.5957691216057308, cubic = 0.044715 * linear;  // of 2u
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return x * kernels::sigmoid(x * kernels::fma(kernels::number<V>(cubic), x * x, kernels::number<V>(linear)));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& x) const {
        const V q = x * x;
        const V s = kernels::sigmoid(x * kernels::fma(kernels::number<V>(cubic), q, kernels::number<V>(linear)));
        const V slope = kernels::fma(kernels::number<V>(3 * cubic), q, kernels::number<V>(linear));
        return kernels::fma(x * slope, s * (V(1) - s), s);
    }
};

/// f(x) = x sigmoid(x) (Ramachandran et al. 2017), also called SiLU.
struct Swish {
    static constexpr std::string_view name = "swish";
    static constexpr bool needs_input = true;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return x * kernels::sigmoid(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& x) const {
        const V s = kernels::sigmoid(x);
        return kernels::fma(x, s * (V(1) - s), s);
    }
};

/// f(x) = ln(1 + exp(x)); f' = sigmoid(x) = 1 - exp(-y).
struct Softplus {
    static constexpr std::string_view name = "softplus";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::softplus(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return -kernels::expm1(-y);
    }
};

/// f(x) = x / (1 + |x|); f' = (1 - |y|)^2.
struct Softsign {
    static constexpr std::string_view name = "softsign";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::divide(x, V(1) + kernels::abs(x));
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        const V rest = V(1) - kernels::abs(y);
        return rest * rest;
    }
};

/// f(x) = exp(x) = f'.
struct Exponential {
    static constexpr std::string_view name = "exponential";
    static constexpr bool needs_input = false;
    template <class V>
    DEEPREC_INLINE V operator()(const V& x) const {
        return kernels::exp(x);
    }
    template <class V>
    DEEPREC_INLINE V derivative(const V& y) const {
        return y;
    }
};

constexpr Tanh tanh(detail::ByName) { return {}; }

/// The activations as values: `Dense{100, relu}`, `Dense{100, LeakyReLU{.negative_slope = 0.1}}`.
inline constexpr Linear linear{};
inline constexpr ReLU relu{};
inline constexpr Sigmoid sigmoid{};
inline constexpr HardSigmoid hard_sigmoid{};
inline constexpr ReLU6 relu6{};
inline constexpr LeakyReLU leaky_relu{};
inline constexpr ELU elu{};
inline constexpr SELU selu{};
inline constexpr Gelu gelu{};
inline constexpr GeluTanh gelu_tanh{};
inline constexpr Swish swish{};
inline constexpr Softplus softplus{};
inline constexpr Softsign softsign{};
inline constexpr Exponential exponential{};

namespace kernels {

/// y[i] = act(x[i]). x and y may be the same memory. An element's bits do not depend on its position.
template <class Act, class T, class Arch = xsimd::default_arch>
void activate(const T* x, T* y, Index n, const Act& act = {}) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    Index i = 0;
    for (; i + 4 * step <= n; i += 4 * step) {  // four at a time: tanh above all waits for its own results
        V a[4];
        DEEPREC_UNROLL
        for (Index j = 0; j < 4; ++j) a[j] = act(kernels::load<V>(x + i + j * step));
        DEEPREC_UNROLL
        for (Index j = 0; j < 4; ++j) kernels::store(y + i + j * step, a[j]);
    }
    for (; i + step <= n; i += step) kernels::store(y + i, act(kernels::load<V>(x + i)));
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

/// A function of whole rows, the last axis: f.row(x, y, n) writes y, f.row_backward(dy, y, dx, n) the gradient; the
/// first two may be the same memory, and dy and dx.
template <class F>
concept RowActivation = requires(const F& f, const float* in, float* out, Index n) {
    f.row(in, out, n);
    f.row_backward(in, in, out, n);
};

/// y = act(x) and dx = dy * act' of x [rows, n] for any activation.
template <class Act, class T, class Arch = xsimd::default_arch>
void activate_rows(const T* x, T* y, Index rows, Index n, const Act& act = {}) {
    if constexpr (RowActivation<Act>)
        for (Index r = 0; r < rows; ++r) act.template row<T, Arch>(x + r * n, y + r * n, n);
    else
        activate<Act, T, Arch>(x, y, rows * n, act);
}
template <class Act, class T, class Arch = xsimd::default_arch>
void activate_rows_backward(const T* dy, const T* x_or_y, T* dx, Index rows, Index n, const Act& act = {}) {
    if constexpr (RowActivation<Act>)
        for (Index r = 0; r < rows; ++r) act.template row_backward<T, Arch>(dy + r * n, x_or_y + r * n, dx + r * n, n);
    else
        activate_backward<Act, T, Arch>(dy, x_or_y, dx, rows * n, act);
}

}  // namespace kernels
DEEPREC_END
