/// Scalar twins of the convolution over time, plain sums over the windows. The packed form of the kernel is the kernel
/// itself, [taps, features, filters].
#pragma once

#include <type_traits>

#include <deeprec/kernels/linear/winograd.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T, class Act = Linear>
void winograd_convolution(const ConvolutionShape& s, const T* x, const T* kernel, T* y,
                          const std::type_identity_t<T>* bias, const Act& act, std::type_identity_t<T>* linear) {
    for (Index b = 0; b < s.batch; ++b)
        for (Index t = 0; t < s.steps; ++t)
            for (Index u = 0; u < s.filters; ++u) {
                T sum = bias ? bias[u] : T(0);
                for (Index j = 0; j < s.taps; ++j) {
                    const T* const step = x + (b * s.time() + t + j * s.dilation) * s.features;
                    for (Index f = 0; f < s.features; ++f)
                        sum += step[f] * kernel[(j * s.features + f) * s.filters + u];
                }
                const Index at = (b * s.steps + t) * s.filters + u;
                if (linear) linear[at] = sum;
                y[at] = act(sum);
            }
}

template <class T>
void winograd_kernel_gradient(const ConvolutionShape& s, const T* x, const T* dy, Index dy_stride, T* gradient) {
    for (Index b = 0; b < s.batch; ++b)
        for (Index t = 0; t < s.steps; ++t)
            for (Index j = 0; j < s.taps; ++j) {
                const T* const step = x + (b * s.time() + t + j * s.dilation) * s.features;
                for (Index f = 0; f < s.features; ++f)
                    for (Index u = 0; u < s.filters; ++u)
                        gradient[(j * s.features + f) * s.filters + u] +=
                            step[f] * dy[b * dy_stride + t * s.filters + u];
            }
}

}  // namespace kernels::reference
DEEPREC_END
