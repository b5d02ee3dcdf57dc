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
class Dropout : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        bool trained = false;
        Shape shape;  // of y
        Buffer<T> multipliers, y, dx;
    };

    /// Throws ArgumentError unless 0 <= rate <= 1.
    explicit Dropout(double rate) : rate_(rate) { check_options(); }
    /// As the constructor, for options from a file.
    void check_options() const {
        if (!(rate_ >= 0 && rate_ <= 1))
            throw ArgumentError(message("Dropout: expected a rate from 0 to 1, received ", rate_));
    }

    static constexpr std::string_view name() { return "Dropout"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "Dropout: the input must have the scalar type of the layer");
        return Rank;
    }
    Shape build(const Shape& in, Seed) { return in; }

    template <class X, class Mode = Inference>
    auto forward(const X& input, Cache& cache, Mode mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        cache.trained = Mode::training;
        if constexpr (Mode::training) {
            const Index n = x.size(), rows = x.extent(0);
            cache.shape = x.shape();
            T* m = cache.multipliers.need(n);
            T* y = cache.y.need(n);
            const double keep = Mode::predicts ? 1 : 1 - rate_;
            kernels::draw_multipliers<T>(mode.seed, mode.first_row, rows, rows ? n / rows : 0, keep,
                                         static_cast<T>(keep > 0 ? 1 / keep : 0), m);
            kernels::multiply<T>(x.data(), m, y, n);
            return View<const T, rank_of<X>>{y, x.extents(), x.mask};
        } else {
            return x;
        }
    }
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained ? &cache : nullptr);
        detail::check_gradient(name(), cache.shape, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            View<T, rank_of<DY>> dx{cache.dx.need(d.size()), d.extents()};
            kernels::multiply<T>(d.data(), cache.multipliers.data(), dx.data(), d.size());
            return dx;
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("rate", self.rate_);
    }

private:
    double rate_ = 0;
};

Dropout(double) -> Dropout<float>;

DEEPREC_END
