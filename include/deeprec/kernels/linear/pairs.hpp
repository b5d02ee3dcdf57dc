/// Sums over the pairs of users and their candidates.
#pragma once

#include <algorithm>

#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace kernels {

/// B users in blocks that share G candidates, rows of n numbers.
struct PairsShape {
    Index users, block, candidates, n;
};

/// y[b*G + j] = act(a[b] + c[b / block * G + j]) for a [B, n], c [B / block * G, n] and y [B*G, n]. If z is not null it
/// receives the sums before act. No overlap, no alignment.
template <class T, class Act, class Arch = xsimd::default_arch>
void add_pairs(const PairsShape& s, const T* a, const T* c, T* y, T* z, const Act& act) {
    using V = Batch<T, Arch>;
    const Index users = s.users, block = s.block, candidates = s.candidates, n = s.n;
    for (Index b = 0; b < users; ++b)
        for (Index j = 0; j < candidates; ++j) {
            const T *x = a + b * n, *w = c + (b / block * candidates + j) * n;
            const Index at = (b * candidates + j) * n;
            Index i = 0;
            for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>) {
                const V sum = kernels::load<V>(x + i) + kernels::load<V>(w + i);
                if (z) kernels::store(z + at + i, sum);
                kernels::store(y + at + i, act(sum));
            }
            if (i == n) continue;
            const V sum = kernels::load_first<V>(x + i, n - i) + kernels::load_first<V>(w + i, n - i);
            if (z) kernels::store_first(z + at + i, sum, n - i);
            kernels::store_first(y + at + i, act(sum), n - i);
        }
}

/// da[b] = sum over j of d[b*G + j]; dc[k*G + j] = sum over the users b of block k of d[b*G + j].
template <class T, class Arch = xsimd::default_arch>
void add_pairs_backward(const PairsShape& s, const T* d, T* da, T* dc) {
    const Index users = s.users, block = s.block, candidates = s.candidates, n = s.n;
    std::fill_n(da, users * n, T(0));
    std::fill_n(dc, users / block * candidates * n, T(0));
    for (Index b = 0; b < users; ++b)
        for (Index j = 0; j < candidates; ++j) {
            const T* row = d + (b * candidates + j) * n;
            kernels::add<T, Arch>(row, da + b * n, n);
            kernels::add<T, Arch>(row, dc + (b / block * candidates + j) * n, n);
        }
}

}  // namespace kernels
DEEPREC_END
