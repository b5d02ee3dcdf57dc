/// Negative cosine of the angle between prediction and target.
#pragma once

#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// loss = -<p, y> / (|p| |y|), -1 for the same direction, as Keras' CosineSimilarity loss. A squared norm below 1e-12
/// counts as 1e-12: a zero vector has similarity 0. Shapes: prediction and target [B, ..., D].
class CosineSimilarity : public SampleLoss<CosineSimilarity> {
public:
    using SampleLoss::SampleLoss;
    static constexpr std::string_view name() { return "CosineSimilarity"; }

    template <class T, class Y>
    T sample(const T* p, const Y* target, Index width, T scale, T* gradient) const {
        const T low = static_cast<T>(1e-12);
        T pp = 0, yy = 0, py = 0;
        for (Index j = 0; j < width; ++j) {
            const T y = static_cast<T>(target[j]);
            pp += p[j] * p[j];
            yy += y * y;
            py += p[j] * y;
        }
        const T lengths = std::sqrt(kernels::max_nan(low, pp)) * std::sqrt(kernels::max_nan(low, yy));
        const T cosine = py / lengths, radial = pp < low ? T(0) : cosine / pp;
        if (gradient)
            for (Index j = 0; j < width; ++j)
                gradient[j] = -scale * (static_cast<T>(target[j]) / lengths - radial * p[j]);
        return -cosine;
    }
};

DEEPREC_END
