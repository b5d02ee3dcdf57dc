/// A part of a model with a way around it.
#pragma once

#include <utility>

#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// y = x + inner(x) (He et al. 2016), a layer itself: `Residual{Conv1D{64, 3, relu, {.padding = Padding::causal}}}`.
///
/// Shapes: x [B, ..., F] -> y of the same shape; the inner layer keeps shape and scalar. A mask travels on around it.
/// Its parameters keep their names, one level down: "inner.kernel". `build` and `forward` throw ShapeError where the
/// shape changes.
template <class Inner>
class Residual {
    static_assert(Layer<Inner>, "Residual: the argument must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Inner::Scalar, typename Inner::InputElement>,
                  "Residual: input and output of the inner layer must have one scalar type");

public:
    using Scalar = typename Inner::Scalar;
    using InputElement = Scalar;
    using Gradients = typename Inner::Gradients;
    struct Cache {
        typename Inner::Cache inner;
        Buffer<Scalar> y, dx;
    };

    explicit Residual(Inner inner) : inner_(std::move(inner)) {}

    static constexpr std::string_view name() { return "Residual"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(Rank == any_rank || Inner::template output_rank<Element, Rank>() == Rank,
                      "Residual: the inner layer must keep the rank of its input");
        return Rank;
    }
    Shape build(const Shape& in, Seed seed) {
        const Shape out = inner_.build(in, derive(seed, 0));
        if (out != in) refuse(in, out);
        return out;
    }
    template <class X, class Mode = Inference>
    auto forward(const X& input, Cache& cache, Mode mode = {}) const {
        const auto x = view(input);
        const auto inner = inner_.forward(x, cache.inner, mode.for_part(0));
        if (inner.extents() != x.extents()) refuse(x.shape(), inner.shape());
        Scalar* y = cache.y.need(x.size());
        std::copy_n(inner.data(), x.size(), y);
        kernels::add<Scalar>(x.data(), y, x.size());
        return View<Scalar, rank_of<X>>{y, x.extents(), x.mask};
    }
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        const auto inner = inner_.template backward<Want>(d, cache.inner, gradients);
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            Scalar* dx = cache.dx.need(d.size());
            std::copy_n(inner.data(), d.size(), dx);
            kernels::add<Scalar>(d.data(), dx, d.size());
            return View<Scalar, rank_of<DY>>{dx, d.extents()};
        }
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
    [[noreturn]] static void refuse(const Shape& in, const Shape& out) {
        throw ShapeError(message("Residual: expected ", Inner::name(), " to keep the shape ", in, ", received ", out));
    }
    Inner inner_;
};

DEEPREC_END
