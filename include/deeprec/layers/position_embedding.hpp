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
class PositionEmbedding : public BasicLayer<PositionEmbedding<T>, T> {
    using Base = BasicLayer<PositionEmbedding, T>;
    using Base::features_;

public:
    using Scalar = T;
    struct Parameters {
        Tensor<T, 2> embeddings;  ///< [sequence_length, F]
    };
    using Gradients = Parameters;
    struct Cache : LayerCache {
        Buffer<T> y;
    };
    DEEPREC_LAYER("PositionEmbedding", sequence, 3)

    PositionEmbedding() = default;
    /// Throws ArgumentError unless sequence_length is positive.
    explicit PositionEmbedding(Index sequence_length) : sequence_length_(sequence_length) { check(); }
    void check() const { detail::check_positive(name(), "sequence_length", sequence_length_); }
    Shape prepare(const Shape& in) const {
        check_steps(in[0]);
        return in;
    }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("sequence_length", sequence_length_);
        f.parameter("embeddings", parameters_.embeddings, {sequence_length_, features_}, RandomUniform{0.05},
                    g.embeddings);
    }

    /// Throws ShapeError, as `build`, for more than sequence_length steps.
    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass&) const {
        check_steps(x.time());
        const Index numbers = x.time() * features_;
        T* y = cache.y.need(x.size());
        std::copy_n(x.data, x.size(), y);
        for (Index b = 0; b < x.batch(); ++b) kernels::add<T>(parameters_.embeddings.data(), y + b * numbers, numbers);
        return {y, x.shape, x.mask};
    }
    /// dx = dy; embeddings[t] += sum over samples of dy[b, t].
    Block<const T> back(const Block<const T>& dy, Cache&, Gradients& gradients, bool) const {
        const Index numbers = dy.time() * features_;
        kernels::sum_rows<T>(dy.data, dy.batch(), numbers, numbers, gradients.embeddings.data());
        return {dy.data, dy.shape};
    }

    const Parameters& parameters() const { return parameters_; }

private:
    void check_steps(Index steps) const {
        if (steps > sequence_length_)
            throw ShapeError(message(name(), ": expected at most ", sequence_length_, " steps, received ", steps));
    }

    Index sequence_length_ = 0;
    Parameters parameters_;
};

PositionEmbedding(Index)->PositionEmbedding<float>;

DEEPREC_END
