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
class CumulativeAverage1D : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        bool trained = false;
        Mask mask;
        Shape shape;  // of y
        Buffer<T> sum, y, dx;
    };

    static constexpr std::string_view name() { return "CumulativeAverage1D"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "CumulativeAverage1D: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3,
                      "CumulativeAverage1D: the input must be [batch, time, features], rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        return in;
    }

    template <class X, class Mode = Inference>
    View<const T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index steps = x.extent(1), width = x.last();
        T *sum = cache.sum.need(width), *y = cache.y.need(x.size());
        std::fill_n(y, x.size(), T(0));
        for (Index b = 0; b < x.extent(0); ++b) {
            std::fill_n(sum, width, T(0));
            Index count = 0;
            for (Index t = 0; t < steps; ++t) {
                const Index row = b * steps + t;
                if (kept(x.mask, row)) {
                    kernels::add<T>(x.data() + row * width, sum, width);
                    ++count;
                }
                if (count > 0) kernels::axpy<T>(T(1) / static_cast<T>(count), sum, y + row * width, width);
            }
        }
        cache.trained = Mode::training;
        if constexpr (Mode::training) cache.shape = x.shape();
        cache.mask = x.mask;
        return {y, x.extents(), x.mask};
    }
    /// dx[b, s, f] = sum over t >= s of dy[b, t, f] / (kept steps up to t), 0 for a masked s.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained ? &cache : nullptr);
        detail::check_gradient(name(), cache.shape, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            const Index steps = d.extent(1), width = d.last();
            T *sum = cache.sum.need(width), *dx = cache.dx.need(d.size());
            std::fill_n(dx, d.size(), T(0));
            for (Index b = 0; b < d.extent(0); ++b) {
                std::fill_n(sum, width, T(0));
                Index count = 0;
                for (Index t = 0; t < steps; ++t) count += kept(cache.mask, b * steps + t);
                for (Index t = steps; t-- > 0 && count > 0;) {
                    const Index row = b * steps + t;
                    kernels::axpy<T>(T(1) / static_cast<T>(count), d.data() + row * width, sum, width);
                    if (!kept(cache.mask, row)) continue;
                    std::copy_n(sum, width, dx + row * width);
                    --count;
                }
            }
            return View<T, 3>{dx, d.extents()};
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor&, Self&) {}

private:
    static bool kept(Mask mask, Index row) { return !mask || mask.keep[row] != 0; }
};

DEEPREC_END
