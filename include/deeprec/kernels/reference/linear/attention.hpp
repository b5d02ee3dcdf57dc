/// Scalar twins of kernels/linear/attention.hpp, as plain as the definitions: tests and benchmarks compare with them.
#pragma once

#include <algorithm>
#include <cmath>

#include <deeprec/kernels/linear/attention.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

template <class T>
void attention(const AttentionShape& s, const AttentionInput<T>& in, T* p, T* y) {
    const Index n = s.steps, d = s.key_dim, ld = in.ld;
    const T *const q = in.q, *const k = in.k, *const v = in.v;
    for (Index h = 0; h < s.heads; ++h)
        for (Index i = 0; i < n; ++i) {
            T* const row = p + (h * n + i) * n;
            T largest = 0, sum = 0;
            std::fill(row, row + n, T(0));
            for (Index j = 0; j < s.keys_of(i); ++j) {
                for (Index c = h * d; c < (h + 1) * d; ++c) row[j] += q[i * ld + c] * k[j * ld + c];
                row[j] /= std::sqrt(static_cast<T>(d));
                largest = j ? std::max(largest, row[j]) : row[j];
            }
            for (Index j = 0; j < s.keys_of(i); ++j) sum += row[j] = std::exp(row[j] - largest);
            for (Index j = 0; j < s.keys_of(i); ++j) row[j] /= sum;
            for (Index c = h * d; c < (h + 1) * d; ++c) {
                T& out = y[i * s.heads * d + c] = 0;
                for (Index j = 0; j < n; ++j) out += row[j] * v[j * ld + c];
            }
        }
}

template <class T>
void attention_backward(const AttentionShape& s, const T* dy, const AttentionInput<T>& in, const T* p,
                        const AttentionGradient<T>& to) {
    const Index n = s.steps, d = s.key_dim, ld = in.ld;
    const T *const q = in.q, *const k = in.k, *const v = in.v;
    T *const dq = to.dq, *const dk = to.dk, *const dv = to.dv;
    for (Index h = 0; h < s.heads; ++h)
        for (Index i = 0; i < n; ++i) {
            const T *const row = p + (h * n + i) * n, *const from = dy + i * s.heads * d;
            const auto dp = [&](Index j) {
                T sum = 0;
                for (Index c = h * d; c < (h + 1) * d; ++c) sum += from[c] * v[j * ld + c];
                return sum;
            };
            T mean = 0;
            for (Index j = 0; j < n; ++j) mean += row[j] * dp(j);
            for (Index c = h * d; c < (h + 1) * d; ++c) dq[i * ld + c] = 0;
            for (Index j = 0; j < n; ++j) {
                const T ds = row[j] * (dp(j) - mean) / std::sqrt(static_cast<T>(d));
                for (Index c = h * d; c < (h + 1) * d; ++c) {
                    dq[i * ld + c] += ds * k[j * ld + c];
                    dk[j * ld + c] += ds * q[i * ld + c];
                    dv[j * ld + c] += row[j] * from[c];
                }
            }
        }
}

}  // namespace kernels::reference
DEEPREC_END
