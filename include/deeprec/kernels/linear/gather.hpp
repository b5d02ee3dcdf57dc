/// Rows of a table by id.
#pragma once

#include <algorithm>
#include <cstdint>

#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Place of the first id outside [0, rows), n if there is none.
inline Index find_out_of_range(const std::int32_t* ids, Index n, Index rows) {
    constexpr Index block = 256;  // without a branch for each id: the check must not cost what the copy costs
    for (Index i = 0; i < n; i += block) {
        const Index end = std::min(i + block, n);
        bool bad = false;
        for (Index j = i; j < end; ++j) bad |= ids[j] < 0 || ids[j] >= rows;
        if (bad) return std::find_if(ids + i, ids + end, [&](std::int32_t id) { return id < 0 || id >= rows; }) - ids;
    }
    return n;
}

/// out[i, :] = table[ids[i], :]; ids are in range. A row is asked for some ids ahead, since large tables live in RAM:
/// the whole of a long one, of a short one the first line, which the few others follow by themselves.
template <class T>
void gather_rows(const T* table, Index width, const std::int32_t* ids, Index n, T* out) {
    constexpr Index ahead = 8, few = 256 / static_cast<Index>(sizeof(T));
    const Index asked = width <= few ? 1 : width;
    for (Index i = 0; i < n; ++i) {
        if (i + ahead < n) prefetch_row(table + ids[i + ahead] * width, asked);
        kernels::copy<T>(table + ids[i] * width, out + i * width, width);
    }
}

}  // namespace kernels
DEEPREC_END
