/// Joins time and features.
#pragma once

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// [B, T, F] -> [B, T*F], the same memory. Ends a mask, as Keras' Flatten.
template <class T = float>
class Flatten : public BasicLayer<Flatten<T>, T> {
public:
    using Scalar = T;
    struct Cache : LayerCache {
        Shape in;
    };
    DEEPREC_LAYER("Flatten", sequence, 2)

    Shape prepare(const Shape& in) const { return {in.size()}; }
    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        cache.in = x.shape;
        return {x.data, {x.batch(), x.time() * x.last()}};
    }
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool) const {
        return {dy.data, cache.in};
    }
};

Flatten() -> Flatten<float>;

DEEPREC_END
