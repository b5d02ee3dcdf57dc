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
class Residual : public LayerInterface<Residual<Inner>, typename Inner::Scalar> {
    static_assert(Layer<Inner>, "Residual: the argument must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Inner::Scalar, typename Inner::InputElement>,
                  "Residual: input and output of the inner layer must have one scalar type");

public:
    using Scalar = typename Inner::Scalar;
    using Gradients = typename Inner::Gradients;
    struct Cache {
        typename Inner::Cache inner;
        Buffer<Scalar> y, dx;
    };
    static constexpr Reads reads = Inner::reads;

    Residual() = default;
    explicit Residual(Inner inner) : inner_(std::move(inner)) {}

    static constexpr std::string_view name() { return "Residual"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(Rank == any_rank || Inner::template output_rank<Element, Rank>() == Rank,
                      "Residual: the inner layer must keep the rank of its input");
        return Rank;
    }
    Shape size(const Shape& in) {
        const Shape out = inner_.size(in);
        if (out != in) refuse(in, out);
        return out;
    }
    void fields(Fields<Scalar>& f, Gradients& g) { f.part("inner", inner_, g, 0); }
    void parameters_changed() { inner_.parameters_changed(); }

    Block<const Scalar> apply(const Block<const Scalar>& x, Cache& cache, const Pass& pass) const {
        const auto inner = inner_.apply(x, cache.inner, pass.for_part(0));
        if (inner.shape != x.shape) refuse(x.shape, inner.shape);
        Scalar* y = cache.y.need(x.size());
        std::copy_n(inner.data, x.size(), y);
        kernels::add<Scalar>(x.data, y, x.size());
        return {y, x.shape, x.mask};
    }
    Block<const Scalar> apply_backward(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients,
                                       bool want_dx) const {
        const auto inner = inner_.apply_backward(dy, cache.inner, gradients, want_dx);
        if (!want_dx) return {nullptr, dy.shape};
        Scalar* dx = cache.dx.need(dy.size());
        std::copy_n(inner.data, dy.size(), dx);
        kernels::add<Scalar>(dy.data, dx, dy.size());
        return {dx, dy.shape};
    }

    /// The layer that x is added to.
    Inner& inner() { return inner_; }
    const Inner& inner() const { return inner_; }

private:
    [[noreturn]] static void refuse(const Shape& in, const Shape& out) {
        throw ShapeError(message("Residual: expected ", Inner::name(), " to keep the shape ", in, ", received ", out));
    }
    Inner inner_;
};
template <class Inner>
Residual(Inner) -> Residual<Inner>;

DEEPREC_END
