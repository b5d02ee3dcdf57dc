/// A learned vector for each step.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// y[b, t, :] = x[b, t, :] + embeddings[t, :]: tells a layer that has no order of its own, as MultiHeadAttention, where
/// a step is. Steps are counted from the first of the window, padded or not.
///
/// Shapes: x [B, T, F] with T <= sequence_length -> y of the same shape; `embeddings` [sequence_length, F] (uniform in
/// [-0.05, 0.05), as Embedding). A mask travels on. `PositionEmbedding{50}`.
template <class T = float>
class PositionEmbedding {
public:
    using Scalar = T;
    using InputElement = T;
    struct Parameters {
        Tensor<T, 2> embeddings;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("embeddings", sets.embeddings...);
        }
    };
    using Gradients = Parameters;
    struct Cache {
        bool trained = false;
        Shape shape;  // of y
        Buffer<T> y, dx;
    };

    /// Throws ArgumentError unless sequence_length is positive.
    explicit PositionEmbedding(Index sequence_length) : sequence_length_(sequence_length) {
        detail::check_positive(name(), "sequence_length", sequence_length);
    }

    static constexpr std::string_view name() { return "PositionEmbedding"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "PositionEmbedding: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3,
                      "PositionEmbedding: the input must be [batch, time, features], rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        check_steps(in[0]);
        features_ = in[1];
        detail::check_positive(name(), "number of input features", features_);
        parameters_.embeddings.resize(sequence_length_, features_);
        fill_uniform(parameters_.embeddings, 0.05, seed);
        return in;
    }

    /// Throws ShapeError, as `build`, for more than sequence_length steps.
    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index numbers = x.extent(1) * features_;
        detail::check_extent(name(), "input features", features_, x.last());
        check_steps(x.extent(1));
        T* y = cache.y.need(x.size());
        std::copy_n(x.data(), x.size(), y);
        for (Index b = 0; b < x.extent(0); ++b)
            kernels::add<T>(parameters_.embeddings.data(), y + b * numbers, numbers);
        cache.trained = Mode::training;
        if constexpr (Mode::training) cache.shape = x.shape();
        return {y, x.extents(), x.mask};
    }
    /// dx = dy; embeddings[t] += sum over samples of dy[b, t].
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained ? &cache : nullptr);
        detail::check_gradient(name(), cache.shape, d);
        const Index numbers = d.extent(1) * d.last();
        kernels::sum_rows<T>(d.data(), d.extent(0), numbers, numbers, gradients.embeddings.data());
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            T* dx = cache.dx.need(d.size());
            std::copy_n(d.data(), d.size(), dx);
            return View<T, 3>{dx, d.extents()};
        }
    }

    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return zeros_like(parameters_); }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.size("sequence_length", self.sequence_length_);
    }

private:
    void check_steps(Index steps) const {
        if (steps > sequence_length_)
            throw ShapeError(
                message("PositionEmbedding: expected at most ", sequence_length_, " steps, received ", steps));
    }

    Index sequence_length_ = 0, features_ = 0;
    Parameters parameters_;
};

DEEPREC_END
