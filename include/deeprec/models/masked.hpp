/// A part of a model that does not read what is masked.
#pragma once

#include <utility>

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// y = inner(x with zeros at masked steps), a layer itself, and the mask travels on:
///
///     Sequential{Embedding{n, 64, {.mask_zero = true}},
///                Masked{Conv1D{64, 3, relu, {.padding = Padding::causal}}}, GlobalAveragePool1D{}}
///
/// Conv1D reads a masked step like any other, as in Keras, so that what padding is embedded as changes the scores.
/// Inside of `Masked` padding is what lies outside of the sequence anyway, zeros: with causal or same padding and a
/// pool over the kept steps, more padding changes no bit of a score. Without a mask y = inner(x).
///
/// Shapes: x [B, T, F] -> y [B, T, G]; the inner layer keeps the steps and the scalar. Masked steps get no gradient.
/// Its parameters keep their names, one level down: "inner.kernel". `build` and `forward` throw ShapeError where the
/// steps change.
template <class Inner>
class Masked : public LayerInterface<Masked<Inner>, typename Inner::Scalar> {
    static_assert(Layer<Inner>, "Masked: the argument must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Inner::Scalar, typename Inner::InputElement>,
                  "Masked: input and output of the inner layer must have one scalar type");

public:
    using Scalar = typename Inner::Scalar;
    using Gradients = typename Inner::Gradients;
    struct Cache {
        typename Inner::Cache inner;
        Mask mask;
        Buffer<Scalar> x, dx;
    };
    static constexpr Reads reads = Reads::sequence;

    Masked() = default;
    explicit Masked(Inner inner) : inner_(std::move(inner)) {}

    static constexpr std::string_view name() { return "Masked"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(Rank == any_rank || Rank == 3, "Masked: the input must be [batch, time, features], rank 3");
        static_assert(Inner::template output_rank<Element, 3>() == 3, "Masked: the inner layer must keep rank 3");
        return 3;
    }
    Shape size(const Shape& in) {
        detail::check_rank(name(), in, 2, "[time, features]");
        const Shape out = inner_.size(in);
        if (out[0] != in[0]) refuse(in[0], out);
        return out;
    }
    void fields(Fields<Scalar>& f, Gradients& g) { f.part("inner", inner_, g, 0); }
    void parameters_changed() { inner_.parameters_changed(); }

    Block<const Scalar> apply(const Block<const Scalar>& x, Cache& cache, const Pass& pass) const {
        cache.mask = x.mask;
        const Scalar* kept = x.mask ? zeroed(x, x.mask, cache.x) : x.data;
        const auto y = inner_.apply({kept, x.shape, x.mask}, cache.inner, pass.for_part(0, true));
        if (y.batch() != x.batch() || y.time() != x.time()) refuse(x.time(), y.shape);
        return {y.data, y.shape, x.mask};
    }
    Block<const Scalar> apply_backward(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients,
                                       bool want_dx) const {
        const auto dx = inner_.apply_backward(dy, cache.inner, gradients, want_dx);
        if (!want_dx || !cache.mask) return dx;
        return {zeroed(dx, cache.mask, cache.dx), dx.shape};
    }

    /// The layer that reads masked steps as zeros.
    Inner& inner() { return inner_; }
    const Inner& inner() const { return inner_; }

private:
    [[noreturn]] static void refuse(Index steps, const Shape& out) {
        throw ShapeError(message("Masked: expected ", Inner::name(), " to keep the ", steps, " steps, received ", out));
    }
    static const Scalar* zeroed(const Block<const Scalar>& from, Mask mask, Buffer<Scalar>& memory) {
        const Index steps = from.rows(), width = from.last();
        Scalar* to = memory.need(steps * width);
        for (Index i = 0; i < steps; ++i)
            if (mask.keep[i])
                std::copy_n(from.data + i * width, width, to + i * width);
            else
                std::fill_n(to + i * width, width, Scalar(0));
        return to;
    }
    Inner inner_;
};
template <class Inner>
Masked(Inner) -> Masked<Inner>;

template <class Inner>
struct FinalActivationOf<Masked<Inner>> : FinalActivationOf<Inner> {};

DEEPREC_END
