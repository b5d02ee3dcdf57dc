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
class Masked {
    static_assert(Layer<Inner>, "Masked: the argument must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Inner::Scalar, typename Inner::InputElement>,
                  "Masked: input and output of the inner layer must have one scalar type");

public:
    using Scalar = typename Inner::Scalar;
    using InputElement = Scalar;
    using Gradients = typename Inner::Gradients;
    struct Cache {
        typename Inner::Cache inner;
        Mask mask;
        Buffer<Scalar> x, dx;
    };

    explicit Masked(Inner inner) : inner_(std::move(inner)) {}

    static constexpr std::string_view name() { return "Masked"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(Rank == any_rank || Rank == 3, "Masked: the input must be [batch, time, features], rank 3");
        static_assert(Inner::template output_rank<Element, 3>() == 3, "Masked: the inner layer must keep rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        const Shape out = inner_.build(in, derive(seed, 0));
        if (out[0] != in[0]) refuse(in[0], out);
        return out;
    }
    template <class X, class Mode = Inference>
    View<const Scalar, 3> forward(const X& input, Cache& cache, Mode mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        cache.mask = x.mask;
        const Scalar* kept = x.mask ? zeroed(x.data(), x.extents(), x.mask, cache.x) : x.data();
        const auto y = inner_.forward(View<const Scalar, 3>{kept, x.extents(), x.mask}, cache.inner, mode.for_part(0));
        if (y.extent(0) != x.extent(0) || y.extent(1) != x.extent(1)) refuse(x.extent(1), y.shape());
        return {y.data(), y.extents(), x.mask};
    }
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto dx = inner_.template backward<Want>(view(dy), cache.inner, gradients);
        if constexpr (Want == InputGradient::skip)
            return NoGradient{};
        else
            return View<const Scalar, 3>{cache.mask ? zeroed(dx.data(), dx.extents(), cache.mask, cache.dx) : dx.data(),
                                         dx.extents()};
    }

    Inner& inner() { return inner_; }
    const Inner& inner() const { return inner_; }
    Gradients zero_gradients() const { return inner_.zero_gradients(); }
    void parameters_changed() { inner_.parameters_changed(); }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope("inner", [&] { Inner::visit(visitor, self.inner_, others...); });
    }
    template <class Visitor, class Self, class... Others>
    static void visit_state(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope("inner", [&] { detail::visit_state(visitor, self.inner_, others...); });
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.part("inner", self.inner_);
    }

private:
    [[noreturn]] static void refuse(Index steps, const Shape& out) {
        throw ShapeError(message("Masked: expected ", Inner::name(), " to keep the ", steps, " steps, received ", out));
    }
    template <class Extents>
    static const Scalar* zeroed(const Scalar* from, const Extents& extents, Mask mask, Buffer<Scalar>& memory) {
        const Index steps = extents[0] * extents[1], width = extents[2];
        Scalar* to = memory.need(steps * width);
        for (Index i = 0; i < steps; ++i)
            if (mask.keep[i])
                std::copy_n(from + i * width, width, to + i * width);
            else
                std::fill_n(to + i * width, width, Scalar(0));
        return to;
    }
    Inner inner_;
};

DEEPREC_END
