/// Scalar twins of kernels/simd/vector.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
T dot(const T* a, const T* b, Index n) {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

template <class T>
void axpy(T alpha, const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] += alpha * x[i];
}

template <class T>
void add(const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] += x[i];
}

template <class T>
void add_tree(T* const* x, Index count, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
        T sum[8];
        for (Index s = 0; s < count; ++s) sum[s] = x[s][i];
        for (Index stride = 1; stride < count; stride *= 2)
            for (Index s = 0; s + stride < count; s += 2 * stride) sum[s] += sum[s + stride];
        x[0][i] = sum[0];
    }
}

}  // namespace kernels::reference
DEEPREC_END
