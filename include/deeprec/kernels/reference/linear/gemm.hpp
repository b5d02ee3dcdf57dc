/// Scalar twin of kernels/linear/gemm.hpp; the packed form of B is B itself, [k, n] row-major.
#pragma once

#include <type_traits>

#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/rows.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
Index packed_size(Index k, Index n) {
    return k * n;
}

template <class T>
void pack(const T* b, Index ldb, Index k, Index n, T* packed) {
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < n; ++j) packed[i * n + j] = b[i * ldb + j];
}

template <class T>
void pack_transposed(const T* b, Index ldb, Index k, Index n, T* packed) {
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < n; ++j) packed[i * n + j] = b[j * ldb + i];
}

/// Element k of row r of A.
template <class T>
T element(const Rows<T>& a, Index r, Index k) {
    return a.row(r)[k / a.segment_length * a.segment_stride + k % a.segment_length];
}

template <class T, class Act = Linear>
void gemm(const Rows<T>& a, const T* packed_b, Index n, T* c, Index ldc, const std::type_identity_t<T>* bias = nullptr,
          const Act& act = {}, bool accumulate = false, std::type_identity_t<T>* linear = nullptr) {
    for (Index r = 0; r < a.rows; ++r)
        for (Index j = 0; j < n; ++j) {
            T sum = accumulate ? c[r * ldc + j] : T(0);
            for (Index k = 0; k < a.columns(); ++k) sum += element(a, r, k) * packed_b[k * n + j];
            if (bias) sum += bias[j];
            if (linear) linear[r * ldc + j] = sum;
            c[r * ldc + j] = act(sum);
        }
}

}  // namespace kernels::reference
DEEPREC_END
