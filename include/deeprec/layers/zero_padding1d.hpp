/// Steps of zeros before and behind a sequence.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/core/window.hpp>

DEEPREC_BEGIN

/// y = x with `left` steps of zeros before it and `right` behind it, as Keras' ZeroPadding1D: `ZeroPadding1D{1, 2}`, or
/// `ZeroPadding1D{1}` for both sides.
///
/// Shapes: x [B, T, F] -> y [B, left + T + right, F]. A mask travels on and leaves the new steps out (Keras ends it).
template <class T = float>
class ZeroPadding1D : public BasicLayer<ZeroPadding1D<T>, T> {
public:
    using Scalar = T;
    struct Cache : LayerCache {
        Buffer<std::uint8_t> keep;
        Buffer<T> y, dx;
    };
    DEEPREC_LAYER("ZeroPadding1D", sequence, 3)

    ZeroPadding1D() = default;
    /// Throws ArgumentError for a negative number of steps, or more than 2^20.
    ZeroPadding1D(Index left, Index right) : left_(left), right_(right) { check(); }
    explicit ZeroPadding1D(Index both) : ZeroPadding1D(both, both) {}
    void check() const {
        if (left_ < 0 || right_ < 0)
            throw ArgumentError(message(name(), ": expected no negative padding, received ", left_, ", ", right_));
        detail::check_at_most(name(), "left padding", left_, longest_window);
        detail::check_at_most(name(), "right padding", right_, longest_window);
    }
    Shape prepare(const Shape& in) const { return {left_ + in[0] + right_, in[1]}; }
    void fields(Fields<T>& f, NoParameters&) {
        f.option("left", left_);
        f.option("right", right_);
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        const Index batch = x.batch(), time = x.time(), width = x.last(), steps = left_ + time + right_;
        Block<T> y{cache.y.need(batch * steps * width), {batch, steps, width}};
        pad(x.data, batch, time, width, y.data);
        if (x.mask) {
            std::uint8_t* keep = cache.keep.need(batch * steps);
            pad(x.mask.keep, batch, time, 1, keep);
            y.mask = Mask{keep};
        }
        return y;
    }
    /// dx = dy without the padding.
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        const Index batch = dy.batch(), steps = dy.time(), width = dy.last(), time = steps - left_ - right_;
        Block<T> dx{nullptr, {batch, time, width}};
        if (!want_dx) return dx;
        dx.data = cache.dx.need(dx.size());
        for (Index b = 0; b < batch; ++b)
            std::copy_n(dy.data + (b * steps + left_) * width, time * width, dx.data + b * time * width);
        return dx;
    }

private:
    template <class E>
    void pad(const E* x, Index batch, Index time, Index width, E* y) const {
        for (Index b = 0; b < batch; ++b, x += time * width) {
            y = std::fill_n(y, left_ * width, E(0));
            y = std::copy_n(x, time * width, y);
            y = std::fill_n(y, right_ * width, E(0));
        }
    }

    Index left_ = 0, right_ = 0;
};

ZeroPadding1D(Index, Index) -> ZeroPadding1D<float>;
ZeroPadding1D(Index) -> ZeroPadding1D<float>;

DEEPREC_END
