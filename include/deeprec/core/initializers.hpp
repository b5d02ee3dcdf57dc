/// Keras' initialisers, as functions and as options of layers. Element i of a tensor depends on (seed, i) alone, but
/// for `fill_orthogonal`. Every function takes a tensor, or a pointer and the shape of what lies there.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Uniform in [-limit, limit); element i is number `first` + i of the stream.
template <class T>
void fill_uniform(T* values, const Shape& shape, double limit, Seed seed, Index first = 0) {
    const RandomStream random(seed);
    for (Index i = 0; i < shape.size(); ++i)
        values[i] = static_cast<T>(random.uniform(static_cast<std::uint64_t>(first + i), -limit, limit));
}

/// Normal with mean 0 (Keras' "random_normal", there with stddev 0.05).
template <class T>
void fill_normal(T* values, const Shape& shape, double stddev, Seed seed, Index first = 0) {
    const RandomStream random(seed);
    for (Index i = 0; i < shape.size(); ++i)
        values[i] = static_cast<T>(stddev * random.normal(static_cast<std::uint64_t>(first + i)));
}
/// Normal with mean 0, what lies beyond two `stddev` drawn again (Keras' "truncated_normal"). The standard deviation of
/// the result is 0.87962566 stddev.
template <class T>
void fill_truncated_normal(T* values, const Shape& shape, double stddev, Seed seed, Index first = 0) {
    for (Index i = 0; i < shape.size(); ++i) {
        double x = 3;
        for (std::uint64_t attempt = 0; !(std::abs(x) <= 2); ++attempt)
            x = RandomStream(derive(seed, attempt)).normal(static_cast<std::uint64_t>(first + i));
        values[i] = static_cast<T>(stddev * x);
    }
}

/// Numbers that go into and come out of one unit of a kernel of this shape: [in, out], [k, in, out] with both times k,
/// and n of each for [n].
struct Fans {
    double in = 1, out = 1;  ///< each at least 1
};
/// Of a tensor of this shape.
inline Fans fans(const Shape& shape) {
    const double last = static_cast<double>(shape.back());
    if (shape.rank() == 1) return {last, last};
    const double before = static_cast<double>(shape[shape.rank() - 2]);
    const double places = static_cast<double>(shape.size()) / std::max(1.0, last * before);
    return {places * before, places * last};
}

/// Variance scale / n, n being the fan in, the fan out or their mean (Keras' VarianceScaling).
struct VarianceScaling {
    /// What the variance is divided by.
    enum class Fan { in, out, average };
    /// Of the numbers; truncated: drawn anew where they are more than two deviations off.
    enum class Distribution { uniform, normal, truncated_normal };
    double scale = 1;                                            ///< of the variance
    Fan fan = Fan::in;                                           ///< what divides it
    Distribution distribution = Distribution::truncated_normal;  ///< of what kind the numbers are
};
/// Glorot & Bengio 2010, He et al. 2015 (for relu), LeCun et al. 1998 (for selu).
inline constexpr VarianceScaling glorot_uniform{1, VarianceScaling::Fan::average,
                                                VarianceScaling::Distribution::uniform};
/// Variance 2 / (fan in + fan out), truncated normal.
inline constexpr VarianceScaling glorot_normal{1, VarianceScaling::Fan::average};
/// Variance 2 / fan in, uniform.
inline constexpr VarianceScaling he_uniform{2, VarianceScaling::Fan::in, VarianceScaling::Distribution::uniform};
/// Variance 2 / fan in, truncated normal.
inline constexpr VarianceScaling he_normal{2, VarianceScaling::Fan::in};
/// Variance 1 / fan in, uniform.
inline constexpr VarianceScaling lecun_uniform{1, VarianceScaling::Fan::in, VarianceScaling::Distribution::uniform};
/// Variance 1 / fan in, truncated normal.
inline constexpr VarianceScaling lecun_normal{1, VarianceScaling::Fan::in};

/// `fill_scaled(kernel, he_normal, Seed{1})`, the fans taken from the shape. Throws ArgumentError unless the scale is
/// positive and finite.
template <class T>
void fill_scaled(T* values, const Shape& shape, const VarianceScaling& scaling, Seed seed) {
    if (!(scaling.scale > 0 && std::isfinite(scaling.scale)))
        throw ArgumentError(message("VarianceScaling: expected a positive scale, received ", scaling.scale));
    const auto [in, out] = fans(shape);
    const double n = scaling.fan == VarianceScaling::Fan::in    ? in
                     : scaling.fan == VarianceScaling::Fan::out ? out
                                                                : (in + out) / 2;
    const double variance = scaling.scale / std::max(1.0, n);
    switch (scaling.distribution) {
        case VarianceScaling::Distribution::uniform:
            return fill_uniform(values, shape, std::sqrt(3 * scaling.scale / std::max(1.0, n)), seed);
        case VarianceScaling::Distribution::normal: return fill_normal(values, shape, std::sqrt(variance), seed);
        case VarianceScaling::Distribution::truncated_normal:
            return fill_truncated_normal(values, shape, std::sqrt(variance) / 0.87962566103423978, seed);
    }
}

/// `gain` on the diagonal, 0 elsewhere (Keras' "identity").
template <class T>
void fill_identity(Tensor<T, 2>& tensor, double gain = 1) {
    tensor.setZero();
    for (Index i = 0; i < std::min<Index>(tensor.dimension(0), tensor.dimension(1)); ++i)
        tensor(i, i) = static_cast<T>(gain);
}

/// Uniform with limit sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010; Keras' "glorot_uniform").
template <class T>
void fill_glorot_uniform(T* values, const Shape& shape, Index fan_in, Index fan_out, Seed seed) {
    fill_uniform(values, shape, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), seed);
}

/// Orthonormal rows or columns, whichever are fewer, of a normal random matrix, times `gain` (Saxe et al. 2014; Keras'
/// "orthogonal"). More than two axes are seen as [all but the last, last].
template <class T>
void fill_orthogonal(T* values, const Shape& shape, Seed seed, double gain = 1) {
    if (shape.rank() < 2) throw ArgumentError("Orthogonal: expected a tensor of rank 2 or more, received a vector");
    if (shape.size() == 0) return;
    const RandomStream random(seed);
    const Index columns = shape.back(), rows = shape.size() / columns;
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
            values[r * columns + c] =
                static_cast<T>(gain * q[static_cast<std::size_t>(rows <= columns ? r * length + c : c * length + r)]);
}

/// Options of layers beside VarianceScaling; defaults are Keras'. Zeros are `Constant{}`, ones `Constant{1}`.
struct RandomUniform {
    double limit = 0.05;  ///< numbers in [-limit, limit)
};
/// Normal numbers around 0: `RandomNormal{0.02}`.
struct RandomNormal {
    double stddev = 0.05;  ///< of numbers around 0
};
/// The same without what lies beyond two deviations: `TruncatedNormal{0.02}`.
struct TruncatedNormal {
    double stddev = 0.05;  ///< of numbers around 0, those beyond two of it drawn anew
};
/// Orthonormal rows or columns, whichever are fewer: `Orthogonal{}`.
struct Orthogonal {
    double gain = 1;  ///< a factor of the orthogonal matrix
};
/// The same number everywhere: `Constant{0.1}`.
struct Constant {
    double value = 0;  ///< of every number
};
/// `Dense{100, relu, {.kernel_initializer = he_normal, .bias_initializer = Constant{0.1}}}`. It says how `build` fills
/// a parameter, so a file of a model does not have it.
using Initializer = std::variant<VarianceScaling, RandomUniform, RandomNormal, TruncatedNormal, Orthogonal, Constant>;

/// Throws ArgumentError for an Orthogonal vector, and as `fill_scaled`. `first` is the number of the first element, of
/// initialisers that fill by element.
template <class T>
void fill(T* values, const Shape& shape, const Initializer& initializer, Seed seed, Index first = 0) {
    if (const auto* scaling = std::get_if<VarianceScaling>(&initializer))
        return fill_scaled(values, shape, *scaling, seed);
    if (const auto* uniform = std::get_if<RandomUniform>(&initializer))
        return fill_uniform(values, shape, uniform->limit, seed, first);
    if (const auto* normal = std::get_if<RandomNormal>(&initializer))
        return fill_normal(values, shape, normal->stddev, seed, first);
    if (const auto* truncated = std::get_if<TruncatedNormal>(&initializer))
        return fill_truncated_normal(values, shape, truncated->stddev, seed, first);
    if (const auto* constant = std::get_if<Constant>(&initializer))
        return static_cast<void>(std::fill_n(values, shape.size(), static_cast<T>(constant->value)));
    fill_orthogonal(values, shape, seed, std::get<Orthogonal>(initializer).gain);
}

namespace detail {
/// Whether an element depends on nothing but its number, so that a part of a tensor can be filled alone.
inline bool fills_by_element(const Initializer& initializer) {
    return !std::holds_alternative<VarianceScaling>(initializer) && !std::holds_alternative<Orthogonal>(initializer);
}
}  // namespace detail

// The same for tensors.
template <class T, int Rank>
void fill_uniform(Tensor<T, Rank>& tensor, double limit, Seed seed) {
    fill_uniform(tensor.data(), view(tensor).shape(), limit, seed);
}
template <class T, int Rank>
void fill_normal(Tensor<T, Rank>& tensor, double stddev, Seed seed) {
    fill_normal(tensor.data(), view(tensor).shape(), stddev, seed);
}
template <class T, int Rank>
void fill_truncated_normal(Tensor<T, Rank>& tensor, double stddev, Seed seed) {
    fill_truncated_normal(tensor.data(), view(tensor).shape(), stddev, seed);
}
template <class T, int Rank>
void fill_scaled(Tensor<T, Rank>& tensor, const VarianceScaling& scaling, Seed seed) {
    fill_scaled(tensor.data(), view(tensor).shape(), scaling, seed);
}
template <class T, int Rank>
void fill_glorot_uniform(Tensor<T, Rank>& tensor, Index fan_in, Index fan_out, Seed seed) {
    fill_glorot_uniform(tensor.data(), view(tensor).shape(), fan_in, fan_out, seed);
}
template <class T, int Rank>
void fill_orthogonal(Tensor<T, Rank>& tensor, Seed seed, double gain = 1) {
    fill_orthogonal(tensor.data(), view(tensor).shape(), seed, gain);
}
template <class T, int Rank>
void fill(Tensor<T, Rank>& tensor, const Initializer& initializer, Seed seed) {
    fill(tensor.data(), view(tensor).shape(), initializer, seed);
}
template <class T, int Rank>
Fans fans(const Tensor<T, Rank>& tensor) {
    return fans(view(tensor).shape());
}

DEEPREC_END
