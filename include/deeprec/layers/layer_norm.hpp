/// Layer normalisation.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/layer_norm.hpp>

DEEPREC_BEGIN

struct LayerNormOptions {
    double epsilon = 1e-3;  ///< PyTorch's default is 1e-5
    bool center = true;     ///< beta
    bool scale = true;      ///< gamma
};

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and biased variance of the last axis of x (Ba et al.
/// 2016), as Keras' LayerNormalization.
///
/// Shapes: x [B, ..., F] -> y of the same shape; `gamma` [F] (ones), `beta` [F] (zeros). A mask travels on.
template <class T = float>
class LayerNorm {
public:
    using Scalar = T;
    using InputElement = T;
    struct Parameters {
        Tensor<T, 1> gamma, beta;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("gamma", sets.gamma...);
            visitor("beta", sets.beta...);
        }
    };
    using Gradients = Parameters;
    struct Cache {
        const T* x = nullptr;
        Shape shape;  // of y
        Buffer<T> mean, inverse, y, dx;
    };

    /// Throws ArgumentError unless epsilon is positive.
    explicit LayerNorm(LayerNormOptions options = {}) : options_(options) { check_options(); }
    /// As the constructor, for options from a file.
    void check_options() const {
        if (!(options_.epsilon > 0))
            throw ArgumentError(message("LayerNorm: expected a positive epsilon, received ", options_.epsilon));
    }

    static constexpr std::string_view name() { return "LayerNorm"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "LayerNorm: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank >= 2,
                      "LayerNorm: the input must be [batch, ..., features], rank 2 or more");
        return Rank;
    }
    Shape build(const Shape& in, Seed) {
        if (in.rank() < 1) throw ShapeError("LayerNorm: expected samples of shape [..., features], received []");
        features_ = in.back();
        detail::check_positive(name(), "number of input features", features_);
        parameters_.gamma.resize(options_.scale ? features_ : 0);
        parameters_.gamma.setConstant(T(1));
        parameters_.beta.resize(options_.center ? features_ : 0);
        parameters_.beta.setZero();
        return in;
    }

    template <class X, class Mode = Inference>
    View<T, rank_of<X>> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        detail::check_extent(name(), "input features", features_, x.last());
        const Index rows = x.rows();
        View<T, rank_of<X>> y{cache.y.need(x.size()), x.extents(), x.mask};
        kernels::layer_norm<T>(x.data(), rows, features_, parameters_.gamma.data(), parameters_.beta.data(),
                               static_cast<T>(options_.epsilon), cache.mean.need(rows), cache.inverse.need(rows),
                               y.data());
        cache.x = Mode::training ? x.data() : nullptr;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }

    /// With x^ = (x - mean) / sqrt(variance + epsilon) and g = dy gamma: dgamma += sum of dy x^, dbeta += sum of dy,
    /// dx = (g - mean of g - x^ mean of (g x^)) / sqrt(variance + epsilon).
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        T* dx = Want == InputGradient::skip ? nullptr : cache.dx.need(d.size());
        kernels::layer_norm_backward<T>(d.data(), cache.x, d.rows(), features_, parameters_.gamma.data(),
                                        cache.mean.data(), cache.inverse.data(), gradients.gamma.data(),
                                        gradients.beta.data(), dx);
        if constexpr (Want == InputGradient::skip)
            return NoGradient{};
        else
            return View<T, rank_of<DY>>{dx, d.extents()};
    }

    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return zeros_like(parameters_); }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("epsilon", self.options_.epsilon);
        visitor("center", self.options_.center);
        visitor("scale", self.options_.scale);
    }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }

private:
    LayerNormOptions options_;
    Index features_ = 0;
    Parameters parameters_;
};

LayerNorm() -> LayerNorm<float>;
LayerNorm(LayerNormOptions) -> LayerNorm<float>;

DEEPREC_END
