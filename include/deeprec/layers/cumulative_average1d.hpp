/// The average of a sequence so far, at each of its steps.
#pragma once

#include <algorithm>

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// y[b, t, f] = mean of x[b, s, f] over s <= t: what somebody likes on the whole, as the item similarity models see it
/// (FISM, Kabbur et al. 2013), where a recurrent or convolutional tower sees the order. Causal: use it in towers that
/// train every prefix of a sequence.
///
///     Sequential{Residual{Sequential{CumulativeAverage1D{}, Dense{64}}}, Residual{Sequential{LSTM{128}, Dense{64}}}}
///
/// Shapes: x [B, T, F] -> y [B, T, F]. Under a mask the mean is over the kept steps; it is 0 before the first one. The
/// mask travels on.
template <class T = float>
class CumulativeAverage1D : public BasicLayer<CumulativeAverage1D<T>, T> {
public:
    using Scalar = T;
    struct Cache : LayerCache {
        Mask mask;
        Buffer<T> sum, y, dx;
    };
    DEEPREC_LAYER("CumulativeAverage1D", sequence, 3)

    Shape prepare(const Shape& in) const { return in; }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        const Index steps = x.time(), width = x.last();
        T *sum = cache.sum.need(width), *y = cache.y.need(x.size());
        std::fill_n(y, x.size(), T(0));
        for (Index b = 0; b < x.batch(); ++b) {
            std::fill_n(sum, width, T(0));
            Index count = 0;
            for (Index t = 0; t < steps; ++t) {
                const Index row = b * steps + t;
                if (kept(x.mask, row)) {
                    kernels::add<T>(x.data + row * width, sum, width);
                    ++count;
                }
                if (count > 0) kernels::axpy<T>(T(1) / static_cast<T>(count), sum, y + row * width, width);
            }
        }
        cache.mask = x.mask;
        return {y, x.shape, x.mask};
    }
    /// dx[b, s, f] = sum over t >= s of dy[b, t, f] / (kept steps up to t), 0 for a masked s.
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        if (!want_dx) return {nullptr, dy.shape};
        const Index steps = dy.time(), width = dy.last();
        T *sum = cache.sum.need(width), *dx = cache.dx.need(dy.size());
        std::fill_n(dx, dy.size(), T(0));
        for (Index b = 0; b < dy.batch(); ++b) {
            std::fill_n(sum, width, T(0));
            Index count = 0;
            for (Index t = 0; t < steps; ++t) count += kept(cache.mask, b * steps + t);
            for (Index t = steps; t-- > 0 && count > 0;) {
                const Index row = b * steps + t;
                kernels::axpy<T>(T(1) / static_cast<T>(count), dy.data + row * width, sum, width);
                if (!kept(cache.mask, row)) continue;
                std::copy_n(sum, width, dx + row * width);
                --count;
            }
        }
        return {dx, dy.shape};
    }

private:
    static bool kept(Mask mask, Index row) { return !mask || mask.keep[row] != 0; }
};

CumulativeAverage1D()->CumulativeAverage1D<float>;

DEEPREC_END
