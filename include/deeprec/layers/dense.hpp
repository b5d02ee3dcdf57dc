/// Fully connected layer.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/softmax.hpp>
#include <deeprec/layers/packed_kernel.hpp>

DEEPREC_BEGIN

struct DenseOptions {
    bool use_bias = true;
    Initializer kernel_initializer = glorot_uniform;
    Initializer bias_initializer = Constant{0};
};

/// y = activation(x W + b) on the last axis of x, as Keras' Dense.
///
/// Shapes: x [B, ..., F] -> y [B, ..., units]; `kernel` [F, units] (glorot uniform), `bias` [units] (zeros).
/// A mask travels on. `Dense{100, relu}` is `Dense<float, ReLU>`.
template <class T = float, class Activation = Linear>
class Dense {
public:
    using Scalar = T;
    using InputElement = T;
    using FinalActivation = Activation;
    struct Parameters {
        Tensor<T, 2> kernel;
        Tensor<T, 1> bias;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("kernel", sets.kernel...);
            visitor("bias", sets.bias...);
        }
    };
    using Gradients = Parameters;
    struct Cache {
        const T* x = nullptr;
        Shape shape;  // of y
        Buffer<T> y, linear, dz, dx;
    };

    /// Throws ArgumentError unless units is positive.
    explicit Dense(Index units, Activation activation = {}, DenseOptions options = {})
        : units_(units), activation_(activation), options_(options) {
        detail::check_positive(name(), "units", units);
    }

    static constexpr std::string_view name() { return "Dense"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "Dense: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank >= 2, "Dense: the input must be [batch, ..., features], rank 2 or more");
        return Rank;
    }
    Shape build(const Shape& in, Seed seed) {
        if (in.rank() < 1) throw ShapeError("Dense: expected samples of shape [..., features], received []");
        features_ = in.back();
        detail::check_positive(name(), "number of input features", features_);
        parameters_.kernel.resize(features_, units_);
        fill(parameters_.kernel, options_.kernel_initializer, seed);
        parameters_.bias.resize(options_.use_bias ? units_ : 0);
        fill(parameters_.bias, options_.bias_initializer, derive(seed, 1));
        parameters_changed();
        Shape out = in;
        out[in.rank() - 1] = units_;
        return out;
    }

    template <class X, class Mode = Inference>
    auto forward(const X& x, Cache& cache, Mode = {}) const {
        return run<Mode>(view(x), cache, activation_);
    }
    /// Everything but the activation: losses on logits start here.
    template <class X, class Mode = Inference>
    auto forward_logits(const X& x, Cache& cache, Mode = {}) const {
        return run<Mode>(view(x), cache, Linear{});
    }

    /// dz = dy * activation'(z); dW += x^T dz; db += sum of dz; dx = dz W^T.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        if constexpr (std::is_same_v<Activation, Linear>) {
            return backward_logits<Want>(d, cache, gradients);
        } else {
            detail::check_trained(name(), cache.x);
            detail::check_gradient(name(), cache.shape, d);
            const T* source = Activation::needs_input ? cache.linear.data() : cache.y.data();
            T* dz = cache.dz.need(d.size());
            kernels::activate_rows_backward(d.data(), source, dz, d.rows(), units_, activation_);
            return backward_logits<Want>(View<const T, rank_of<DY>>{dz, d.extents()}, cache, gradients);
        }
    }
    /// As `backward`, from dz.
    template <InputGradient Want = InputGradient::compute, class DZ>
    auto backward_logits(const DZ& dz, Cache& cache, Gradients& gradients) const {
        const auto d = view(dz);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        const Index rows = d.rows();
        each_part([&](const PackedKernel<T>& part, Index first) {
            part.add_gradient(cache.x + first, rows, features_, d.data(), gradients.kernel.data() + first * units_);
        });
        if (options_.use_bias) kernels::sum_rows<T>(d.data(), rows, units_, units_, gradients.bias.data());
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            auto extents = d.extents();
            extents.back() = features_;
            View<T, rank_of<DZ>> dx{cache.dx.need(rows * features_), extents};
            each_part([&](const PackedKernel<T>& part, Index first) {
                part.backward(d.data(), rows, dx.data() + first, features_);
            });
            return dx;
        }
    }

    Index units() const { return units_; }
    const Activation& activation() const { return activation_; }
    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return zeros_like(parameters_); }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.size("units", self.units_);
        visitor("activation", self.activation_);
        visitor("use_bias", self.options_.use_bias);
    }
    void parameters_changed() {
        const Index above = split_ == 0 ? features_ : split_;
        parts_[0].pack(parameters_.kernel.data(), above, units_);
        if (split_ != 0) parts_[1].pack(parameters_.kernel.data() + above * units_, features_ - above, units_);
    }

    /// Packs the first `rows` rows of the kernel apart from the others, for a caller that has the two parts of the input
    /// in different places (TwoTower). Throws ArgumentError unless both parts have rows.
    void split_input(Index rows) {
        if (rows < 1 || rows >= features_)
            throw ArgumentError(message("Dense: expected to split ", features_, " input features in two, received ", rows));
        split_ = rows;
        parameters_changed();
    }
    /// Part 0 or 1 of a split kernel.
    const PackedKernel<T>& part(std::size_t i) const { return parts_[i]; }

private:
    template <class F>
    void each_part(F&& f) const {
        f(parts_[0], Index(0));
        if (split_ != 0) f(parts_[1], split_);
    }
    template <class Mode, class Act, class Element, int Rank>
    View<T, Rank> run(const View<const Element, Rank>& x, Cache& cache, Act act) const {
        output_rank<Element, Rank>();
        detail::check_extent(name(), "input features", features_, x.last());
        const Index rows = x.rows();
        auto extents = x.extents();
        extents.back() = units_;
        View<T, Rank> y{cache.y.need(rows * units_), extents, x.mask};
        T* pre_activation = nullptr;
        if constexpr (Mode::training && Act::needs_input) pre_activation = cache.linear.need(rows * units_);
        const T* bias = options_.use_bias ? parameters_.bias.data() : nullptr;
        if (split_ == 0) {
            parts_[0].forward(x.data(), rows, features_, y.data(), {bias, act, pre_activation});
        } else {
            parts_[0].forward(x.data(), rows, features_, y.data());
            parts_[1].forward(x.data() + split_, rows, features_, y.data(), {bias, act, pre_activation}, true);
        }
        cache.x = Mode::training ? x.data() : nullptr;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }

    Index units_ = 0, features_ = 0;
    [[no_unique_address]] Activation activation_;
    DenseOptions options_;
    Parameters parameters_;
    Index split_ = 0;                     // rows of the first part; 0 = the kernel is in one piece
    std::array<PackedKernel<T>, 2> parts_;
};

Dense(Index) -> Dense<float, Linear>;
template <class Activation>
Dense(Index, Activation, DenseOptions = {}) -> Dense<float, Activation>;

DEEPREC_END
