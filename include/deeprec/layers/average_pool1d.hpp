/// Mean over windows of time.
#pragma once

#include <deeprec/layers/pool1d.hpp>

DEEPREC_BEGIN

namespace detail {
struct AveragePoolRule {
    template <class T>
    static void forward(const kernels::PoolWindows& windows, const T* x, T* y) {
        kernels::average_pool<T>(windows, x, y);
    }
    template <class T>
    static void backward(const kernels::PoolWindows& windows, const T*, const T*, const T* dy, T* dx) {
        kernels::average_pool_backward<T>(windows, dy, dx);
    }
};
}  // namespace detail

/// y[b, o, f] = mean over i < pool_size of x[b, o*strides + i - before, f], as Keras' AveragePooling1D: divided by the
/// steps that exist, not by pool_size, where padding covers some.
///
/// Shapes: x [B, T, F] -> y [B, T', F]. `AveragePool1D{2}`; strides default to pool_size.
template <class T = float>
class AveragePool1D : public Pool1D<AveragePool1D<T>, T, detail::AveragePoolRule> {
public:
    using Scalar = T;
    using Pool1D<AveragePool1D, T, detail::AveragePoolRule>::Pool1D;
    DEEPREC_LAYER("AveragePool1D", sequence, 3)
};

AveragePool1D(Index, Pool1DOptions = {}) -> AveragePool1D<float>;

DEEPREC_END
