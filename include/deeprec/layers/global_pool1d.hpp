/// One vector for a whole sequence: its maximum or its mean.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/linear/pooling.hpp>

DEEPREC_BEGIN

/// `GlobalMaxPool1D{keepdims}` gives [B, 1, F] instead of [B, F].
struct KeepDims {};
inline constexpr KeepDims keepdims{};

/// What GlobalMaxPool1D and GlobalAveragePool1D share; `Rule` is what happens to a sequence.
template <class T, bool Keep, class Rule>
class GlobalPool1D : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        const T* x = nullptr;
        Index batch = 0, time = 0;
        Mask mask;
        Buffer<T> y, dx;
    };

    GlobalPool1D() = default;
    explicit GlobalPool1D(KeepDims) requires Keep {}

    static constexpr std::string_view name() { return Rule::name; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        Rule::template check<same_scalar<Element, T>, Rank == any_rank || Rank == 3>();
        return Keep ? 3 : 2;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        features_ = in[1];
        if constexpr (Keep)
            return {1, features_};
        else
            return {features_};
    }

    /// Throws ShapeError for sequences without a step.
    template <class X, class Mode = Inference>
    auto forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        detail::check_extent(name(), "input features", features_, x.last());
        const Index batch = x.extent(0);
        if (x.extent(1) < 1) throw ShapeError(message(name(), ": expected at least one step, received ", x.shape()));
        T* y = cache.y.need(batch * features_);
        Rule::forward(kernels::PoolWindows::whole(batch, x.extent(1), features_), x.mask, x.data(), y);
        cache.x = Mode::training ? x.data() : nullptr;
        cache.batch = batch;
        cache.time = x.extent(1);
        cache.mask = x.mask;
        if constexpr (Keep)
            return View<T, 3>{y, {batch, 1, features_}};
        else
            return View<T, 2>{y, {batch, features_}};
    }

    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), Keep ? Shape{cache.batch, 1, features_} : Shape{cache.batch, features_}, d);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            const Index batch = d.extent(0);
            View<T, 3> dx{cache.dx.need(batch * cache.time * features_), {batch, cache.time, features_}};
            Rule::backward(kernels::PoolWindows::whole(batch, cache.time, features_), cache.mask, cache.x, cache.y.data(),
                           d.data(), dx.data());
            return dx;
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self&) {
        visitor.fixed("keepdims", Keep);
    }

private:
    Index features_ = 0;
};

namespace detail {
struct GlobalMaxRule {
    static constexpr std::string_view name = "GlobalMaxPool1D";
    template <bool SameScalar, bool RightRank>
    static constexpr void check() {
        static_assert(SameScalar, "GlobalMaxPool1D: the input must have the scalar type of the layer");
        static_assert(RightRank, "GlobalMaxPool1D: the input must be [batch, time, features], rank 3");
    }
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
    static constexpr std::string_view name = "GlobalAveragePool1D";
    template <bool SameScalar, bool RightRank>
    static constexpr void check() {
        static_assert(SameScalar, "GlobalAveragePool1D: the input must have the scalar type of the layer");
        static_assert(RightRank, "GlobalAveragePool1D: the input must be [batch, time, features], rank 3");
    }
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
class GlobalMaxPool1D : public GlobalPool1D<T, Keep, detail::GlobalMaxRule> {
public:
    using GlobalPool1D<T, Keep, detail::GlobalMaxRule>::GlobalPool1D;
};
GlobalMaxPool1D() -> GlobalMaxPool1D<float, false>;
GlobalMaxPool1D(KeepDims) -> GlobalMaxPool1D<float, true>;

/// y[b, f] = mean of x[b, t, f] over t, under a mask over the kept steps, as Keras' GlobalAveragePooling1D. A sequence
/// without a kept step gives 0 and gets no gradient (Keras: NaN).
///
/// Shapes: x [B, T, F] -> y [B, F], or [B, 1, F] with `GlobalAveragePool1D{keepdims}`. Ends the mask.
template <class T = float, bool Keep = false>
class GlobalAveragePool1D : public GlobalPool1D<T, Keep, detail::GlobalAverageRule> {
public:
    using GlobalPool1D<T, Keep, detail::GlobalAverageRule>::GlobalPool1D;
};
GlobalAveragePool1D() -> GlobalAveragePool1D<float, false>;
GlobalAveragePool1D(KeepDims) -> GlobalAveragePool1D<float, true>;

DEEPREC_END
