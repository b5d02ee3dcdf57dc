/// Random zeros in training.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/dropout.hpp>

DEEPREC_BEGIN

/// Training: y = x * m with m = 1 / (1 - rate) with probability 1 - rate, else 0, for each element on its own
/// (Srivastava et al. 2014, inverted as in Keras). Inference: y is x, the same memory.
///
/// Shapes: x [B, ...] -> y of the same shape. A mask travels on. m is a pure function of the step's seed, the place of the
/// sample in its batch and the place of the element in the sample: shards and threads do not change it.
template <class T = float>
class Dropout : public BasicLayer<Dropout<T>, T> {
public:
    using Scalar = T;
    struct Cache : LayerCache {
        Buffer<T> multipliers, y, dx;
    };
    DEEPREC_LAYER("Dropout", features, Rank)

    Dropout() = default;
    /// Throws ArgumentError unless 0 <= rate <= 1.
    explicit Dropout(double rate) : rate_(rate) { check(); }
    void check() const { detail::check_rate(name(), rate_); }
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, NoParameters&) { f.option("rate", rate_); }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        if (!pass.training) return x;
        const Index n = x.size(), rows = x.batch();
        T* m = cache.multipliers.need(n);
        T* y = cache.y.need(n);
        const double keep = pass.predicts ? 1 : 1 - rate_;
        kernels::draw_multipliers<T>(pass.seed, pass.first_row, rows, rows ? n / rows : 0, keep,
                                     static_cast<T>(keep > 0 ? 1 / keep : 0), m);
        kernels::multiply<T>(x.data, m, y, n);
        return {y, x.shape, x.mask};
    }
    /// dx = dy m.
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        if (!want_dx) return {nullptr, dy.shape};
        T* dx = cache.dx.need(dy.size());
        kernels::multiply<T>(dy.data, cache.multipliers.data(), dx, dy.size());
        return {dx, dy.shape};
    }

private:
    double rate_ = 0;
};

Dropout(double) -> Dropout<float>;

DEEPREC_END
