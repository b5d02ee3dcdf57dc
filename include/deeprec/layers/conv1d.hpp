/// Convolution over time.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/window.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/winograd.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

DEEPREC_BEGIN

/// Of Conv1D: `Conv1D{64, 3, relu, {.padding = Padding::causal}}`.
struct Conv1DOptions {
    Index strides = 1;  ///< steps from one window to the next
    /// Zeros around the sequence: none, on both sides for as many steps out as in, or all in front.
    Padding padding = Padding::valid;
    Index dilation_rate = 1;                          ///< steps from one row of the kernel to the next
    bool use_bias = true;                             ///< adds a bias, trained like the kernel
    Initializer kernel_initializer = glorot_uniform;  ///< first values of `kernel`
    Initializer bias_initializer = Constant{0};       ///< first values of `bias`
};

/// y[b, t, u] = activation(bias[u] + sum over j, f of x[b, t*strides + j*dilation_rate - before, f] kernel[j, f, u]),
/// as Keras' Conv1D (cross-correlation); steps outside the sequence are zero.
///
/// Shapes: x [B, T, F] -> y [B, T', filters]; T' by `window_sizes`; `kernel` [k, F, filters] (glorot uniform),
/// `bias` [filters] (zeros). As in Keras the layer ends a mask: a masked step is read like any other.
/// A window of k steps is a contiguous row of k*F numbers of x, so the products read x in place. Three taps and more
/// without strides take four products for six where that pays: kernels/linear/winograd.hpp, which has the error.
/// `Conv1D{64, 3, relu}` is `Conv1D<float, ReLU>`.
template <class T = float, class Activation = Linear>
class Conv1D : public BasicLayer<Conv1D<T, Activation>, T> {
    using Base = BasicLayer<Conv1D, T>;
    using Base::features_;

public:
    using Scalar = T;
    using FinalActivation = Activation;
    struct Parameters {
        Tensor<T, 3> kernel;  ///< [k, F, filters]
        Tensor<T, 1> bias;    ///< [filters]; empty without
    };
    using Gradients = Parameters;
    struct Cache : LayerCache {
        const T* x = nullptr;  // padded where there is padding
        Index time = 0;
        Buffer<T> padded, y, linear, dz, dx, workspace;
    };
    DEEPREC_LAYER("Conv1D", sequence, 3)

    Conv1D() = default;
    /// Throws ArgumentError unless every number is positive, or where a window spans more than 2^20 steps. Strides and
    /// dilation may go together (Keras forbids it).
    Conv1D(Index filters, Index kernel_size, Activation activation = {}, Conv1DOptions options = {})
        : filters_(filters), kernel_size_(kernel_size), activation_(activation), options_(options) {
        check();
    }
    void check() const {
        detail::check_positive(name(), "number of filters", filters_);
        detail::check_positive(name(), "kernel_size", kernel_size_);
        detail::check_positive(name(), "strides", options_.strides);
        detail::check_positive(name(), "dilation_rate", options_.dilation_rate);
        detail::check_window(name(), kernel_size_, options_.strides, options_.dilation_rate);
    }
    Shape prepare(const Shape& in) const { return {windows(in[0]).steps, filters_}; }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("filters", filters_);
        f.option("kernel_size", kernel_size_);
        f.activation("activation", activation_);
        f.option("strides", options_.strides);
        f.choice("padding", options_.padding, padding_names);
        f.option("dilation_rate", options_.dilation_rate);
        f.option("use_bias", options_.use_bias);
        f.parameter("kernel", parameters_.kernel, {kernel_size_, features_, filters_}, options_.kernel_initializer,
                    g.kernel);
        f.parameter("bias", parameters_.bias, {options_.use_bias ? filters_ : 0}, options_.bias_initializer, g.bias, 1);
    }
    void parameters_changed() {
        const T* kernel = parameters_.kernel.data();
        const Index tap = features_ * filters_;
        T* turned = turned_.need(kernel_size_ * tap);  // [k, filters, F] with the last tap first
        for (Index j = 0; j < kernel_size_; ++j)
            kernels::transpose<T>(kernel + (kernel_size_ - 1 - j) * tap, filters_, features_, filters_,
                                  turned + j * tap, features_);
        pack(kernel, features_, filters_, packed_);
        pack(turned, filters_, features_, packed_turned_);
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        const Index batch = x.batch(), time = x.time();
        const WindowSizes sizes = windows(time);
        const T* padded = pad(x.data, batch, time, sizes, cache);
        const Shape shape{batch, sizes.steps, filters_};
        T* const y = cache.y.need(shape.size());
        kernels::Epilogue<T> epilogue;
        if (options_.use_bias) epilogue.bias = parameters_.bias.data();
        if (!pass.logits) {
            epilogue.activation = activation_;
            if (pass.training && Activation::needs_input) epilogue.pre_activation = cache.linear.need(shape.size());
        }
        if (in_pairs())
            kernels::winograd_convolution<T>(
                {batch, sizes.steps, features_, filters_, options_.dilation_rate, kernel_size_}, padded, packed_.data(),
                y, cache.workspace, epilogue);
        else
            kernels::gemm<T>(input_windows(padded, batch, time, sizes), packed_.data(), filters_, y, filters_,
                             epilogue);
        cache.x = padded;
        cache.time = time;
        return {y, shape};
    }

    /// dz = dy * activation'(z); dW[j] += windows(x)^T dz; db += sum of dz;
    /// dx[t] = sum over j of dz[(t + before - j*dilation) / strides] W[j]^T where that step exists: a convolution of
    /// the spread and padded dz with the kernel turned round.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        const Index batch = dy.batch(), steps = dy.time(), time = cache.time;
        const WindowSizes sizes = windows(time);
        const bool through_activation = !std::is_same_v<Activation, Linear> && !cache.logits;
        const Spread spread =
            want_dx ? Spread{time + extent() - 1, extent() - 1 - sizes.before, options_.strides} : Spread{steps, 0, 1};
        const T* dz = dy.data;
        if (want_dx || through_activation)
            dz = activation_backward(dz, batch, steps, spread, through_activation, cache);
        const kernels::Rows<T> dz_rows{dz + spread.first * filters_,
                                       batch * steps,
                                       steps,
                                       spread.steps * filters_,
                                       spread.stride * filters_,
                                       1,
                                       filters_,
                                       0};
        if (in_pairs())
            kernels::winograd_kernel_gradient<T>(
                {batch, steps, features_, filters_, options_.dilation_rate, kernel_size_}, cache.x, dz_rows.data,
                dz_rows.batch_stride, gradients.kernel.data(), cache.workspace);
        else
            kernels::gemm_tn<T>(input_windows(cache.x, batch, time, sizes), dz_rows, gradients.kernel.data(), filters_);
        if (options_.use_bias)
            for (Index b = 0; b < batch; ++b)
                kernels::sum_rows<T>(dz_rows.row(b * steps), steps, filters_, dz_rows.row_stride,
                                     gradients.bias.data());
        Block<T> dx{nullptr, {batch, time, features_}};
        if (!want_dx) return dx;
        dx.data = cache.dx.need(dx.size());
        if (in_pairs())
            kernels::winograd_convolution<T>({batch, time, filters_, features_, options_.dilation_rate, kernel_size_},
                                             dz, packed_turned_.data(), dx.data, cache.workspace);
        else
            kernels::gemm<T>(kernels::Rows<T>{dz, batch * time, time, spread.steps * filters_, filters_, segments(),
                                              kernel_size_ / segments() * filters_, options_.dilation_rate * filters_},
                             packed_turned_.data(), features_, dx.data, features_);
        return dx;
    }

    const Parameters& parameters() const { return parameters_; }

private:
    /// Whether two steps are made at once, by kernels/linear/winograd.hpp.
    bool in_pairs() const { return options_.strides == 1 && kernels::winograd_pays(kernel_size_, features_, filters_); }
    /// Packs kernel [k, features, filters] as the products read it.
    void pack(const T* kernel, Index features, Index filters, Buffer<T>& packed) {
        const Index rows = kernel_size_ * features;
        if (in_pairs())
            kernels::winograd_pack<T>(kernel, kernel_size_, features, filters,
                                      packed.need(kernels::winograd_packed_size<T>(kernel_size_, features, filters)));
        else
            kernels::pack<T>(kernel, filters, rows, filters, packed.need(kernels::packed_size<T>(rows, filters)));
    }
    /// Steps that one window spans.
    Index extent() const { return (kernel_size_ - 1) * options_.dilation_rate + 1; }
    WindowSizes windows(Index time) const {
        return window_sizes(name(), time, extent(), options_.strides, options_.padding);
    }
    /// Contiguous runs in a window: one, or one a tap where dilation leaves gaps.
    Index segments() const { return options_.dilation_rate == 1 ? 1 : kernel_size_; }
    kernels::Rows<T> input_windows(const T* x, Index batch, Index time, const WindowSizes& sizes) const {
        return {x, batch * sizes.steps, sizes.steps, (sizes.before + time + sizes.after) * features_,
                options_.strides * features_, segments(), kernel_size_ / segments() * features_,
                options_.dilation_rate * features_};
    }
    const T* pad(const T* x, Index batch, Index time, const WindowSizes& sizes, Cache& cache) const {
        if (sizes.before + sizes.after == 0) return x;
        const Index before = sizes.before * features_, length = time * features_, after = sizes.after * features_;
        T* out = cache.padded.need(batch * (before + length + after));
        for (Index b = 0; b < batch; ++b) {
            T* sample = out + b * (before + length + after);
            std::fill_n(sample, before, T(0));
            std::copy_n(x + b * length, length, sample + before);
            std::fill_n(sample + before + length, after, T(0));
        }
        return out;
    }
    /// Where dz lies: step o of a sample at step `first` + o * `stride` of `steps`, zeros at the others.
    struct Spread {
        Index steps, first, stride;
    };
    /// dz of [B, steps, filters], spread.
    const T* activation_backward(const T* dy, Index batch, Index steps, const Spread& spread, bool through_activation,
                                 Cache& cache) const {
        const T* source = Activation::needs_input ? cache.linear.data() : cache.y.data();
        T* const dz = cache.dz.need(batch * spread.steps * filters_);
        const Index run = spread.stride == 1 ? steps : 1, gap = (spread.stride - 1) * filters_;
        for (Index b = 0; b < batch; ++b) {
            T *to = dz + b * spread.steps * filters_, *const end = to + spread.steps * filters_;
            to = std::fill_n(to, spread.first * filters_, T(0));
            for (Index o = 0; o < steps; o += run) {
                const Index at = (b * steps + o) * filters_;
                if (through_activation)
                    kernels::activate_rows_backward(dy + at, source + at, to, run, filters_, activation_);
                else
                    std::copy_n(dy + at, run * filters_, to);
                to += run * filters_;
                to = std::fill_n(to, std::min<std::ptrdiff_t>(gap, end - to), T(0));
            }
            std::fill(to, end, T(0));
        }
        return dz;
    }

    Index filters_ = 0, kernel_size_ = 0;
    [[no_unique_address]] Activation activation_;
    Conv1DOptions options_;
    Parameters parameters_;
    Buffer<T> packed_, packed_turned_, turned_;  // the kernel as the products read it
};

Conv1D(Index, Index) -> Conv1D<float, Linear>;
template <class Activation>
Conv1D(Index, Index, Activation, Conv1DOptions = {}) -> Conv1D<float, Activation>;
Conv1D(Index, Index, TanhName, Conv1DOptions = {})->Conv1D<float, Tanh>;

DEEPREC_END
