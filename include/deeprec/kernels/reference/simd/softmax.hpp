/// Scalar twins of kernels/simd/softmax.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/kernels/reference/simd/vector.hpp>
#include <deeprec/kernels/simd/elementary.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void softmax_row(const T* x, T* y, Index n) {
    T top = x[0], sum = 0;
    for (Index i = 1; i < n; ++i) top = max_nan(top, x[i]);
    for (Index i = 0; i < n; ++i) sum += y[i] = std::exp(x[i] - top);
    for (Index i = 0; i < n; ++i) y[i] /= sum;
}

template <class T>
void softmax_row_backward(const T* dy, const T* y, T* dx, Index n) {
    const T mean = dot(dy, y, n);
    for (Index i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - mean);
}

}  // namespace kernels::reference
DEEPREC_END
