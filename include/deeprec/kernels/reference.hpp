/// Scalar twins: what each kernel means, as plain loops that tests and benchmarks call. Same signatures; the packed
/// form of B is B itself, [k, n] row-major.
#pragma once

#include <type_traits>

#include <deeprec/kernels/activations.hpp>
#include <deeprec/kernels/rows.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
Index packed_size(Index k, Index n) {
    return k * n;
}

template <class T>
void pack(const T* b, Index ldb, Index k, Index n, T* packed) {
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < n; ++j) packed[i * n + j] = b[i * ldb + j];
}

template <class T>
void pack_transposed(const T* b, Index ldb, Index k, Index n, T* packed) {
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < n; ++j) packed[i * n + j] = b[j * ldb + i];
}

template <class T>
void transpose(const T* from, Index ld_from, Index rows, Index columns, T* to, Index ld_to) {
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) to[j * ld_to + i] = from[i * ld_from + j];
}

/// Element k of row r of A.
template <class T>
T element(const Rows<T>& a, Index r, Index k) {
    return a.row(r)[k / a.segment_length * a.segment_stride + k % a.segment_length];
}

template <class T, class Act = Linear>
void gemm(const Rows<T>& a, const T* packed_b, Index n, T* c, Index ldc, const std::type_identity_t<T>* bias = nullptr,
          const Act& act = {}, bool accumulate = false, std::type_identity_t<T>* linear = nullptr) {
    for (Index r = 0; r < a.rows; ++r)
        for (Index j = 0; j < n; ++j) {
            T sum = accumulate ? c[r * ldc + j] : T(0);
            for (Index k = 0; k < a.columns(); ++k) sum += element(a, r, k) * packed_b[k * n + j];
            if (bias) sum += bias[j];
            if (linear) linear[r * ldc + j] = sum;
            c[r * ldc + j] = act(sum);
        }
}

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

template <class T>
T dot(const T* a, const T* b, Index n) {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

template <class T>
void axpy(T alpha, const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] += alpha * x[i];
}

template <class T>
void add(const T* x, T* y, Index n) {
    for (Index i = 0; i < n; ++i) y[i] += x[i];
}

template <class T>
void add_tree(T* const* x, Index count, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
        T sum[8];
        for (Index s = 0; s < count; ++s) sum[s] = x[s][i];
        for (Index stride = 1; stride < count; stride *= 2)
            for (Index s = 0; s + stride < count; s += 2 * stride) sum[s] += sum[s + stride];
        x[0][i] = sum[0];
    }
}

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

template <class Act, class T>
void activate(const T* x, T* y, Index n, const Act& act = {}) {
    for (Index i = 0; i < n; ++i) y[i] = act(x[i]);
}

template <class Act, class T>
void activate_backward(const T* dy, const T* x_or_y, T* dx, Index n, const Act& act = {}) {
    for (Index i = 0; i < n; ++i) dx[i] = dy[i] * act.derivative(x_or_y[i]);
}

template <class T>
void softmax_row(const T* x, T* y, Index n) {
    T top = x[0], sum = 0;
    for (Index i = 1; i < n; ++i) top = max_nan(top, x[i]);
    for (Index i = 0; i < n; ++i) sum += y[i] = std::exp(x[i] - top);
    for (Index i = 0; i < n; ++i) y[i] /= sum;
}

template <class T>
void softmax_row_backward(const T* dy, const T* y, T* dx, Index n) {
    const T mean = dot(dy, y, n);
    for (Index i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - mean);
}

}  // namespace kernels::reference
DEEPREC_END
