/// Scaled dot-product attention of one sequence, head by head, and back. Pointers need no alignment; NaN and Inf go
/// through as in plain arithmetic, zero probabilities times NaN included. Nothing allocates.
#pragma once

#include <algorithm>
#include <cmath>

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

DEEPREC_BEGIN
namespace kernels {

/// `steps` queries, each with the keys of all steps or, if causal, of its own and earlier ones.
struct AttentionShape {
    Index steps, heads, key_dim;
    bool causal = false;

    Index keys_of(Index query) const { return causal ? query + 1 : steps; }
    /// Numbers in the probabilities [heads, steps, steps].
    Index probabilities() const { return heads * steps * steps; }
    template <class T>
    T scale() const {
        return T(1) / std::sqrt(static_cast<T>(key_dim));
    }
};

/// Queries, keys and values, each [steps, heads, key_dim] with `ld` numbers from step to step.
template <class T>
struct AttentionInput {
    const T *q, *k, *v;
    Index ld;
};
/// Their gradients, in the same layout.
template <class T>
struct AttentionGradient {
    T *dq, *dk, *dv;
};

namespace detail {
template <class T, class Arch>
Index attention_operand(const AttentionShape& s) {
    return std::max(packed_size<T, Arch>(s.key_dim, s.steps), packed_size<T, Arch>(s.steps, s.key_dim));
}
/// The transpose of a head's keys or values, with rows ld apart, times the scale, as operand of a product.
template <class T, class Arch>
void pack_scaled(const AttentionShape& s, const T* rows, Index ld, T* packed) {
    pack_transposed<T, Arch>(rows, ld, s.key_dim, s.steps, packed);
    const T scale = s.scale<T>();
    for (Index i = 0; i < packed_size<T, Arch>(s.key_dim, s.steps); ++i) packed[i] *= scale;
}
/// f(0), f(2) ..., then f(1), f(3) ...: where f ends a row with a masked store, loads of the row behind it would wait.
template <class F>
void every_other_first(Index n, const F& f) {
    for (const Index first : {0, 1})
        for (Index i = first; i < n; i += 2) f(i);
}
}  // namespace detail

/// Numbers that `attention` and `attention_backward` need to work with.
template <class T, class Arch = xsimd::default_arch>
Index attention_scratch(const AttentionShape& s) {
    return s.steps * s.steps + detail::attention_operand<T, Arch>(s);
}

/// p[h] = softmax(q_h k_h^T / sqrt(key_dim)) over the keys of each query, 0 for the others; y_h = p[h] v_h for y
/// [steps, heads, key_dim].
template <class T, class Arch = xsimd::default_arch>
void attention(const AttentionShape& s, const AttentionInput<T>& in, T* p, T* y, T* scratch) {
    const Index n = s.steps, d = s.key_dim, ld = in.ld;
    const T *q = in.q, *k = in.k, *v = in.v;
    for (Index h = 0; h < s.heads; ++h, q += d, k += d, v += d, y += d, p += n * n) {
        detail::pack_scaled<T, Arch>(s, k, ld, scratch);
        gemm<T, Arch>(matrix_rows(q, n, d, ld), scratch, n, p, n);
        detail::every_other_first(n, [&](Index i) {
            T* const row = p + i * n;
            softmax.row<T, Arch>(row, row, s.keys_of(i));
            std::fill(row + s.keys_of(i), row + n, T(0));
        });
        pack<T, Arch>(v, ld, n, d, scratch);
        gemm<T, Arch>(matrix_rows(p, n, n, n), scratch, d, y, s.heads * d);
    }
}

/// From dy: dv_h += p^T dy_h; with ds = p (dy_h v_h^T - sum over keys of p dy_h v_h^T) / sqrt(key_dim): dq_h = ds k_h
/// and dk_h += ds^T q_h.
template <class T, class Arch = xsimd::default_arch>
void attention_backward(const AttentionShape& s, const T* dy, const AttentionInput<T>& in, const T* p,
                        const AttentionGradient<T>& to, T* scratch) {
    const Index n = s.steps, d = s.key_dim, width = s.heads * d, ld = in.ld;
    const T *q = in.q, *k = in.k, *v = in.v;
    T *dq = to.dq, *dk = to.dk, *dv = to.dv;
    T *const operand = scratch, *const ds = scratch + detail::attention_operand<T, Arch>(s);
    for (Index h = 0; h < s.heads; ++h) {
        gemm_tn<T, Arch>(matrix_rows(p, n, n, n), dy, width, d, dv, ld);
        // the scale goes through: the backward of softmax is linear in dy
        detail::pack_scaled<T, Arch>(s, v, ld, operand);
        gemm<T, Arch>(matrix_rows(dy, n, d, width), operand, n, ds, n);
        detail::every_other_first(n, [&](Index i) {
            T* const row = ds + i * n;
            softmax.row_backward<T, Arch>(row, p + i * n, row, s.keys_of(i));
            std::fill(row + s.keys_of(i), row + n, T(0));
        });
        pack<T, Arch>(k, ld, n, d, operand);
        gemm<T, Arch>(matrix_rows(ds, n, n, n), operand, d, dq, ld);
        gemm_tn<T, Arch>(matrix_rows(ds, n, n, n), q, ld, d, dk, ld);
        dy += d, q += d, k += d, v += d, dq += d, dk += d, dv += d, p += n * n;
    }
}

}  // namespace kernels
DEEPREC_END
