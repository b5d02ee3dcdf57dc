/// Scalar twins of kernels/linear/pairs.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T, class Act>
void add_pairs(const T* a, const T* c, Index users, Index block, Index candidates, Index n, T* y, T* z,
               const Act& act) {
    for (Index b = 0; b < users; ++b)
        for (Index j = 0; j < candidates; ++j)
            for (Index i = 0; i < n; ++i) {
                const Index at = (b * candidates + j) * n + i;
                const T sum = a[b * n + i] + c[(b / block * candidates + j) * n + i];
                if (z) z[at] = sum;
                y[at] = act(sum);
            }
}

}  // namespace kernels::reference
DEEPREC_END
