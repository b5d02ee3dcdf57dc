/// Maximum over windows of time.
#pragma once

#include <deeprec/layers/pool1d.hpp>

DEEPREC_BEGIN

namespace detail {
struct MaxPoolRule {
    template <class T>
    static void forward(const kernels::PoolWindows& windows, const T* x, T* y) {
        kernels::max_pool<T>(windows, x, y);
    }
    template <class T>
    static void backward(const kernels::PoolWindows& windows, const T* x, const T* y, const T* dy, T* dx) {
        kernels::max_pool_backward<T>(windows, x, y, dy, dx);
    }
};
}  // namespace detail

/// y[b, o, f] = max over i < pool_size of x[b, o*strides + i - before, f], as Keras' MaxPooling1D.
///
/// Shapes: x [B, T, F] -> y [B, T', F]. Padding is ignored, never a maximum. Of tied maxima the first gets the gradient.
/// A NaN in a window is its maximum. `MaxPool1D{3, {.strides = 2, .padding = Padding::same}}`; strides default to pool_size.
template <class T = float>
class MaxPool1D : public Pool1D<MaxPool1D<T>, T, detail::MaxPoolRule> {
public:
    using Scalar = T;
    using Pool1D<MaxPool1D, T, detail::MaxPoolRule>::Pool1D;
    DEEPREC_LAYER("MaxPool1D", sequence, 3)
};

MaxPool1D(Index, Pool1DOptions = {}) -> MaxPool1D<float>;

DEEPREC_END
