/// Softmax cross-entropy of many rows against one large table.
#pragma once

#include <cmath>
#include <limits>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/gemm.hpp>
#include <deeprec/kernels/softmax.hpp>

DEEPREC_BEGIN
namespace kernels {

/// The table: W [n, d], bias [n] or null.
template <class T>
struct ItemSoftmax {
    const T* w;
    const T* bias;
    Index n, d;
};
template <class T>
struct ItemSoftmaxScratch {
    Buffer<T> packed, packed_rows, probabilities, losses;
};

/// Returns scale * sum over rows m of (log sum_j exp(h_m . w_j + b_j) - (h_m . w_t + b_t)), t = target[m]. With dh [m,
/// d] its gradients too: dh is written, dw [n, d] and db [n] (may be null) are added to.
template <class T>
double softmax_over_items(const ItemSoftmax<T>& items, const T* h, const std::int32_t* target, Index rows, T scale,
                          T* dh, T* dw, T* db, ThreadPool& pool, ItemSoftmaxScratch<T>& scratch) {
    constexpr Index block = 256, small = 32, columns = 512;
    const Index n = items.n, d = items.d;
    T* packed = scratch.packed.need(packed_size<T>(d, n));
    pack_transposed<T>(items.w, d, d, n, packed);
    T* packed_rows = scratch.packed_rows.need(packed_size<T>(n, d));
    if (dh) pack<T>(items.w, d, n, d, packed_rows);
    T* losses = scratch.losses.need(rows);
    T* p = scratch.probabilities.need(block * n);
    for (Index begin = 0; begin < rows; begin += block) {
        const Index m = std::min(block, rows - begin);
        pool.run((m + small - 1) / small, [&](Index part) {
            const Index first = part * small, count = std::min(small, m - first);
            T* z = p + first * n;
            gemm<T>(matrix_rows(h + (begin + first) * d, count, d, d), packed, n, z, n, items.bias);
            for (Index r = 0; r < count; ++r) {
                const auto t = target[begin + first + r];
                softmax.row(z + r * n, z + r * n, n);
                losses[begin + first + r] = -std::log(std::max(z[r * n + t], std::numeric_limits<T>::min()));
                if (!dh) continue;
                for (Index j = 0; j < n; ++j) z[r * n + j] *= scale;
                z[r * n + t] -= scale;
            }
            if (dh) gemm<T>(matrix_rows(z, count, n, n), packed_rows, d, dh + (begin + first) * d, d);
        });
        if (!dh) continue;
        pool.run((n + columns - 1) / columns, [&](Index part) {
            const Index first = part * columns, count = std::min(columns, n - first);
            gemm_tn<T>(matrix_rows(p + first, m, count, n), h + begin * d, d, d, dw + first * d, d);
            if (db) sum_rows<T>(p + first, m, count, n, db + first);
        });
    }
    double loss = 0;
    for (Index r = 0; r < rows; ++r) loss += static_cast<double>(losses[r]);
    return loss * static_cast<double>(scale);
}

}  // namespace kernels
DEEPREC_END
