/// What the products do with rows that are finished, while these are in the cache. It stands behind a pointer, so that
/// a product is compiled once for each scalar and not once for each activation.
#pragma once

#include <type_traits>

#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN
namespace kernels {

/// y = act(y) for an activation that is known when the program runs. Refers to `act`, which must outlive it. The
/// default, as Linear, leaves y as it is.
template <class T, class Arch = xsimd::default_arch>
class RowFunction {
public:
    constexpr RowFunction() = default;
    template <class Act>
        requires(!std::is_same_v<Act, RowFunction>)
    constexpr RowFunction(const Act& act) {
        if constexpr (!std::is_same_v<Act, Linear>) {
            act_ = &act;
            needs_whole_rows_ = RowActivation<Act>;
            is_relu_ = std::is_same_v<Act, ReLU>;
            function_ = [](const void* f, T* y, Index rows, Index n, Index stride) {
                const Act& function = *static_cast<const Act*>(f);
                if (stride == n) return activate_rows<Act, T, Arch>(y, y, rows, n, function);
                for (Index r = 0; r < rows; ++r, y += stride) activate_rows<Act, T, Arch>(y, y, 1, n, function);
            };
        }
    }

    /// Whether it may be applied to a part of a row.
    bool takes_parts() const { return !needs_whole_rows_; }
    /// Whether it is ReLU, which costs less in registers than a call.
    bool is_relu() const { return is_relu_; }
    /// Turns y [rows, n], rows `stride` numbers apart, into act(y).
    void operator()(T* y, Index rows, Index n, Index stride) const {
        if (function_) function_(act_, y, rows, n, stride);
    }

private:
    const void* act_ = nullptr;
    void (*function_)(const void*, T*, Index, Index, Index) = nullptr;
    bool needs_whole_rows_ = false, is_relu_ = false;
};

/// y = activation(z + bias) for the rows z of a product.
template <class T, class Arch = xsimd::default_arch>
struct Epilogue {
    const T* bias = nullptr;               ///< as long as a row, or null
    RowFunction<T, Arch> activation = {};  ///< `{.activation = relu}`
    T* pre_activation = nullptr;           ///< receives z + bias, laid out as y; null where it is not wanted
};

}  // namespace kernels
DEEPREC_END
