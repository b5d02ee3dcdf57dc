/// Scalar twins of kernels/simd/batch_norm.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <cstdint>

#include <deeprec/kernels/simd/norm.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
Index column_statistics(const T* x, const std::uint8_t* keep, Index rows, Index n, T* mean, T* variance) {
    Index counted = 0;
    for (Index j = 0; j < n; ++j) {
        T sum = 0, squares = 0;
        counted = 0;
        for (Index r = 0; r < rows; ++r)
            if (!keep || keep[r]) sum += x[r * n + j], ++counted;
        mean[j] = counted ? sum / static_cast<T>(counted) : T(0);
        for (Index r = 0; r < rows; ++r)
            if (!keep || keep[r]) squares += (x[r * n + j] - mean[j]) * (x[r * n + j] - mean[j]);
        variance[j] = counted ? squares / static_cast<T>(counted) : T(0);
    }
    return counted;
}

template <class T>
void batch_norm(const T* x, Index rows, Index n, const T* mean, const T* inverse, const T* gamma, const T* beta, T* y) {
    for (Index r = 0; r < rows; ++r)
        for (Index j = 0; j < n; ++j)
            y[r * n + j] = (x[r * n + j] - mean[j]) * inverse[j] * (gamma ? gamma[j] : T(1)) + (beta ? beta[j] : T(0));
}

template <class T>
void batch_norm_backward(const CountedRows& s, const T* dy, const T* x, const T* gamma, const T* mean, const T* inverse,
                         const NormGradient<T>& to) {
    const Index rows = s.rows, n = s.n, counted = s.counted;
    const std::uint8_t* const keep = s.keep;
    T *const dgamma = to.dgamma, *const dbeta = to.dbeta, *const dx = to.dx;
    for (Index j = 0; j < n; ++j) {
        const auto normal = [&](Index r) { return (x[r * n + j] - mean[j]) * inverse[j]; };
        T sum = 0, along = 0;
        for (Index r = 0; r < rows; ++r) {
            sum += dy[r * n + j];
            along += dy[r * n + j] * normal(r);
        }
        if (dgamma) dgamma[j] += along;
        if (dbeta) dbeta[j] += sum;
        for (Index r = 0; dx && r < rows; ++r) {
            const bool counts = counted > 0 && (!keep || keep[r]);
            const T given_up = counts ? (sum + normal(r) * along) / static_cast<T>(counted) : T(0);
            dx[r * n + j] = inverse[j] * (gamma ? gamma[j] : T(1)) * (dy[r * n + j] - given_up);
        }
    }
}

}  // namespace kernels::reference
DEEPREC_END
