/// An activation as a layer of its own.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

DEEPREC_BEGIN

/// y = function(x), element by element (softmax: row by row), as Keras' Activation: `Activation{relu}` is
/// `Activation<float, ReLU>`. Where a Dense or Conv1D comes right before, its own activation argument is faster.
///
/// Shapes: x [B, ...] -> y of the same shape. A mask travels on.
template <class T = float, class Function = Linear>
class Activation : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    using FinalActivation = Function;
    struct Cache {
        const T* x = nullptr;
        Shape shape;  // of y
        Buffer<T> y, dx;
    };

    explicit Activation(Function function = {}) : function_(function) {}

    static constexpr std::string_view name() { return "Activation"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "Activation: the input must have the scalar type of the layer");
        return Rank;
    }
    Shape build(const Shape& in, Seed) { return in; }

    template <class X, class Mode = Inference>
    View<T, rank_of<X>> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        View<T, rank_of<X>> y{cache.y.need(x.size()), x.extents(), x.mask};
        kernels::activate_rows<Function, T>(x.data(), y.data(), x.rows(), x.last(), function_);
        cache.x = Mode::training ? x.data() : nullptr;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }
    /// Everything but the activation: x itself.
    template <class X, class Mode = Inference>
    auto forward_logits(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        cache.x = Mode::training ? x.data() : nullptr;
        if constexpr (Mode::training) cache.shape = x.shape();
        return x;
    }

    /// dx = dy * function'(x).
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            View<T, rank_of<DY>> dx{cache.dx.need(d.size()), d.extents()};
            const T* source = Function::needs_input ? cache.x : cache.y.data();
            kernels::activate_rows_backward<Function, T>(d.data(), source, dx.data(), d.rows(), d.last(), function_);
            return dx;
        }
    }
    /// The gradient by x is the one it was given.
    template <InputGradient Want = InputGradient::compute, class DZ>
    auto backward_logits(const DZ& dz, Cache& cache, Gradients&) const {
        const auto d = view(dz);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        return d;
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("activation", self.function_);
    }

private:
    [[no_unique_address]] Function function_;
};

template <class Function>
Activation(Function) -> Activation<float, Function>;

DEEPREC_END
