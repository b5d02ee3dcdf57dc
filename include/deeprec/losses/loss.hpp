/// What a loss is, and the part that all losses over independent samples share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN

/// How the losses of the samples become one number.
/// - `sum_over_batch_size` (Keras; PyTorch's `mean`): divided by the number of samples, not by their weights.
/// - `mean_with_sample_weight`: divided by the summed weights (PyTorch's `mean` under class weights).
/// - `sum`: not divided. Keras' and PyTorch's `none` is `per_sample`; its gradient under an upstream gradient u [rows]
///   is `gradient(prediction, target, u)` of the sum.
enum class Reduction { sum_over_batch_size, mean = sum_over_batch_size, sum, mean_with_sample_weight };

/// The loss of some samples before it is divided: parts of a batch, batches of a step and of an epoch add up, and are
/// divided once.
struct LossSum {
    double sum = 0;      ///< of the samples' losses, times their weights
    double divisor = 0;  ///< what counts in it; 0 = nothing is divided (Reduction::sum, or nothing counted)

    /// The loss: the sum, divided where something is.
    double mean() const { return detail::equal(divisor, 0) ? sum : sum / divisor; }
    LossSum& operator+=(const LossSum& other) {
        sum += other.sum;
        divisor += other.divisor;
        return *this;
    }
};

/// Base of losses in which every sample stands alone. `Rule` gives
///   T sample(const T* prediction, const Y* target, Index outputs, T scale, T* gradient) const
/// : the loss of one sample, and (unless gradient is null) gradient[j] = scale * dloss/dprediction[j].
///
/// Shapes: prediction and target [B, ..., C], one sample a row of the last axis; weight [B, ...] or [B, ..., 1].
/// Predictions [B, T, C] with a mask: the masked steps have neither loss nor gradient, and do not count as samples.
template <class Rule>
class SampleLoss {
public:
    explicit SampleLoss(Reduction reduction = Reduction::sum_over_batch_size) : reduction_(reduction) {}

    /// The reduced loss. Throws ShapeError unless the shapes agree.
    template <class P, class Y>
    double forward(const P& prediction, const Y& target) const {
        return run(view(prediction), view(target), nullptr, nullptr);
    }
    template <class P, class Y, class W>
    double forward(const P& prediction, const Y& target, const W& weight) const {
        return run(view(prediction), view(target), weights(view(prediction), view(weight)), nullptr);
    }
    /// dloss/dprediction.
    template <class P, class Y>
    auto gradient(const P& prediction, const Y& target) const {
        Tensor<ElementOf<P>, rank_of<P>> out(view(prediction).extents());
        run(view(prediction), view(target), nullptr, out.data());
        return out;
    }
    template <class P, class Y, class W>
    auto gradient(const P& prediction, const Y& target, const W& weight) const {
        Tensor<ElementOf<P>, rank_of<P>> out(view(prediction).extents());
        run(view(prediction), view(target), weights(view(prediction), view(weight)), out.data());
        return out;
    }
    /// The loss of each sample, times its weight, before any reduction: [rows].
    template <class P, class Y>
    auto per_sample(const P& prediction, const Y& target) const {
        return each(view(prediction), view(target), nullptr);
    }
    template <class P, class Y, class W>
    auto per_sample(const P& prediction, const Y& target, const W& weight) const {
        return each(view(prediction), view(target), weights(view(prediction), view(weight)));
    }

    /// Sum over `rows` samples of scale * weight * loss, and its gradient; the part that training cuts into shards.
    template <class T, class Y>
    double accumulate(const T* prediction, const Y* target, Index rows, Index outputs, const T* weight, double scale,
                      T* gradient, const std::uint8_t* keep = nullptr) const {
        const Index width = rule().target_outputs(outputs);
        double sum = 0;
        for (Index r = 0; r < rows; ++r) {
            T* d = gradient ? gradient + r * outputs : nullptr;
            if ((keep && !keep[r]) || rule().ignores(target + r * width)) {
                if (d) std::fill_n(d, outputs, T(0));
                continue;
            }
            const double w = scale * (weight ? static_cast<double>(weight[r]) : 1.0);
            sum += w * static_cast<double>(
                           rule().sample(prediction + r * outputs, target + r * width, outputs, static_cast<T>(w), d));
        }
        return sum;
    }
    /// What every sample's loss is multiplied with in a batch of `rows` with targets of `width` numbers.
    template <class T, class Y>
    double scale(const Y* target, Index rows, Index width, const T* weight, const std::uint8_t* keep = nullptr) const {
        const double total = divisor(target, rows, width, weight, keep);
        return detail::equal(total, 0) ? 1.0 : 1.0 / total;
    }
    /// What the sum of the losses is divided by, 0 where it is not: the parts of a batch add up.
    template <class T, class Y>
    double divisor(const Y* target, Index rows, Index width, const T* weight,
                   const std::uint8_t* keep = nullptr) const {
        if (reduction_ == Reduction::sum) return 0;
        double total = 0;
        for (Index r = 0; r < rows; ++r) {
            const Y* const own = target + r * width;
            if ((keep && !keep[r]) || rule().ignores(own)) continue;
            if (reduction_ == Reduction::mean_with_sample_weight)
                total += rule().share(own) * (weight ? static_cast<double>(weight[r]) : 1.0);
            else
                total += 1;
        }
        return total;
    }

    /// Numbers of the target of a sample with so many outputs. A Rule may have its own.
    static constexpr Index target_outputs(Index outputs) { return outputs; }
    /// What this target adds to the divisor of `mean_with_sample_weight`. As above.
    template <class Y>
    static constexpr double share(const Y*) {
        return 1;
    }
    /// Whether samples with this target have no loss and do not count. As above.
    template <class Y>
    static constexpr bool ignores(const Y*) {
        return false;
    }
    template <class FinalActivation>
    static constexpr bool takes_logits = false;

private:
    const Rule& rule() const { return static_cast<const Rule&>(*this); }
    template <class P, class Y>
    void check(const P& prediction, const Y& target) const {
        const Index width = rule().target_outputs(prediction.last());
        if (target.size() == prediction.rows() * width && (width == 1 || target.last() == width)) return;
        if (width == prediction.last())
            throw ShapeError(message(Rule::name(), ": expected a target of the prediction's shape ", prediction.shape(),
                                     ", received ", target.shape()));
        throw ShapeError(message(Rule::name(), ": expected ", prediction.rows(), " targets of ", width,
                                 " numbers for a prediction of shape ", prediction.shape(), ", received ",
                                 target.shape()));
    }
    template <class P, class W>
    static auto weights(const P& prediction, const W& weight) {
        if (weight.size() != prediction.rows())
            throw ShapeError(
                message(Rule::name(), ": expected ", prediction.rows(), " sample weights, received ", weight.shape()));
        return weight.data();
    }
    template <class T, int Rank>
    static const std::uint8_t* mask_of(const View<const T, Rank>& p) {
        return Rank == 3 ? p.mask.keep : nullptr;
    }
    template <class T, int Rank, class Y, int TargetRank>
    double run(const View<const T, Rank>& p, const View<const Y, TargetRank>& y, std::type_identity_t<const T*> weight,
               std::type_identity_t<T*> gradient) const {
        check(p, y);
        const Index width = rule().target_outputs(p.last());
        return accumulate(p.data(), y.data(), p.rows(), p.last(), weight,
                          scale(y.data(), p.rows(), width, weight, mask_of(p)), gradient, mask_of(p));
    }
    template <class T, int Rank, class Y, int TargetRank>
    Tensor<T, 1> each(const View<const T, Rank>& p, const View<const Y, TargetRank>& y,
                      std::type_identity_t<const T*> weight) const {
        check(p, y);
        Tensor<T, 1> out(p.rows());
        const Index width = rule().target_outputs(p.last());
        for (Index r = 0; r < p.rows(); ++r)
            out(r) = static_cast<T>(accumulate(p.data() + r * p.last(), y.data() + r * width, 1, p.last(),
                                               weight ? weight + r : nullptr, 1.0, static_cast<T*>(nullptr),
                                               mask_of(p) ? mask_of(p) + r : nullptr));
        return out;
    }

    Reduction reduction_;
};

/// Base of losses that are a mean over the outputs of a sample. `Rule` gives
///   T element(T prediction, T target, T& derivative) const.
/// PyTorch, which does not average over the outputs first, sees [B, C] as B * C samples: give it as [B * C, 1].
template <class Rule>
class ElementLoss : public SampleLoss<Rule> {
public:
    using SampleLoss<Rule>::SampleLoss;

    template <class T, class Y>
    T sample(const T* prediction, const Y* target, Index outputs, T scale, T* gradient) const {
        const T each = T(1) / static_cast<T>(outputs);
        T sum = 0;
        for (Index j = 0; j < outputs; ++j) {
            T derivative;
            sum += static_cast<const Rule&>(*this).element(prediction[j], static_cast<T>(target[j]), derivative);
            if (gradient) gradient[j] = scale * each * derivative;
        }
        return sum * each;
    }
};

namespace detail {
/// max(x, 0) with its derivative: `slope` above 0, `corner` at 0, 0 below. NaN stays.
template <class T>
T hinge(T x, T slope, T corner, T& derivative) {
    derivative = x > 0 ? slope : detail::equal(x, 0) ? corner : x < 0 ? T(0) : x;
    return x <= 0 ? T(0) : x;
}
/// Throws ArgumentError unless low <= value <= high.
inline void require_option(std::string_view who, std::string_view option, double value, double low, double high) {
    if (value >= low && value <= high) return;
    throw ArgumentError(message(who, ": expected ", option, " in [", low, ", ", high, "], received ", value));
}
/// Throws ArgumentError unless value > 0 and finite.
inline void require_positive(std::string_view who, std::string_view option, double value) {
    if (value > 0 && std::isfinite(value)) return;
    throw ArgumentError(message(who, ": expected a positive ", option, ", received ", value));
}
/// Throws ArgumentError unless value >= 0 and finite.
inline void require_not_negative(std::string_view who, std::string_view option, double value) {
    if (value >= 0 && std::isfinite(value)) return;
    throw ArgumentError(message(who, ": expected ", option, " >= 0, received ", value));
}
}  // namespace detail

DEEPREC_END
