/// Pulls pairs of vectors together or apart by their angle.
#pragma once

#include <deeprec/losses/vector_loss.hpp>

DEEPREC_BEGIN

/// Of CosineEmbedding: `CosineEmbedding{{.margin = 0.2}}`.
struct CosineEmbeddingOptions {
    double margin = 0;                      ///< cosine up to which different vectors cost nothing
    Reduction reduction = Reduction::mean;  ///< from the losses of samples to one number
};

/// loss = 1 - cos(a, b) for target 1, max(0, cos(a, b) - margin) for target -1, as PyTorch's CosineEmbeddingLoss:
/// cos(a, b) = <a, b> / sqrt((|a|^2 + 1e-12) (|b|^2 + 1e-12)).
///
/// Shapes: a and b [B, D], target [B]. Throws ShapeError unless they agree.
class CosineEmbedding : public VectorLoss<CosineEmbedding, 2> {
public:
    /// Throws ArgumentError unless margin is in [-1, 1].
    explicit CosineEmbedding(CosineEmbeddingOptions options = {})
        : VectorLoss(options.reduction), margin_(options.margin) {
        detail::require_option(name(), "margin", margin_, -1, 1);
    }
    static constexpr std::string_view name() { return "CosineEmbedding"; }

    template <class T>
    double forward(const Tensor<T, 2>& a, const Tensor<T, 2>& b, const Tensor<T, 1>& target) const {
        return reduced(checked(a, b, target), target.data());
    }
    /// The loss of each sample, [B].
    template <class T>
    Tensor<T, 1> per_sample(const Tensor<T, 2>& a, const Tensor<T, 2>& b, const Tensor<T, 1>& target) const {
        return losses(checked(a, b, target), target.data());
    }
    /// dloss/da and dloss/db; `upstream` [B], if given, is the gradient of each sample's loss instead of the reduction.
    template <class T>
    std::array<Tensor<T, 2>, 2> gradient(const Tensor<T, 2>& a, const Tensor<T, 2>& b, const Tensor<T, 1>& target,
                                         const T* upstream = nullptr) const {
        return gradients(checked(a, b, target), target.data(), upstream);
    }

    template <class T>
    T sample(std::array<const T*, 2> x, T target, Index width, T scale, std::array<T*, 2> gradient) const {
        const T *a = x[0], *b = x[1];
        T aa = static_cast<T>(1e-12), bb = aa, ab = 0;
        for (Index j = 0; j < width; ++j) {
            aa += a[j] * a[j];
            bb += b[j] * b[j];
            ab += a[j] * b[j];
        }
        const T lengths = std::sqrt(aa) * std::sqrt(bb), cosine = ab / lengths;
        const T above = cosine - static_cast<T>(margin_);
        const bool same = target > 0, none = !same && above < 0;
        const T slope = none ? T(0) : same ? -scale : scale;
        for (Index j = 0; gradient[0] && j < width; ++j) {
            gradient[0][j] = slope * (b[j] / lengths - cosine * a[j] / aa);
            gradient[1][j] = slope * (a[j] / lengths - cosine * b[j] / bb);
        }
        return none ? T(0) : same ? 1 - cosine : above;
    }

private:
    template <class T>
    static Vectors<T> checked(const Tensor<T, 2>& a, const Tensor<T, 2>& b, const Tensor<T, 1>& target) {
        const Vectors<T> x{view(a), view(b)};
        check<T>(x, target.size());
        return x;
    }
    double margin_;
};

DEEPREC_END
