/// Scalar twins of kernels/simd/transpose.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void transpose(const T* from, Index ld_from, Index rows, Index columns, T* to, Index ld_to) {
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) to[j * ld_to + i] = from[i * ld_from + j];
}

}  // namespace kernels::reference
DEEPREC_END
