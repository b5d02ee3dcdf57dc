/// Batch normalisation.
#pragma once

#include <array>
#include <cmath>

#include <deeprec/core/layer.hpp>
#include <deeprec/core/moving_average.hpp>
#include <deeprec/kernels/simd/batch_norm.hpp>

DEEPREC_BEGIN

/// How the moving statistics move. keras: new = momentum old + (1 - momentum) batch, with the biased variance of the
/// batch; torch: new = (1 - momentum) old + momentum batch, with the unbiased variance. Numbers in the options stay as
/// given: PyTorch's defaults are momentum 0.1 and epsilon 1e-5.
enum class BatchNormRule { keras, torch };
inline constexpr std::array<std::string_view, 2> batch_norm_rule_names{"keras", "torch"};

/// Of BatchNorm: `BatchNorm{{.momentum = 0.9}}`.
struct BatchNormOptions {
    double momentum = 0.99;  ///< how slowly the moving statistics move, by `rule`
    double epsilon = 1e-3;   ///< added to the variance
    bool center = true;  ///< beta
    bool scale = true;   ///< gamma
    BatchNormRule rule = BatchNormRule::keras;  ///< whose momentum and whose variance
    bool frozen_statistics = false;  ///< training uses the moving statistics too and leaves them, for fine-tuning
};

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta for each feature, over all axes but the last (Ioffe & Szegedy
/// 2015), as Keras' BatchNormalization. Inference takes mean and variance from `moving_mean` and `moving_variance`;
/// training takes those of the rows at hand, and the next step of the optimizer moves the moving ones towards them.
///
/// Shapes: x [B, ..., F] -> y of the same shape; `gamma` [F] (ones), `beta` [F] (zeros); states `moving_mean` [F]
/// (zeros) and `moving_variance` [F] (ones). The mask of a sequence [B, T, F] travels on, and masked steps are in no
/// statistics. In training a sample's result depends on the samples beside it, and `fit` shows a layer one shard of the
/// batch at a time (batches up to 32 are one shard): each normalises with its own statistics (ghost batch
/// normalisation, Hoffer et al. 2017), and the moving ones follow the shards' mean weighted by rows, the variance being
/// that within the shards.
template <class T = float>
class BatchNorm : public BasicLayer<BatchNorm<T>, T> {
    using Base = BasicLayer<BatchNorm, T>;
    using Base::features_;

public:
    using Scalar = T;
    struct Parameters {
        Tensor<T, 1> gamma, beta;  ///< [F]
    };
    struct Gradients : Parameters {
        MovingAverage<T> moving_mean, moving_variance;
    };
    struct Cache : LayerCache {
        const T* x = nullptr;
        const std::uint8_t* keep = nullptr;
        Index counted = 0;  // rows in the statistics, 0 for moving ones
        Buffer<T> mean, variance, inverse, y, dx;
    };
    DEEPREC_LAYER("BatchNorm", features, Rank)

    BatchNorm() = default;
    /// Throws ArgumentError unless epsilon is positive and momentum in [0, 1].
    explicit BatchNorm(BatchNormOptions options) : options_(options) { check(); }
    void check() const {
        if (!(options_.epsilon > 0))
            throw ArgumentError(message("BatchNorm: expected a positive epsilon, received ", options_.epsilon));
        if (!(options_.momentum >= 0 && options_.momentum <= 1))
            throw ArgumentError(message("BatchNorm: expected momentum in [0, 1], received ", options_.momentum));
    }
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("momentum", options_.momentum);
        f.option("epsilon", options_.epsilon);
        f.option("center", options_.center);
        f.option("scale", options_.scale);
        f.choice("rule", options_.rule, batch_norm_rule_names);
        f.option("frozen_statistics", options_.frozen_statistics);
        f.parameter("gamma", parameters_.gamma, {options_.scale ? features_ : 0}, Constant{1}, g.gamma);
        f.parameter("beta", parameters_.beta, {options_.center ? features_ : 0}, Constant{0}, g.beta);
        const double keep = options_.rule == BatchNormRule::keras ? options_.momentum : 1 - options_.momentum;
        f.state("moving_mean", moving_mean_, features_, 0, keep, g.moving_mean);
        f.state("moving_variance", moving_variance_, features_, 1, keep, g.moving_variance);
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        T *mean = cache.mean.need(features_), *variance = cache.variance.need(features_);
        cache.keep = x.shape.rank() == 3 ? x.mask.keep : nullptr;
        cache.counted = 0;
        if (pass.predicts || options_.frozen_statistics) {
            std::copy_n(moving_mean_.data(), features_, mean);
            std::copy_n(moving_variance_.data(), features_, variance);
        } else {
            cache.counted = kernels::column_statistics<T>(x.data, cache.keep, x.rows(), features_, mean, variance);
        }
        T* inverse = cache.inverse.need(features_);
        for (Index j = 0; j < features_; ++j)
            inverse[j] = T(1) / std::sqrt(variance[j] + static_cast<T>(options_.epsilon));
        T* const y = cache.y.need(x.size());
        kernels::batch_norm<T>(x.data, x.rows(), features_, mean, inverse, parameters_.gamma.data(),
                               parameters_.beta.data(), y);
        cache.x = x.data;
        return {y, x.shape, x.mask};
    }

    /// With x^ = (x - mean) / sqrt(variance + epsilon) and g = dy gamma: dgamma += sum of dy x^, dbeta += sum of dy,
    /// dx = g / sqrt(variance + epsilon), and g - mean of g - x^ mean of (g x^) in place of g where the statistics are
    /// of these rows.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        T* const dx = want_dx ? cache.dx.need(dy.size()) : nullptr;
        kernels::batch_norm_backward<T>({dy.rows(), features_, cache.keep, cache.counted}, dy.data, cache.x,
                                        parameters_.gamma.data(), cache.mean.data(), cache.inverse.data(),
                                        {gradients.gamma.data(), gradients.beta.data(), dx});
        if (cache.counted > 0) {
            gradients.moving_mean.add(cache.mean.data(), cache.counted, cache.counted);
            // torch: the sum of squares over n - 1; a single row says nothing about the variance
            gradients.moving_variance.add(cache.variance.data(), cache.counted,
                                          cache.counted - (options_.rule == BatchNormRule::torch));
        }
        return {dx, dy.shape};
    }

    const Parameters& parameters() const { return parameters_; }
    /// [F], what inference takes for the mean.
    const Tensor<T, 1>& moving_mean() const { return moving_mean_; }
    /// [F], what inference takes for the variance.
    const Tensor<T, 1>& moving_variance() const { return moving_variance_; }

private:
    BatchNormOptions options_;
    Parameters parameters_;
    Tensor<T, 1> moving_mean_, moving_variance_;
};

BatchNorm() -> BatchNorm<float>;
BatchNorm(BatchNormOptions) -> BatchNorm<float>;

DEEPREC_END
