/// Transposition, for the weights of the backward products.
#pragma once

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// to[j, i] = from[i, j] for from [rows, columns], with rows ld_from and ld_to apart: squares of as many numbers as a
/// register has lanes go through the registers, the edges one by one. No alignment is needed; the two do not overlap.
template <class T, class Arch = xsimd::default_arch>
void transpose(const T* from, Index ld_from, Index rows, Index columns, T* to, Index ld_to) {
    using V = Batch<T, Arch>;
    constexpr Index step = lanes<T, Arch>;
    const Index whole_rows = rows / step * step, whole_columns = columns / step * step;
    const auto one_by_one = [&](Index i0, Index i1, Index j0, Index j1) {
        for (Index j = j0; j < j1; ++j)
            for (Index i = i0; i < i1; ++i) to[j * ld_to + i] = from[i * ld_from + j];
    };
    for (Index i = 0; i < whole_rows; i += step)
        for (Index j = 0; j < whole_columns; j += step) {
            Array<V, step> square;
            DEEPREC_UNROLL
            for (Index r = 0; r < step; ++r) square[r] = kernels::load<V>(from + (i + r) * ld_from + j);
            kernels::transpose(square);
            DEEPREC_UNROLL
            for (Index r = 0; r < step; ++r) kernels::store(to + (j + r) * ld_to + i, square[r]);
        }
    one_by_one(0, rows, whole_columns, columns);
    one_by_one(whole_rows, rows, 0, whole_columns);
}

}  // namespace kernels
DEEPREC_END
