/// Joins time and features.
#pragma once

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// [B, T, F] -> [B, T*F], the same memory. Ends a mask, as Keras' Flatten.
template <class T = float>
class Flatten : public WithoutParameters {
public:
    using Scalar = T;
    using InputElement = T;
    struct Cache {
        Index batch = 0, time = 0, features = 0;
    };

    static constexpr std::string_view name() { return "Flatten"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "Flatten: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3, "Flatten: the input must be [batch, time, features], rank 3");
        return 2;
    }
    Shape build(const Shape& in, Seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        return {in.size()};
    }
    template <class X, class Mode = Inference>
    View<const T, 2> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        cache.batch = x.extent(0);
        cache.time = x.extent(1);
        cache.features = x.extent(2);
        return {x.data(), {cache.batch, cache.time * cache.features}};
    }
    template <InputGradient Want = InputGradient::compute, class DY>
    View<const T, 3> backward(const DY& dy, Cache& cache, Gradients&) const {
        const auto d = view(dy);
        detail::check_gradient(name(), Shape{cache.batch, cache.time * cache.features}, d);
        return {d.data(), {cache.batch, cache.time, cache.features}};
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor&, Self&) {}
};

Flatten() -> Flatten<float>;

DEEPREC_END
