/// One vector for a whole sequence: its maximum or its mean.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/linear/pooling.hpp>

DEEPREC_BEGIN

/// `GlobalMaxPool1D{keepdims}` gives [B, 1, F] instead of [B, F].
struct KeepDims {};
/// `GlobalMaxPool1D{keepdims}`: the output is [B, 1, F].
inline constexpr KeepDims keepdims{};

/// What GlobalMaxPool1D and GlobalAveragePool1D share; `Rule` is what happens to a sequence, `L` the layer itself.
template <class L, class T, bool Keep, class Rule>
class GlobalPool1D : public BasicLayer<L, T> {
public:
    struct Cache : LayerCache {
        const T* x = nullptr;
        Index time = 0;
        Mask mask;
        Buffer<T> y, dx;
    };

    GlobalPool1D() = default;
    explicit GlobalPool1D(KeepDims) requires Keep {}

    Shape prepare(const Shape& in) const { return Keep ? Shape{1, in[1]} : Shape{in[1]}; }
    void fields(Fields<T>& f, NoParameters&) { f.fixed("keepdims", Keep); }

    /// Throws ShapeError for sequences without a step.
    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        const Index batch = x.batch(), features = x.last();
        if (x.time() < 1) throw ShapeError(message(L::name(), ": expected at least one step, received ", x.shape));
        T* const y = cache.y.need(batch * features);
        Rule::forward(kernels::PoolWindows::whole(batch, x.time(), features), x.mask, x.data, y);
        cache.x = x.data;
        cache.time = x.time();
        cache.mask = x.mask;
        return {y, Keep ? Shape{batch, 1, features} : Shape{batch, features}};
    }
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        Block<T> dx{nullptr, {dy.batch(), cache.time, dy.last()}};
        if (want_dx)
            Rule::backward(kernels::PoolWindows::whole(dx.batch(), dx.time(), dx.last()), cache.mask, cache.x,
                           cache.y.data(), dy.data, dx.data = cache.dx.need(dx.size()));
        return dx;
    }
};

namespace detail {
struct GlobalMaxRule {
    template <class T>
    static void forward(const kernels::PoolWindows& whole, Mask, const T* x, T* y) {
        kernels::max_pool<T>(whole, x, y);
    }
    template <class T>
    static void backward(const kernels::PoolWindows& whole, Mask, const T* x, const T* y, const T* dy, T* dx) {
        kernels::max_pool_backward_shared<T>(whole, x, y, dy, dx);
    }
};
struct GlobalAverageRule {
    template <class T>
    static void forward(const kernels::PoolWindows& whole, Mask mask, const T* x, T* y) {
        if (mask)
            kernels::masked_mean<T>(x, mask.keep, whole.batch, whole.time, whole.features, y);
        else
            kernels::average_pool<T>(whole, x, y);
    }
    template <class T>
    static void backward(const kernels::PoolWindows& whole, Mask mask, const T*, const T*, const T* dy, T* dx) {
        if (mask)
            kernels::masked_mean_backward<T>(dy, mask.keep, whole.batch, whole.time, whole.features, dx);
        else
            kernels::average_pool_backward<T>(whole, dy, dx);
    }
};
}  // namespace detail

/// y[b, f] = max over t of x[b, t, f], as Keras' GlobalMaxPooling1D: tied maxima share the gradient equally, a mask is not
/// looked at. A NaN in a sequence is its maximum.
///
/// Shapes: x [B, T, F] -> y [B, F], or [B, 1, F] with `GlobalMaxPool1D{keepdims}`.
template <class T = float, bool Keep = false>
class GlobalMaxPool1D : public GlobalPool1D<GlobalMaxPool1D<T, Keep>, T, Keep, detail::GlobalMaxRule> {
public:
    using Scalar = T;
    using GlobalPool1D<GlobalMaxPool1D, T, Keep, detail::GlobalMaxRule>::GlobalPool1D;
    DEEPREC_LAYER("GlobalMaxPool1D", sequence, Keep ? 3 : 2)
};
GlobalMaxPool1D() -> GlobalMaxPool1D<float, false>;
GlobalMaxPool1D(KeepDims) -> GlobalMaxPool1D<float, true>;

/// y[b, f] = mean of x[b, t, f] over t, under a mask over the kept steps, as Keras' GlobalAveragePooling1D. A sequence
/// without a kept step gives 0 and gets no gradient (Keras: NaN).
///
/// Shapes: x [B, T, F] -> y [B, F], or [B, 1, F] with `GlobalAveragePool1D{keepdims}`. Ends the mask.
template <class T = float, bool Keep = false>
class GlobalAveragePool1D : public GlobalPool1D<GlobalAveragePool1D<T, Keep>, T, Keep, detail::GlobalAverageRule> {
public:
    using Scalar = T;
    using GlobalPool1D<GlobalAveragePool1D, T, Keep, detail::GlobalAverageRule>::GlobalPool1D;
    DEEPREC_LAYER("GlobalAveragePool1D", sequence, Keep ? 3 : 2)
};
GlobalAveragePool1D() -> GlobalAveragePool1D<float, false>;
GlobalAveragePool1D(KeepDims) -> GlobalAveragePool1D<float, true>;

DEEPREC_END
