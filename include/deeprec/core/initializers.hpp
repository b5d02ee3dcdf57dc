/// Keras' default initialisers. Element i of a tensor depends on (seed, i) alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Uniform in [-limit, limit).
template <class T, int Rank>
void fill_uniform(Tensor<T, Rank>& tensor, double limit, Seed seed) {
    const RandomStream random(seed);
    for (Index i = 0; i < tensor.size(); ++i)
        tensor.data()[i] = static_cast<T>(random.uniform(static_cast<std::uint64_t>(i), -limit, limit));
}

/// Uniform with limit sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010; Keras' "glorot_uniform").
template <class T, int Rank>
void fill_glorot_uniform(Tensor<T, Rank>& tensor, Index fan_in, Index fan_out, Seed seed) {
    fill_uniform(tensor, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), seed);
}

/// Orthonormal rows or columns, whichever are fewer, of a normal random matrix (Saxe et al. 2014; Keras' "orthogonal").
template <class T>
void fill_orthogonal(Tensor<T, 2>& tensor, Seed seed) {
    const RandomStream random(seed);
    const Index rows = tensor.dimension(0), columns = tensor.dimension(1);
    const Index count = std::min(rows, columns), length = std::max(rows, columns);
    std::vector<double> q(static_cast<std::size_t>(count * length));
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = random.normal(i);
    const auto dot = [&](const double* a, const double* b) { return std::inner_product(a, a + length, b, 0.0); };
    for (Index i = 0; i < count; ++i) {
        double* row = q.data() + i * length;
        for (int pass = 0; pass < 2; ++pass)  // the second pass removes what rounding left of the first
            for (const double* other = q.data(); other < row; other += length) {
                const double along = dot(row, other);
                for (Index c = 0; c < length; ++c) row[c] -= along * other[c];
            }
        const double norm = std::sqrt(dot(row, row));
        for (Index c = 0; c < length; ++c) row[c] /= norm;
    }
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c)
            tensor(r, c) = static_cast<T>(q[static_cast<std::size_t>(rows <= columns ? r * length + c : c * length + r)]);
}

DEEPREC_END
