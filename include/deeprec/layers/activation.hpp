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
class Activation : public BasicLayer<Activation<T, Function>, T> {
public:
    using Scalar = T;
    using FinalActivation = Function;
    struct Cache : LayerCache {
        const T* x = nullptr;
        Buffer<T> y, dx;
    };
    DEEPREC_LAYER("Activation", features, Rank)

    explicit Activation(Function function = {}) : function_(function) {}
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, NoParameters&) { f.activation("activation", function_); }

    /// On logits: x itself.
    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        if (pass.logits) return x;
        T* const y = cache.y.need(x.size());
        kernels::activate_rows<Function, T>(x.data, y, x.rows(), x.last(), function_);
        cache.x = x.data;
        return {y, x.shape, x.mask};
    }
    /// dx = dy * function'(x); on logits dy itself.
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        if (!want_dx) return {nullptr, dy.shape};
        if (cache.logits) return {dy.data, dy.shape};
        T* const dx = cache.dx.need(dy.size());
        const T* source = Function::needs_input ? cache.x : cache.y.data();
        kernels::activate_rows_backward<Function, T>(dy.data, source, dx, dy.rows(), dy.last(), function_);
        return {dx, dy.shape};
    }

private:
    [[no_unique_address]] Function function_;
};

template <class Function>
Activation(Function) -> Activation<float, Function>;
Activation(TanhName)->Activation<float, Tanh>;

DEEPREC_END
