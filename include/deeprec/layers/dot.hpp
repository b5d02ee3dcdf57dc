/// Heads that score a pair of vectors: Dot and Cosine.
#pragma once

#include <cmath>

#include <deeprec/core/inputs.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

namespace detail {
/// score[b*G + j] = scale <u[b], v[b / block * G + j]>, of vectors divided by their lengths if `normalize` (v * rsqrt(max(sum v^2, 1e-12)),
/// Keras' rule).
template <class T>
class PairScore {
public:
    struct Cache {
        const T *u = nullptr, *v = nullptr;
        Index users = 0, items = 0, width = 0, block = 1;
        Buffer<T> y, cosine, inverse_u, inverse_v, du, dv;
    };

    static Shape size(std::string_view name, const Shape& u, const Shape& v) {
        if (u.rank() != 1 || u != v)
            throw ShapeError(message(name, ": expected two vectors of one width, received ", u, " and ", v));
        return {1};
    }
    static View<const T, 2> forward(std::string_view name, const View<const T, 2>& u, const View<const T, 2>& v,
                                    Index block, T scale, bool normalize, bool training, Cache& cache) {
        check_extent(name, "features", u.last(), v.last());
        const Index users = u.extent(0), items = v.extent(0), width = u.last();
        const Index candidates = candidates_per_user(users, items, block), pairs = users * candidates;
        const T* iu = normalize ? inverse_lengths(u, cache.inverse_u) : nullptr;
        const T* iv = normalize ? inverse_lengths(v, cache.inverse_v) : nullptr;
        T* cosine = cache.cosine.need(pairs);
        T* y = cache.y.need(pairs);
        for (Index r = 0; r < pairs; ++r) {
            const Index b = r / candidates, i = b / block * candidates + r % candidates;
            cosine[r] = kernels::dot<T>(u.data() + b * width, v.data() + i * width, width);
            if (normalize) cosine[r] *= iu[b] * iv[i];
            y[r] = scale * cosine[r];
        }
        cache.u = training ? u.data() : nullptr;
        cache.v = v.data();
        cache.users = users;
        cache.items = items;
        cache.width = width;
        cache.block = block;
        return {y, {pairs, 1}};
    }
    /// By u: scale dy v, or scale dy (v/|v| - cosine u/|u|) / |u|; by v with the roles changed.
    static Pair<View<const T, 2>, View<const T, 2>> backward(std::string_view name, const View<const T, 2>& dy, T scale,
                                                             bool normalize, Cache& cache) {
        check_trained(name, cache.u != nullptr);
        const Index width = cache.width, candidates = candidates_per_user(cache.users, cache.items, cache.block);
        check_gradient(name, Shape{cache.users * candidates, 1}, dy.shape());
        T* const du = cache.du.need_zeros(cache.users * width);
        T* const dv = cache.dv.need_zeros(cache.items * width);
        for (Index r = 0; r < cache.users * candidates; ++r) {
            const Index b = r / candidates, i = b / cache.block * candidates + r % candidates;
            const T *u = cache.u + b * width, *v = cache.v + i * width;
            const T iu = normalize ? cache.inverse_u.data()[b] : T(1), iv = normalize ? cache.inverse_v.data()[i] : T(1);
            const T g = scale * dy.data()[r];
            kernels::axpy<T>(g * iu * iv, v, du + b * width, width);
            kernels::axpy<T>(g * iu * iv, u, dv + i * width, width);
            if (!normalize) continue;
            const T along = g * cache.cosine.data()[r];
            if (iu < largest_inverse()) kernels::axpy<T>(-along * iu * iu, u, du + b * width, width);
            if (iv < largest_inverse()) kernels::axpy<T>(-along * iv * iv, v, dv + i * width, width);
        }
        return {View<const T, 2>{du, {cache.users, width}}, View<const T, 2>{dv, {cache.items, width}}};
    }

private:
    /// That of vectors too short to have a direction.
    static T largest_inverse() { return T(1) / std::sqrt(T(1e-12)); }
    static const T* inverse_lengths(const View<const T, 2>& x, Buffer<T>& out) {
        T* inverse = out.need(x.extent(0));
        for (Index r = 0; r < x.extent(0); ++r) {
            const T* row = x.data() + r * x.last();
            inverse[r] = T(1) / std::sqrt(std::max(T(1e-12), kernels::dot<T>(row, row, x.last())));
        }
        return inverse;
    }
};
}  // namespace detail

/// score = <u, v> as Keras' Dot(axes=-1): a head for TwoTower. With `.normalize = true` the cosine of the vectors.
///
/// Shapes: u [B, D], v [B / block * G, D] -> [B*G, 1], who meets what as in Pair. `Dot{}` is `BasicDot<float>`.
template <class T>
struct BasicDot {
    bool normalize = false;  ///< divides both vectors by their lengths first

    using PairTag = void;  // see PairHead in models/pair_head.hpp
    using Scalar = T;
    using FinalActivation = Linear;
    using Cache = typename detail::PairScore<T>::Cache;
    using Gradients = NoParameters;

    static constexpr std::string_view name() { return "Dot"; }
    /// Throws ShapeError unless both vectors have one width.
    Shape size(const Shape& u, const Shape& v) const { return detail::PairScore<T>::size(name(), u, v); }
    Shape build(const Shape& u, const Shape& v, Seed) const { return size(u, v); }
    void fields(Fields<T>& f, NoParameters&) { f.option("normalize", normalize); }
    /// For indexes: scores are this times the inner products of the vectors, each divided by its length if
    /// `normalize_rows`.
    T inner_scale() const { return T(1); }
    /// Whether an index divides the vectors by their lengths.
    bool normalize_rows() const { return normalize; }
    void parameters_changed() {}
    NoParameters zero_gradients() const { return {}; }

    template <class U, class V>
    View<const T, 2> forward(const U& u, const V& v, Index block, Cache& cache, const Pass& pass = {}) const {
        return detail::PairScore<T>::forward(name(), view(u), view(v), block, T(1), normalize, pass.training, cache);
    }
    /// Pair{dL/du, dL/dv}.
    template <class DY>
    Pair<View<const T, 2>, View<const T, 2>> backward(const DY& dy, Cache& cache, NoParameters&) const {
        return detail::PairScore<T>::backward(name(), view(dy), T(1), normalize, cache);
    }
};
using Dot = BasicDot<float>;

/// score = cos(u, v) / temperature: a head for TwoTower that trains vectors for nearest-neighbour search.
///
/// Shapes as Dot. `Cosine{.temperature = 0.05f}` is `BasicCosine<float>`.
template <class T>
struct BasicCosine {
    T temperature = T(1);  ///< positive; small ones set scores far apart

    using PairTag = void;  // see PairHead in models/pair_head.hpp
    using Scalar = T;
    using FinalActivation = Linear;
    using Cache = typename detail::PairScore<T>::Cache;
    using Gradients = NoParameters;

    static constexpr std::string_view name() { return "Cosine"; }
    /// Throws ShapeError unless both vectors have one width, ArgumentError unless the temperature is positive.
    Shape size(const Shape& u, const Shape& v) const {
        if (!(temperature > T(0)))
            throw ArgumentError(message("Cosine: expected a positive temperature, received ", temperature));
        return detail::PairScore<T>::size(name(), u, v);
    }
    Shape build(const Shape& u, const Shape& v, Seed) const { return size(u, v); }
    void fields(Fields<T>& f, NoParameters&) { f.option("temperature", temperature); }
    /// As of Dot.
    T inner_scale() const { return T(1) / temperature; }
    /// Whether an index divides the vectors by their lengths.
    bool normalize_rows() const { return true; }
    void parameters_changed() {}
    NoParameters zero_gradients() const { return {}; }

    template <class U, class V>
    View<const T, 2> forward(const U& u, const V& v, Index block, Cache& cache, const Pass& pass = {}) const {
        return detail::PairScore<T>::forward(name(), view(u), view(v), block, T(1) / temperature, true, pass.training,
                                             cache);
    }
    /// Pair{dL/du, dL/dv}.
    template <class DY>
    Pair<View<const T, 2>, View<const T, 2>> backward(const DY& dy, Cache& cache, NoParameters&) const {
        return detail::PairScore<T>::backward(name(), view(dy), T(1) / temperature, true, cache);
    }
};
using Cosine = BasicCosine<float>;

DEEPREC_END
