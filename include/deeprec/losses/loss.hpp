/// What a loss is, and the part that all losses over independent samples share.
#pragma once

#include <cmath>
#include <type_traits>

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/activations.hpp>

DEEPREC_BEGIN

/// How the losses of the samples become one number. `sum_over_batch_size` divides by the number of samples, not by
/// their weights (Keras).
enum class Reduction { sum_over_batch_size, sum };

/// Base of losses in which every sample stands alone. `Rule` gives
///   T sample(const T* prediction, const T* target, Index outputs, T scale, T* gradient) const
/// : the loss of one sample, and (unless gradient is null) gradient[j] = scale * dloss/dprediction[j].
///
/// Shapes: prediction and target [B, ..., C], one sample a row of the last axis; weight [B, ...] or [B, ..., 1].
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
    /// The loss of each sample before weights and reduction, [rows].
    template <class P, class Y>
    auto per_sample(const P& prediction, const Y& target) const {
        const auto p = view(prediction);
        const auto y = view(target);
        check(p, y);
        using T = ElementOf<P>;
        Tensor<T, 1> out(p.rows());
        for (Index r = 0; r < p.rows(); ++r)
            out(r) = rule().sample(p.data() + r * p.last(), y.data() + r * p.last(), p.last(), T(1),
                                   static_cast<T*>(nullptr));
        return out;
    }

    /// Sum over `rows` samples of scale * weight * loss, and its gradient; the part that training cuts into shards.
    template <class T>
    double accumulate(const T* prediction, const T* target, Index rows, Index outputs, const T* weight, double scale,
                      T* gradient) const {
        double sum = 0;
        for (Index r = 0; r < rows; ++r) {
            const double w = scale * (weight ? static_cast<double>(weight[r]) : 1.0);
            sum +=
                w * static_cast<double>(rule().sample(prediction + r * outputs, target + r * outputs, outputs,
                                                      static_cast<T>(w), gradient ? gradient + r * outputs : nullptr));
        }
        return sum;
    }
    /// What every sample's loss is multiplied with in a batch of `rows`.
    double scale(Index rows) const {
        return reduction_ == Reduction::sum || rows == 0 ? 1.0 : 1.0 / static_cast<double>(rows);
    }

private:
    const Rule& rule() const { return static_cast<const Rule&>(*this); }
    template <class P, class Y>
    static void check(const P& prediction, const Y& target) {
        if (prediction.size() != target.size() || prediction.last() != target.last())
            throw ShapeError(message(Rule::name(), ": expected a target of the prediction's shape ", prediction.shape(),
                                     ", received ", target.shape()));
    }
    template <class P, class W>
    static auto weights(const P& prediction, const W& weight) {
        if (weight.size() != prediction.rows())
            throw ShapeError(
                message(Rule::name(), ": expected ", prediction.rows(), " sample weights, received ", weight.shape()));
        return weight.data();
    }
    template <class T, int Rank, int TargetRank>
    double run(const View<const T, Rank>& p, const View<const T, TargetRank>& y, std::type_identity_t<const T*> weight,
               std::type_identity_t<T*> gradient) const {
        check(p, y);
        return accumulate(p.data(), y.data(), p.rows(), p.last(), weight, scale(p.rows()), gradient);
    }

    Reduction reduction_;
};

DEEPREC_END
