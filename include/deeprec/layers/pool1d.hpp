/// What MaxPool1D and AveragePool1D share.
#pragma once

#include <deeprec/core/layer.hpp>
#include <deeprec/core/window.hpp>
#include <deeprec/kernels/linear/pooling.hpp>

DEEPREC_BEGIN

/// Of MaxPool1D and AveragePool1D: `MaxPool1D{3, {.strides = 1, .padding = Padding::same}}`.
struct Pool1DOptions {
    Index strides = 0;                 ///< 0 takes pool_size, as Keras' None
    Padding padding = Padding::valid;  ///< valid or same: whether windows may reach beyond the sequence
};

/// Windows of `pool_size` steps of [B, T, F] -> [B, T', F], T' by `window_sizes`; `Rule` is what happens to a window.
/// As in Keras the layer ends a mask: a masked step is read like any other. `L` is the layer itself.
template <class L, class T, class Rule>
class Pool1D : public BasicLayer<L, T> {
public:
    struct Cache : LayerCache {
        const T* x = nullptr;
        Index time = 0;
        Buffer<T> y, dx;
    };

    Pool1D() = default;
    /// Throws ArgumentError unless pool_size is positive, strides not negative, both at most 2^20, and padding valid or
    /// same.
    explicit Pool1D(Index pool_size, Pool1DOptions options = {})
        : pool_size_(pool_size), strides_(options.strides == 0 ? pool_size : options.strides), padding_(options.padding) {
        check();
    }
    void check() const {
        detail::check_positive(L::name(), "pool_size", pool_size_);
        detail::check_positive(L::name(), "strides", strides_);
        detail::check_at_most(L::name(), "pool_size", pool_size_, longest_window);
        detail::check_at_most(L::name(), "strides", strides_, longest_window);
        if (padding_ == Padding::causal)
            throw ArgumentError(message(L::name(), ": expected padding valid or same, received causal"));
    }
    Shape prepare(const Shape& in) const { return {windows(1, in[0], in[1]).steps, in[1]}; }
    void fields(Fields<T>& f, NoParameters&) {
        f.option("pool_size", pool_size_);
        f.option("strides", strides_);
        f.choice("padding", padding_, padding_names);
    }

    /// Throws ShapeError for sequences without a window.
    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        const kernels::PoolWindows w = windows(x.batch(), x.time(), x.last());
        T* const y = cache.y.need(w.batch * w.steps * w.features);
        Rule::forward(w, x.data, y);
        cache.x = x.data;
        cache.time = w.time;
        return {y, {w.batch, w.steps, w.features}};
    }
    Block<const T> back(const Block<const T>& dy, Cache& cache, NoParameters&, bool want_dx) const {
        const kernels::PoolWindows w = windows(dy.batch(), cache.time, dy.last());
        Block<T> dx{nullptr, {w.batch, w.time, w.features}};
        if (want_dx) Rule::backward(w, cache.x, cache.y.data(), dy.data, dx.data = cache.dx.need(dx.size()));
        return dx;
    }

private:
    kernels::PoolWindows windows(Index batch, Index time, Index features) const {
        const WindowSizes sizes = window_sizes(L::name(), time, pool_size_, strides_, padding_);
        return {batch, time, features, sizes.steps, pool_size_, strides_, sizes.before};
    }

    Index pool_size_ = 0, strides_ = 0;
    Padding padding_ = Padding::valid;
};

DEEPREC_END
