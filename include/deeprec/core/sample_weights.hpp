/// How much each sample, or each step of it, counts.
#pragma once

#include <cmath>
#include <cstddef>
#include <string_view>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Weights of B samples of T steps, not owned: [B], one for all steps of a sample, or [B, T], one for each step.
template <class T>
struct SampleWeights {
    const T* data = nullptr;  ///< null = all 1
    Index per_sample = 1;     ///< 1, or T: [B, T]

    explicit operator bool() const { return data != nullptr; }
    double operator()(Index sample, Index step) const {
        return data ? static_cast<double>(data[sample * per_sample + (per_sample == 1 ? 0 : step)]) : 1.0;
    }
    /// Those of the samples from `sample` on.
    SampleWeights from(Index sample) const { return {data ? data + sample * per_sample : nullptr, per_sample}; }
};

/// A prediction [B, T, C] has T steps a sample, [B] and [B, C] have one. Under a mask [B, T] is T steps of one number.
template <class T, int Rank>
Index steps_of(const View<const T, Rank>& prediction) {
    if constexpr (Rank > 2) return prediction.extent(1);
    if constexpr (Rank == 2) return prediction.mask ? prediction.extent(1) : 1;
    return 1;
}

namespace detail {
[[noreturn]] void refuse_weights(std::string_view who, Index samples, Index steps, const Shape& received);
#if DEEPREC_BODIES
[[noreturn]] DEEPREC_FUNCTION void refuse_weights(std::string_view who, Index samples, Index steps,
                                                  const Shape& received) {
    const Shape by_sample{samples}, column{samples, 1}, by_step{samples, steps};
    if (steps == 1)
        throw ShapeError(message(who, ": expected weights of ", by_sample, " or ", column, ", received ", received));
    throw ShapeError(
        message(who, ": expected weights of ", by_sample, ", ", column, " or ", by_step, ", received ", received));
}
#endif
}  // namespace detail

/// The weights of `samples` samples of `steps` steps, from a pointer to one a sample (null = all 1), SampleWeights, or
/// a tensor or view of [B], [B, 1] or [B, T]. Throws ShapeError, in the name of `who`, for any other shape.
template <class T>
SampleWeights<T> sample_weights(std::string_view, const T* weights, Index, Index) {
    return {weights, 1};
}
inline SampleWeights<double> sample_weights(std::string_view, std::nullptr_t, Index, Index) { return {}; }
template <class T>
SampleWeights<T> sample_weights(std::string_view who, SampleWeights<T> weights, Index samples, Index steps) {
    if (weights && weights.per_sample != 1 && weights.per_sample != steps)
        detail::refuse_weights(who, samples, steps, {samples, weights.per_sample});
    return weights;
}
template <class W>
auto sample_weights(std::string_view who, const W& weights, Index samples, Index steps) requires requires {
    view(weights);
}
{
    const auto w = view(weights);
    Index per_sample = 1;
    if constexpr (rank_of<W> == 2) per_sample = w.last();
    if (rank_of < W >> 2 || w.extent(0) != samples || (per_sample != 1 && per_sample != steps))
        detail::refuse_weights(who, samples, steps, w.shape());
    return SampleWeights<ElementOf<W>>{w.data(), per_sample};
}

/// Throws DataError, in the name of `who`, where a weight is negative or not finite. Those of steps that a mask leaves
/// out may be anything.
template <class T>
void check_sample_weights(std::string_view who, SampleWeights<T> weights, Index samples, Index steps, Mask mask) {
    if (!weights) return;
    for (Index sample = 0; sample < samples; ++sample)
        for (Index step = 0; step < steps; ++step) {
            const double weight = weights(sample, step);
            if ((mask && !mask.keep[sample * steps + step]) || (weight >= 0 && std::isfinite(weight))) continue;
            const Shape at = weights.per_sample == 1 ? Shape{sample} : Shape{sample, step};
            throw DataError(message(who, ": expected finite weights >= 0, received ", weight, " at ", at));
        }
}

DEEPREC_END
