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
class SpatialDropout1D : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        bool trained = false;
        Shape shape;  // of y
        Buffer<T> multipliers, y, dx;
    };

    /// Throws ArgumentError unless 0 <= rate <= 1.
    explicit SpatialDropout1D(double rate) : rate_(rate) { check_options(); }
    /// As the constructor, for options from a file.
    void check_options() const {
        if (!(rate_ >= 0 && rate_ <= 1))
            throw ArgumentError(message("SpatialDropout1D: expected a rate from 0 to 1, received ", rate_));
    }

    static constexpr std::string_view name() { return "SpatialDropout1D"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "SpatialDropout1D: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3,
                      "SpatialDropout1D: the input must be [batch, time, features], rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        return in;
    }

    template <class X, class Mode = Inference>
    auto forward(const X& input, Cache& cache, Mode mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        cache.trained = Mode::training;
        if constexpr (Mode::training) {
            const double keep = Mode::predicts ? 1 : 1 - rate_;
            const Index batch = x.extent(0), width = x.last();
            cache.shape = x.shape();
            T* y = cache.y.need(x.size());
            kernels::draw_multipliers<T>(mode.seed, mode.first_row, batch, width, keep,
                                         static_cast<T>(keep > 0 ? 1 / keep : 0),
                                         cache.multipliers.need(batch * width));
            multiply(x, cache, y);
            return View<const T, 3>{y, x.extents(), x.mask};
        } else {
            return x;
        }
    }
    /// dx = dy m.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained ? &cache : nullptr);
        detail::check_gradient(name(), cache.shape, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            View<T, 3> dx{cache.dx.need(d.size()), d.extents()};
            multiply(d, cache, dx.data());
            return dx;
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("rate", self.rate_);
    }

private:
    template <class X>
    static void multiply(const X& x, const Cache& cache, T* y) {
        const Index width = x.last(), steps = x.extent(1), rows = x.rows();
        for (Index r = 0; r < rows; ++r)
            kernels::multiply<T>(x.data() + r * width, cache.multipliers.data() + r / steps * width, y + r * width,
                                 width);
    }

    double rate_ = 0;
};

SpatialDropout1D(double) -> SpatialDropout1D<float>;

DEEPREC_END
