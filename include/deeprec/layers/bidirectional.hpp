/// A recurrent layer that reads a sequence from both ends.
#pragma once

#include <algorithm>
#include <array>

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// How Bidirectional joins its two outputs a and b: [a b], a + b, a b or (a + b) / 2.
enum class MergeMode { concat, sum, mul, ave };
inline constexpr std::array<std::string_view, 4> merge_mode_names{"concat", "sum", "mul", "ave"};

/// Of Bidirectional: `Bidirectional{GRU{64}, {.merge_mode = MergeMode::sum}}`.
struct BidirectionalOptions {
    MergeMode merge_mode = MergeMode::concat;  ///< how the two outputs become one
};

/// y = merge(forward(x), backward(x)), as Keras' Bidirectional: two layers of the same kind with parameters of their
/// own, of which the second reads the sequence from the end; its sequence of outputs is turned round before the merge.
///
/// Shapes: x [B, T, F] -> y [B, 2 units] with MergeMode::concat, else [B, units], or [B, T, ...] of a layer with
/// `return_sequences`; parameters `forward.*` and `backward.*`. A mask goes to both layers; outputs of masked steps are
/// zero in a sequence, which the mask travels on with, and without `return_sequences` y is what the two layers gave
/// last. `Bidirectional{LSTM{64, return_sequences}}`, `Bidirectional{GRU{64}, {.merge_mode = MergeMode::sum}}`.
template <class L>
class Bidirectional : public BasicLayer<Bidirectional<L>, typename L::Scalar> {
    using T = typename L::Scalar;
    static constexpr bool sequences = L::template output_rank<T, 3>() == 3;

public:
    using Scalar = T;
    struct Gradients {
        typename L::Gradients forward, backward;
    };
    struct Cache : LayerCache {
        typename L::Cache forward, backward;
        const T *forward_y = nullptr, *backward_y = nullptr;
        Index batch = 0, time = 0;
        Mask mask;
        Buffer<T> y, forward_dy, backward_dy, dx;
    };
    DEEPREC_LAYER("Bidirectional", sequence, (L::template output_rank<Element, Rank>()))

    Bidirectional() = default;
    /// Throws ArgumentError for a layer that goes backwards: give it as it reads forwards.
    explicit Bidirectional(L layer, BidirectionalOptions options = {}) : forward_(std::move(layer)), options_(options) {
        check();
        mirror();
    }
    void check() const {
        if (forward_.options().go_backwards)
            throw ArgumentError(message("Bidirectional: expected a layer that reads forwards, received ", L::name(),
                                        " with go_backwards"));
    }
    Shape prepare(const Shape& in) {
        mirror();  // a file has the options of the forward layer alone
        Shape out = forward_.size(in);
        backward_.size(in);
        out[out.rank() - 1] = width();
        return out;
    }
    void fields(Fields<T>& f, Gradients& g) {
        f.choice("merge_mode", options_.merge_mode, merge_mode_names);
        f.part("forward", forward_, g.forward, 0);
        f.part_without_options("backward", backward_, g.backward, 1);
    }
    void parameters_changed() {
        forward_.parameters_changed();
        backward_.parameters_changed();
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        const Block<const T> a = forward_.apply(x, cache.forward, pass.for_part(0));
        const Block<const T> b = backward_.apply(x, cache.backward, pass.for_part(1));
        cache.forward_y = a.data;
        cache.backward_y = b.data;
        cache.batch = x.batch();
        cache.time = sequences ? x.time() : 1;
        cache.mask = a.mask;
        T* const y = cache.y.need(cache.batch * cache.time * width());
        each_row(cache, [&](Index row, Index turned, bool kept) {
            T* const to = y + row * width();
            if (kept)
                merge(a.data + row * units(), b.data + turned * units(), to);
            else
                std::fill_n(to, width(), T(0));
        });
        return {y, a.with_last(width()), a.mask};
    }

    /// dL/dx is the sum of what the two layers give.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        const Shape shape = dy.with_last(units());
        T *const da = cache.forward_dy.need(shape.size()), *const db = cache.backward_dy.need(shape.size());
        each_row(cache, [&](Index row, Index turned, bool kept) {
            T *const a = da + row * units(), *const b = db + turned * units();
            if (kept)
                return split(dy.data + row * width(), cache.forward_y + row * units(),
                             cache.backward_y + turned * units(), a, b);
            std::fill_n(a, units(), T(0));
            std::fill_n(b, units(), T(0));
        });
        const Block<const T> one = forward_.apply_backward({da, shape}, cache.forward, gradients.forward, want_dx);
        const Block<const T> other = backward_.apply_backward({db, shape}, cache.backward, gradients.backward, want_dx);
        if (!want_dx) return one;
        T* const dx = cache.dx.need(one.size());
        std::transform(one.data, one.data + one.size(), other.data, dx, [](T u, T v) { return u + v; });
        return {dx, one.shape};
    }

    /// That reads from the beginning.
    const L& forward_layer() const { return forward_; }
    /// That reads from the end.
    const L& backward_layer() const { return backward_; }

private:
    void mirror() {
        backward_ = forward_;
        backward_.reverse();
    }
    Index units() const { return forward_.units(); }
    Index width() const { return options_.merge_mode == MergeMode::concat ? 2 * units() : units(); }

    /// f(row of y and of the forward layer's output, row of the backward layer's output, whether the step is kept).
    template <class F>
    static void each_row(const Cache& cache, const F& f) {
        for (Index b = 0; b < cache.batch; ++b)
            for (Index t = 0; t < cache.time; ++t) {
                const Index row = b * cache.time + t;
                f(row, b * cache.time + cache.time - 1 - t, !cache.mask || cache.mask.keep[row]);
            }
    }
    void merge(const T* a, const T* b, T* y) const {
        const Index n = units();
        switch (options_.merge_mode) {
            case MergeMode::concat: std::copy_n(b, n, std::copy_n(a, n, y)); break;
            case MergeMode::sum: std::transform(a, a + n, b, y, [](T u, T v) { return u + v; }); break;
            case MergeMode::mul: std::transform(a, a + n, b, y, [](T u, T v) { return u * v; }); break;
            case MergeMode::ave: std::transform(a, a + n, b, y, [](T u, T v) { return (u + v) / 2; }); break;
        }
    }
    /// da and db of one row from dy.
    void split(const T* dy, const T* a, const T* b, T* da, T* db) const {
        const Index n = units();
        switch (options_.merge_mode) {
            case MergeMode::concat:
                std::copy_n(dy, n, da);
                std::copy_n(dy + n, n, db);
                break;
            case MergeMode::sum:
                std::copy_n(dy, n, da);
                std::copy_n(dy, n, db);
                break;
            case MergeMode::mul:
                std::transform(dy, dy + n, b, da, [](T d, T v) { return d * v; });
                std::transform(dy, dy + n, a, db, [](T d, T u) { return d * u; });
                break;
            case MergeMode::ave:
                std::transform(dy, dy + n, da, [](T d) { return d / 2; });
                std::copy_n(da, n, db);
                break;
        }
    }

    L forward_, backward_;
    BidirectionalOptions options_;
};

template <class L>
Bidirectional(L, BidirectionalOptions = {}) -> Bidirectional<L>;

DEEPREC_END
