/// Loops over registers, and over numbers where less than a register is left: one body for both.
#pragma once

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels::detail {

/// f.operator()<V>(i) for the registers in [0, n), then for the numbers left over. Inlined, or what f refers to would
/// be read from memory again after every store.
template <class T, class Arch, class F>
DEEPREC_INLINE void for_lanes(Index n, F&& f) {
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>) f.template operator()<Batch<T, Arch>>(i);
    for (; i < n; ++i) f.template operator()<T>(i);
}

/// The sum of f.operator()<V>(i) over the registers in [0, n) and the numbers left over.
template <class T, class Arch, class F>
DEEPREC_INLINE T sum_lanes(Index n, F&& f) {
    Batch<T, Arch> sum(T(0));
    T rest(0);
    for_lanes<T, Arch>(n, [&]<class V>(Index i) {
        if constexpr (std::is_same_v<V, T>)
            rest += f.template operator()<V>(i);
        else
            sum = sum + f.template operator()<V>(i);
    });
    return kernels::reduce_add(sum) + rest;
}

}  // namespace kernels::detail
DEEPREC_END
