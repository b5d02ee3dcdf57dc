/// An anchor shall be nearer to its positive than to its negative.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/vector_loss.hpp>

DEEPREC_BEGIN

/// Of TripletMargin: `TripletMargin{{.margin = 0.5}}`.
struct TripletMarginOptions {
    double margin = 1;                      ///< by how much the negative should be farther away
    double epsilon = 1e-6;                  ///< added to each difference
    Reduction reduction = Reduction::mean;  ///< from the losses of samples to one number
};

/// loss = max(0, margin + |anchor - positive + epsilon| - |anchor - negative + epsilon|), Euclidean norms, as PyTorch's
/// TripletMarginLoss with p = 2. A norm of 0 has slope 0.
///
/// Shapes: all [B, D]. Throws ShapeError unless they agree.
class TripletMargin : public VectorLoss<TripletMargin, 3> {
public:
    /// Throws ArgumentError unless margin >= 0 and epsilon >= 0.
    explicit TripletMargin(TripletMarginOptions options = {}) : VectorLoss(options.reduction), options_(options) {
        detail::require_not_negative(name(), "margin", options.margin);
        detail::require_not_negative(name(), "epsilon", options.epsilon);
    }
    static constexpr std::string_view name() { return "TripletMargin"; }

    template <class T>
    double forward(const Tensor<T, 2>& anchor, const Tensor<T, 2>& positive, const Tensor<T, 2>& negative) const {
        return reduced(checked(anchor, positive, negative), static_cast<const T*>(nullptr));
    }
    /// The loss of each sample, [B].
    template <class T>
    Tensor<T, 1> per_sample(const Tensor<T, 2>& anchor, const Tensor<T, 2>& positive,
                            const Tensor<T, 2>& negative) const {
        return losses(checked(anchor, positive, negative), static_cast<const T*>(nullptr));
    }
    /// dloss/d of anchor, positive and negative; `upstream` as in CosineEmbedding.
    template <class T>
    std::array<Tensor<T, 2>, 3> gradient(const Tensor<T, 2>& anchor, const Tensor<T, 2>& positive,
                                         const Tensor<T, 2>& negative, const T* upstream = nullptr) const {
        return gradients(checked(anchor, positive, negative), static_cast<const T*>(nullptr), upstream);
    }

    template <class T>
    T sample(std::array<const T*, 3> x, T, Index width, T scale, std::array<T*, 3> gradient) const {
        const T epsilon = static_cast<T>(options_.epsilon);
        const auto difference = [&](std::size_t other, Index j) { return x[0][j] - x[other][j] + epsilon; };
        T near = 0, far = 0;
        for (Index j = 0; j < width; ++j) {
            near += difference(1, j) * difference(1, j);
            far += difference(2, j) * difference(2, j);
        }
        near = std::sqrt(near);
        far = std::sqrt(far);
        const T missing = static_cast<T>(options_.margin) + near - far;
        const bool none = missing < 0;
        for (Index j = 0; gradient[0] && j < width; ++j) {
            const T to_positive = none || detail::equal(near, 0) ? T(0) : scale * difference(1, j) / near;
            const T to_negative = none || detail::equal(far, 0) ? T(0) : scale * difference(2, j) / far;
            gradient[0][j] = to_positive - to_negative;
            gradient[1][j] = -to_positive;
            gradient[2][j] = to_negative;
        }
        return none ? T(0) : missing;
    }

private:
    template <class T>
    static Vectors<T> checked(const Tensor<T, 2>& anchor, const Tensor<T, 2>& positive, const Tensor<T, 2>& negative) {
        const Vectors<T> x{view(anchor), view(positive), view(negative)};
        check<T>(x, anchor.dimension(0));
        return x;
    }
    TripletMarginOptions options_;
};

DEEPREC_END
