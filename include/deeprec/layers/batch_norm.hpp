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

struct BatchNormOptions {
    double momentum = 0.99;
    double epsilon = 1e-3;
    bool center = true;  ///< beta
    bool scale = true;   ///< gamma
    BatchNormRule rule = BatchNormRule::keras;
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
class BatchNorm {
public:
    using Scalar = T;
    using InputElement = T;
    struct Parameters {
        Tensor<T, 1> gamma, beta;
    };
    struct Gradients : Parameters {
        MovingAverage<T> moving_mean, moving_variance;
    };
    struct Cache {
        const T* x = nullptr;
        Shape shape;  // of y
        const std::uint8_t* keep = nullptr;
        Index counted = 0;  // rows in the statistics, 0 for moving ones
        Buffer<T> mean, variance, inverse, y, dx;
    };

    /// Throws ArgumentError unless epsilon is positive and momentum in [0, 1].
    explicit BatchNorm(BatchNormOptions options = {}) : options_(options) { check_options(); }
    /// As the constructor, for options from a file.
    void check_options() const {
        if (!(options_.epsilon > 0))
            throw ArgumentError(message("BatchNorm: expected a positive epsilon, received ", options_.epsilon));
        if (!(options_.momentum >= 0 && options_.momentum <= 1))
            throw ArgumentError(message("BatchNorm: expected momentum in [0, 1], received ", options_.momentum));
    }

    static constexpr std::string_view name() { return "BatchNorm"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "BatchNorm: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank >= 2,
                      "BatchNorm: the input must be [batch, ..., features], rank 2 or more");
        return Rank;
    }
    Shape build(const Shape& in, Seed) {
        if (in.rank() < 1) throw ShapeError("BatchNorm: expected samples of shape [..., features], received []");
        features_ = in.back();
        detail::check_positive(name(), "number of input features", features_);
        parameters_.gamma.resize(options_.scale ? features_ : 0);
        parameters_.gamma.setConstant(T(1));
        parameters_.beta.resize(options_.center ? features_ : 0);
        parameters_.beta.setZero();
        moving_mean_.resize(features_);
        moving_mean_.setZero();
        moving_variance_.resize(features_);
        moving_variance_.setConstant(T(1));
        return in;
    }

    template <class X, class Mode = Inference>
    View<T, rank_of<X>> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        detail::check_extent(name(), "input features", features_, x.last());
        T *mean = cache.mean.need(features_), *variance = cache.variance.need(features_);
        cache.keep = rank_of<X> == 3 ? x.mask.keep : nullptr;
        cache.counted = 0;
        if (Mode::predicts || options_.frozen_statistics) {
            std::copy_n(moving_mean_.data(), features_, mean);
            std::copy_n(moving_variance_.data(), features_, variance);
        } else {
            cache.counted = kernels::column_statistics<T>(x.data(), cache.keep, x.rows(), features_, mean, variance);
        }
        T* inverse = cache.inverse.need(features_);
        for (Index j = 0; j < features_; ++j)
            inverse[j] = T(1) / std::sqrt(variance[j] + static_cast<T>(options_.epsilon));
        View<T, rank_of<X>> y{cache.y.need(x.size()), x.extents(), x.mask};
        kernels::batch_norm<T>(x.data(), x.rows(), features_, mean, inverse, parameters_.gamma.data(),
                               parameters_.beta.data(), y.data());
        cache.x = Mode::training ? x.data() : nullptr;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }

    /// With x^ = (x - mean) / sqrt(variance + epsilon) and g = dy gamma: dgamma += sum of dy x^, dbeta += sum of dy,
    /// dx = g / sqrt(variance + epsilon), and g - mean of g - x^ mean of (g x^) in place of g where the statistics are
    /// of these rows.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        T* dx = Want == InputGradient::skip ? nullptr : cache.dx.need(d.size());
        kernels::batch_norm_backward<T>(d.data(), cache.x, cache.keep, cache.counted, d.rows(), features_,
                                        parameters_.gamma.data(), cache.mean.data(), cache.inverse.data(),
                                        gradients.gamma.data(), gradients.beta.data(), dx);
        if (cache.counted > 0) {
            gradients.moving_mean.add(cache.mean.data(), cache.counted, cache.counted);
            // torch: the sum of squares over n - 1; a single row says nothing about the variance
            gradients.moving_variance.add(cache.variance.data(), cache.counted,
                                          cache.counted - (options_.rule == BatchNormRule::torch));
        }
        if constexpr (Want == InputGradient::skip)
            return NoGradient{};
        else
            return View<T, rank_of<DY>>{dx, d.extents()};
    }

    const Parameters& parameters() const { return parameters_; }
    const Tensor<T, 1>& moving_mean() const { return moving_mean_; }
    const Tensor<T, 1>& moving_variance() const { return moving_variance_; }
    Gradients zero_gradients() const {
        const double keep = options_.rule == BatchNormRule::keras ? options_.momentum : 1 - options_.momentum;
        Gradients zeros{parameters_, {features_, keep}, {features_, keep}};
        zeros.gamma.setZero();
        zeros.beta.setZero();
        return zeros;
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("momentum", self.options_.momentum);
        visitor("epsilon", self.options_.epsilon);
        visitor("center", self.options_.center);
        visitor("scale", self.options_.scale);
        visitor.choice("rule", self.options_.rule, batch_norm_rule_names);
        visitor("frozen_statistics", self.options_.frozen_statistics);
    }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor("gamma", self.parameters_.gamma, others.gamma...);
        visitor("beta", self.parameters_.beta, others.beta...);
    }
    template <class Visitor, class Self, class... Others>
    static void visit_state(Visitor& visitor, Self& self, Others&... others) {
        visitor("moving_mean", self.moving_mean_, others.moving_mean...);
        visitor("moving_variance", self.moving_variance_, others.moving_variance...);
    }

private:
    BatchNormOptions options_;
    Index features_ = 0;
    Parameters parameters_;
    Tensor<T, 1> moving_mean_, moving_variance_;
};

BatchNorm()->BatchNorm<float>;
BatchNorm(BatchNormOptions)->BatchNorm<float>;

DEEPREC_END
