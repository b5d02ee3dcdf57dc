/// Dropout of whole features of a sequence.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/dropout.hpp>

DEEPREC_BEGIN

/// Training: y[b, t, f] = x[b, t, f] m[b, f] with m = 1 / (1 - rate) with probability 1 - rate, else 0, for each
/// feature of a sample on its own and all its steps together (Tompson et al. 2015, as Keras' SpatialDropout1D).
/// Inference: y is x, the same memory.
///
/// Shapes: x [B, T, F] -> y [B, T, F]. A mask travels on. m is a pure function of the step's seed, the place of the
/// sample in its batch and the feature: shards and threads do not change it.
template <class T = float>
class SpatialDropout1D : public BasicLayer<SpatialDropout1D<T>, T> {
public:
    using Scalar = T;
    struct Cache : LayerCache {
        Buffer<T> multipliers, y, dx;
    };
    DEEPREC_LAYER("SpatialDropout1D", sequence, 3)

    SpatialDropout1D() = default;
    /// Throws ArgumentError unless 0 <= rate <= 1.
    explicit SpatialDropout1D(double rate) : rate_(rate) { check(); }
    void check() const { detail::check_rate(name(), rate_); }
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, NoParameters&) { f.option("rate", rate_); }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        if (!pass.training) return x;
        const double keep = pass.predicts ? 1 : 1 - rate_;
        kernels::draw_multipliers<T>(pass.seed, pass.first_row, x.batch(), x.last(), keep,
                                     static_cast<T>(keep > 0 ? 1 / keep : 0),
                                     cache.multipliers.need(x.batch() * x.last()));
        return {multiply(x, cache, cache.y), x.shape, x.mask};
    }
    /// dx = dy m.
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        return {want_dx ? multiply(dy, cache, cache.dx) : nullptr, dy.shape};
    }

private:
    static const T* multiply(const Block<const T>& x, const Cache& cache, Buffer<T>& product) {
        const Index width = x.last(), steps = x.time(), rows = x.rows();
        T* const y = product.need(x.size());
        for (Index r = 0; r < rows; ++r)
            kernels::multiply<T>(x.data + r * width, cache.multipliers.data() + r / steps * width, y + r * width,
                                 width);
        return y;
    }

    double rate_ = 0;
};

SpatialDropout1D(double) -> SpatialDropout1D<float>;

DEEPREC_END
