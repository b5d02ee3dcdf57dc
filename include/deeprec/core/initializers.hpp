/// Keras' default initialisers. Element i of a tensor depends on (seed, i) alone.
#pragma once

#include <cmath>

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
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> q(count, length);
    for (Index i = 0; i < q.size(); ++i) q.data()[i] = random.normal(static_cast<std::uint64_t>(i));
    for (Index i = 0; i < count; ++i) {
        for (int pass = 0; pass < 2; ++pass)  // the second pass removes what rounding left of the first
            for (Index j = 0; j < i; ++j) q.row(i) -= q.row(i).dot(q.row(j)) * q.row(j);
        q.row(i).normalize();
    }
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) tensor(r, c) = static_cast<T>(rows <= columns ? q(r, c) : q(c, r));
}

DEEPREC_END
