/// Scalar twins of kernels/linear/pairs.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <deeprec/kernels/linear/pairs.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T, class Act>
void add_pairs(const PairsShape& s, const T* a, const T* c, T* y, T* z, const Act& act) {
    for (Index b = 0; b < s.users; ++b)
        for (Index j = 0; j < s.candidates; ++j)
            for (Index i = 0; i < s.n; ++i) {
                const Index at = (b * s.candidates + j) * s.n + i;
                const T sum = a[b * s.n + i] + c[(b / s.block * s.candidates + j) * s.n + i];
                if (z) z[at] = sum;
                y[at] = act(sum);
            }
}

}  // namespace kernels::reference
DEEPREC_END
