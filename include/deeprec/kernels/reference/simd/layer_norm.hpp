/// Scalar twins of kernels/simd/layer_norm.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <cmath>

#include <deeprec/kernels/simd/norm.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void layer_norm(const T* x, Index rows, Index n, const NormParameters<T>& parameters, T* mean, T* inverse, T* y) {
    const T *const gamma = parameters.gamma, *const beta = parameters.beta;
    for (Index r = 0; r < rows; ++r, x += n, y += n) {
        T sum = 0, squares = 0;
        for (Index j = 0; j < n; ++j) sum += x[j];
        mean[r] = sum / static_cast<T>(n);
        for (Index j = 0; j < n; ++j) squares += (x[j] - mean[r]) * (x[j] - mean[r]);
        inverse[r] = T(1) / std::sqrt(squares / static_cast<T>(n) + parameters.epsilon);
        for (Index j = 0; j < n; ++j)
            y[j] = (x[j] - mean[r]) * inverse[r] * (gamma ? gamma[j] : T(1)) + (beta ? beta[j] : T(0));
    }
}

template <class T>
void layer_norm_backward(const T* dy, const T* x, Index rows, Index n, const T* gamma, const T* mean, const T* inverse,
                         const NormGradient<T>& to) {
    T *const dgamma = to.dgamma, *const dbeta = to.dbeta, *const dx = to.dx;
    for (Index r = 0; r < rows; ++r) {
        const auto normal = [&](Index j) { return (x[r * n + j] - mean[r]) * inverse[r]; };
        const auto g = [&](Index j) { return dy[r * n + j] * (gamma ? gamma[j] : T(1)); };
        T sum = 0, along = 0;
        for (Index j = 0; j < n; ++j) {
            sum += g(j);
            along += g(j) * normal(j);
            if (dgamma) dgamma[j] += dy[r * n + j] * normal(j);
            if (dbeta) dbeta[j] += dy[r * n + j];
        }
        if (dx)
            for (Index j = 0; j < n; ++j)
                dx[r * n + j] = inverse[r] * (g(j) - (sum + normal(j) * along) / static_cast<T>(n));
    }
}

}  // namespace kernels::reference
DEEPREC_END
