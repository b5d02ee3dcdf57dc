/// What MaxPool1D and AveragePool1D share.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/core/window.hpp>
#include <deeprec/kernels/linear/pooling.hpp>

DEEPREC_BEGIN

struct Pool1DOptions {
    Index strides = 0;  ///< 0 takes pool_size, as Keras' None
    Padding padding = Padding::valid;
};

/// Windows of `pool_size` steps of [B, T, F] -> [B, T', F], T' by `window_sizes`; `Rule` is what happens to a window.
/// As in Keras the layer ends a mask: a masked step is read like any other.
template <class T, class Rule>
class Pool1D : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        const T* x = nullptr;
        Index time = 0;
        Shape shape;  // of y
        Buffer<T> y, dx;
    };

    /// Throws ArgumentError unless pool_size is positive, strides not negative and padding valid or same.
    explicit Pool1D(Index pool_size, Pool1DOptions options = {})
        : pool_size_(pool_size), strides_(options.strides == 0 ? pool_size : options.strides), padding_(options.padding) {
        check_options();
    }
    /// As the constructor, for options from a file.
    void check_options() const {
        detail::check_positive(name(), "pool_size", pool_size_);
        detail::check_positive(name(), "strides", strides_);
        if (padding_ == Padding::causal)
            throw ArgumentError(message(name(), ": expected padding valid or same, received causal"));
    }

    static constexpr std::string_view name() { return Rule::name; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        Rule::template check<same_scalar<Element, T>, Rank == any_rank || Rank == 3>();
        return 3;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        features_ = in[1];
        return {windows(1, in[0]).steps, features_};
    }

    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        detail::check_extent(name(), "input features", features_, x.last());
        const kernels::PoolWindows w = windows(x.extent(0), x.extent(1));
        View<T, 3> y{cache.y.need(w.batch * w.steps * features_), {w.batch, w.steps, features_}};
        Rule::forward(w, x.data(), y.data());
        cache.x = Mode::training ? x.data() : nullptr;
        cache.time = w.time;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }

    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        const kernels::PoolWindows w = windows(d.extent(0), cache.time);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            View<T, 3> dx{cache.dx.need(w.batch * w.time * features_), {w.batch, w.time, features_}};
            Rule::backward(w, cache.x, cache.y.data(), d.data(), dx.data());
            return dx;
        }
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor("pool_size", self.pool_size_);
        visitor("strides", self.strides_);
        visitor.choice("padding", self.padding_, padding_names);
    }

private:
    kernels::PoolWindows windows(Index batch, Index time) const {
        const WindowSizes sizes = window_sizes(name(), time, pool_size_, strides_, padding_);
        return {batch, time, features_, sizes.steps, pool_size_, strides_, sizes.before};
    }

    Index pool_size_ = 1, strides_ = 1, features_ = 0;
    Padding padding_ = Padding::valid;
};

DEEPREC_END
