/// Scalar twins of kernels/simd/activations.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class Act, class T>
void activate(const T* x, T* y, Index n, const Act& act = {}) {
    for (Index i = 0; i < n; ++i) y[i] = act(x[i]);
}

template <class Act, class T>
void activate_backward(const T* dy, const T* x_or_y, T* dx, Index n, const Act& act = {}) {
    for (Index i = 0; i < n; ++i) dx[i] = dy[i] * act.derivative(x_or_y[i]);
}

}  // namespace kernels::reference
DEEPREC_END
