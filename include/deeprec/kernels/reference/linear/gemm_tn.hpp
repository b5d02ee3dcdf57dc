/// Scalar twins of kernels/linear/gemm_tn.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/kernels/reference/linear/gemm.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void gemm_tn(const Rows<T>& a, const T* b, Index ldb, Index n, T* c, Index ldc) {
    for (Index r = 0; r < a.rows; ++r)
        for (Index i = 0; i < a.columns(); ++i)
            for (Index j = 0; j < n; ++j) c[i * ldc + j] += element(a, r, i) * b[r * ldb + j];
}

template <class T>
void sum_rows(const T* b, Index rows, Index n, Index ldb, T* out) {
    for (Index r = 0; r < rows; ++r)
        for (Index j = 0; j < n; ++j) out[j] += b[r * ldb + j];
}

}  // namespace kernels::reference
DEEPREC_END
