/// Steps of zeros before and behind a sequence.
#pragma once

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// y = x with `left` steps of zeros before it and `right` behind it, as Keras' ZeroPadding1D: `ZeroPadding1D{1, 2}`, or
/// `ZeroPadding1D{1}` for both sides.
///
/// Shapes: x [B, T, F] -> y [B, left + T + right, F]. A mask travels on and leaves the new steps out (Keras ends it).
template <class T = float>
class ZeroPadding1D : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        bool trained = false;
        Shape shape;  // of y
        Buffer<std::uint8_t> keep;
        Buffer<T> y, dx;
    };

    /// Throws ArgumentError for a negative number of steps.
    ZeroPadding1D(Index left, Index right) : left_(left), right_(right) {
        if (left < 0 || right < 0)
            throw ArgumentError(message("ZeroPadding1D: expected no negative padding, received ", left, ", ", right));
    }
    explicit ZeroPadding1D(Index both) : ZeroPadding1D(both, both) {}

    static constexpr std::string_view name() { return "ZeroPadding1D"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "ZeroPadding1D: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3,
                      "ZeroPadding1D: the input must be [batch, time, features], rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        return {left_ + in[0] + right_, in[1]};
    }

    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index batch = x.extent(0), time = x.extent(1), width = x.last(), steps = left_ + time + right_;
        View<T, 3> y{cache.y.need(batch * steps * width), {batch, steps, width}};
        pad(x.data(), batch, time, width, y.data());
        if (x.mask) {
            std::uint8_t* keep = cache.keep.need(batch * steps);
            pad(x.mask.keep, batch, time, 1, keep);
            y.mask = Mask{keep};
        }
        cache.trained = Mode::training;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }
    /// dx = dy without the padding.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained ? &cache : nullptr);
        detail::check_gradient(name(), cache.shape, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            const Index batch = d.extent(0), steps = d.extent(1), width = d.last(), time = steps - left_ - right_;
            View<T, 3> dx{cache.dx.need(batch * time * width), {batch, time, width}};
            for (Index b = 0; b < batch; ++b)
                std::copy_n(d.data() + (b * steps + left_) * width, time * width, dx.data() + b * time * width);
            return dx;
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("left", self.left_);
        visitor("right", self.right_);
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
