/// Fully connected layer.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/softmax.hpp>
#include <deeprec/layers/packed_kernel.hpp>

DEEPREC_BEGIN

/// Of Dense: `Dense{100, relu, {.use_bias = false}}`.
struct DenseOptions {
    bool use_bias = true;                             ///< adds a bias, trained like the kernel
    Initializer kernel_initializer = glorot_uniform;  ///< first values of `kernel`
    Initializer bias_initializer = Constant{0};       ///< first values of `bias`
};

/// y = activation(x W + b) on the last axis of x, as Keras' Dense.
///
/// Shapes: x [B, ..., F] -> y [B, ..., units]; `kernel` [F, units] (glorot uniform), `bias` [units] (zeros).
/// A mask travels on. `Dense{100, relu}` is `Dense<float, ReLU>`.
template <class T = float, class Activation = Linear>
class Dense : public BasicLayer<Dense<T, Activation>, T> {
    using Base = BasicLayer<Dense, T>;
    using Base::features_;

public:
    using Scalar = T;
    using FinalActivation = Activation;
    struct Parameters {
        Tensor<T, 2> kernel;  ///< [F, units]
        Tensor<T, 1> bias;    ///< [units]; empty without
    };
    using Gradients = Parameters;
    struct Cache : LayerCache {
        const T* x = nullptr;
        Buffer<T> y, linear, dz, dx;
    };
    DEEPREC_LAYER("Dense", features, Rank)

    Dense() = default;
    /// Throws ArgumentError unless units is positive.
    explicit Dense(Index units, Activation activation = {}, DenseOptions options = {})
        : units_(units), activation_(activation), options_(options) {
        check();
    }
    void check() const { detail::check_positive(name(), "units", units_); }
    Shape prepare(const Shape& in) const {
        Shape out = in;
        out[in.rank() - 1] = units_;
        return out;
    }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("units", units_);
        f.activation("activation", activation_);
        f.option("use_bias", options_.use_bias);
        f.parameter("kernel", parameters_.kernel, {features_, units_}, options_.kernel_initializer, g.kernel);
        f.parameter("bias", parameters_.bias, {options_.use_bias ? units_ : 0}, options_.bias_initializer, g.bias, 1);
    }
    void parameters_changed() { kernel_.pack(parameters_.kernel.data(), features_, units_); }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        const Index rows = x.rows();
        Block<T> y{cache.y.need(rows * units_), x.with_last(units_), x.mask};
        kernels::Epilogue<T> epilogue;
        if (options_.use_bias) epilogue.bias = parameters_.bias.data();
        if (!pass.logits) {
            epilogue.activation = activation_;
            if (pass.training && Activation::needs_input) epilogue.pre_activation = cache.linear.need(rows * units_);
        }
        kernel_.forward(x.data, rows, features_, y.data, epilogue);
        cache.x = x.data;
        return y;
    }
    /// dz = dy * activation'(z); dW += x^T dz; db += sum of dz; dx = dz W^T.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& g, bool want_dx) const {
        const Index rows = dy.rows();
        const T* dz = dy.data;
        if (!std::is_same_v<Activation, Linear> && !cache.logits) {
            const T* source = Activation::needs_input ? cache.linear.data() : cache.y.data();
            T* const product = cache.dz.need(rows * units_);
            kernels::activate_rows_backward(dz, source, product, rows, units_, activation_);
            dz = product;
        }
        kernel_.add_gradient(cache.x, rows, features_, dz, g.kernel.data());
        if (options_.use_bias) kernels::sum_rows<T>(dz, rows, units_, units_, g.bias.data());
        Block<T> dx{nullptr, dy.with_last(features_)};
        if (want_dx) kernel_.backward(dz, rows, dx.data = cache.dx.need(rows * features_), features_);
        return dx;
    }

    Index units() const { return units_; }
    /// Applied to x W + b.
    const Activation& activation() const { return activation_; }
    const Parameters& parameters() const { return parameters_; }

private:
    Index units_ = 0;
    [[no_unique_address]] Activation activation_;
    DenseOptions options_;
    Parameters parameters_;
    PackedKernel<T> kernel_;
};

Dense(Index) -> Dense<float, Linear>;
template <class Activation>
Dense(Index, Activation, DenseOptions = {}) -> Dense<float, Activation>;
Dense(Index, TanhName, DenseOptions = {})->Dense<float, Tanh>;

DEEPREC_END
