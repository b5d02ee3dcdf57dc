/// A recurrent layer that reads a sequence from both ends.
#pragma once

#include <algorithm>
#include <array>

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// How Bidirectional joins its two outputs a and b: [a b], a + b, a b or (a + b) / 2.
enum class MergeMode { concat, sum, mul, ave };
inline constexpr std::array<std::string_view, 4> merge_mode_names{"concat", "sum", "mul", "ave"};

struct BidirectionalOptions {
    MergeMode merge_mode = MergeMode::concat;
};

/// y = merge(forward(x), backward(x)), as Keras' Bidirectional: two layers of the same kind with parameters of their
/// own, of which the second reads the sequence from the end; its sequence of outputs is turned round before the merge.
///
/// Shapes: x [B, T, F] -> y [B, 2 units] with MergeMode::concat, else [B, units], or [B, T, ...] of a layer with
/// `return_sequences`; parameters `forward.*` and `backward.*`. A mask goes to both layers; outputs of masked steps are
/// zero in a sequence, which the mask travels on with, and without `return_sequences` y is what the two layers gave
/// last. `Bidirectional{LSTM{64, return_sequences}}`, `Bidirectional{GRU{64}, {.merge_mode = MergeMode::sum}}`.
template <class L>
class Bidirectional {
    using T = typename L::Scalar;
    static constexpr int rank = L::template output_rank<T, 3>();
    static constexpr bool sequences = rank == 3;

public:
    using Scalar = T;
    using InputElement = T;
    struct Gradients {
        typename L::Gradients forward, backward;
    };
    struct Cache {
        typename L::Cache forward, backward;
        const T *forward_y = nullptr, *backward_y = nullptr;
        Index batch = 0, time = 0;
        Mask mask;
        Buffer<T> y, forward_dy, backward_dy;
    };

    /// Throws ArgumentError for a layer that goes backwards: give it as it reads forwards.
    explicit Bidirectional(L layer, BidirectionalOptions options = {})
        : forward_(layer), backward_(std::move(layer)), options_(options) {
        check_options();
        backward_.reverse();
    }
    /// As the constructor, for options from a file.
    void check_options() const {
        if (forward_.options().go_backwards)
            throw ArgumentError(message("Bidirectional: expected a layer that reads forwards, received ", L::name(),
                                        " with go_backwards"));
    }

    static constexpr std::string_view name() { return "Bidirectional"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        return L::template output_rank<Element, Rank>();
    }
    Shape build(const Shape& in, Seed seed) {
        Shape out = forward_.build(in, derive(seed, 0));
        backward_.build(in, derive(seed, 1));
        out[out.rank() - 1] = width();
        return out;
    }

    template <class X, class Mode = Inference>
    View<T, rank> forward(const X& input, Cache& cache, Mode mode = {}) const {
        const auto x = view(input);
        const auto a = forward_.forward(x, cache.forward, mode.for_part(0));
        const auto b = backward_.forward(x, cache.backward, mode.for_part(1));
        cache.forward_y = Mode::training ? a.data() : nullptr;
        cache.backward_y = b.data();
        cache.batch = x.extent(0);
        cache.time = sequences ? x.extent(1) : 1;
        cache.mask = sequences ? x.mask : Mask{};
        T* const y = cache.y.need(cache.batch * cache.time * width());
        each_row(cache, [&](Index row, Index turned, bool kept) {
            T* const to = y + row * width();
            if (kept)
                merge(a.data() + row * units(), b.data() + turned * units(), to);
            else
                std::fill_n(to, width(), T(0));
        });
        if constexpr (sequences)
            return {y, {cache.batch, cache.time, width()}, x.mask};
        else
            return {y, {cache.batch, width()}};
    }

    /// dL/dx is the sum of what the two layers give.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.forward_y);
        detail::check_gradient(name(),
                               sequences ? Shape{cache.batch, cache.time, width()} : Shape{cache.batch, width()}, d);
        const Index n = cache.batch * cache.time * units();
        T *const da = cache.forward_dy.need(n), *const db = cache.backward_dy.need(n);
        each_row(cache, [&](Index row, Index turned, bool kept) {
            T *const a = da + row * units(), *const b = db + turned * units();
            if (kept)
                return split(d.data() + row * width(), cache.forward_y + row * units(),
                             cache.backward_y + turned * units(), a, b);
            std::fill_n(a, units(), T(0));
            std::fill_n(b, units(), T(0));
        });
        auto extents = d.extents();
        extents.back() = units();
        const auto dx =
            forward_.template backward<Want>(View<const T, rank>{da, extents}, cache.forward, gradients.forward);
        const auto other =
            backward_.template backward<Want>(View<const T, rank>{db, extents}, cache.backward, gradients.backward);
        if constexpr (Want == InputGradient::compute) kernels::add<T>(other.data(), dx.data(), dx.size());
        return dx;
    }

    const L& forward_layer() const { return forward_; }
    const L& backward_layer() const { return backward_; }
    Gradients zero_gradients() const { return {forward_.zero_gradients(), backward_.zero_gradients()}; }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope("forward", [&] { L::visit(visitor, self.forward_, others.forward...); });
        visitor.scope("backward", [&] { L::visit(visitor, self.backward_, others.backward...); });
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.part("forward", self.forward_);
        if constexpr (!std::is_const_v<Self>) {  // reading
            self.backward_ = self.forward_;
            self.backward_.reverse();
        }
        visitor.choice("merge_mode", self.options_.merge_mode, merge_mode_names);
    }
    void parameters_changed() {
        forward_.parameters_changed();
        backward_.parameters_changed();
    }

private:
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
