/// Layer normalisation.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/layer_norm.hpp>

DEEPREC_BEGIN

/// Of LayerNorm: `LayerNorm{{.epsilon = 1e-5}}`.
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
class LayerNorm : public BasicLayer<LayerNorm<T>, T> {
    using Base = BasicLayer<LayerNorm, T>;
    using Base::features_;

public:
    using Scalar = T;
    struct Parameters {
        Tensor<T, 1> gamma, beta;  ///< [F]; empty without
    };
    using Gradients = Parameters;
    struct Cache : LayerCache {
        const T* x = nullptr;
        Buffer<T> mean, inverse, y, dx;
    };
    DEEPREC_LAYER("LayerNorm", features, Rank)

    LayerNorm() = default;
    /// Throws ArgumentError unless epsilon is positive.
    explicit LayerNorm(LayerNormOptions options) : options_(options) { check(); }
    void check() const {
        if (!(options_.epsilon > 0))
            throw ArgumentError(message("LayerNorm: expected a positive epsilon, received ", options_.epsilon));
    }
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("epsilon", options_.epsilon);
        f.option("center", options_.center);
        f.option("scale", options_.scale);
        f.parameter("gamma", parameters_.gamma, {options_.scale ? features_ : 0}, Constant{1}, g.gamma);
        f.parameter("beta", parameters_.beta, {options_.center ? features_ : 0}, Constant{0}, g.beta);
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        const Index rows = x.rows();
        T* const y = cache.y.need(x.size());
        kernels::layer_norm<T>(x.data, rows, features_,
                               {parameters_.gamma.data(), parameters_.beta.data(), static_cast<T>(options_.epsilon)},
                               cache.mean.need(rows), cache.inverse.need(rows), y);
        cache.x = x.data;
        return {y, x.shape, x.mask};
    }

    /// With x^ = (x - mean) / sqrt(variance + epsilon) and g = dy gamma: dgamma += sum of dy x^, dbeta += sum of dy,
    /// dx = (g - mean of g - x^ mean of (g x^)) / sqrt(variance + epsilon).
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        T* const dx = want_dx ? cache.dx.need(dy.size()) : nullptr;
        kernels::layer_norm_backward<T>(dy.data, cache.x, dy.rows(), features_, parameters_.gamma.data(),
                                        cache.mean.data(), cache.inverse.data(),
                                        {gradients.gamma.data(), gradients.beta.data(), dx});
        return {dx, dy.shape};
    }

    const Parameters& parameters() const { return parameters_; }

private:
    LayerNormOptions options_;
    Parameters parameters_;
};

LayerNorm() -> LayerNorm<float>;
LayerNorm(LayerNormOptions) -> LayerNorm<float>;

DEEPREC_END
