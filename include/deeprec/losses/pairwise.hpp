/// Losses of pairs: each positive against each negative of a sample.
#pragma once

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// Base of losses of the score differences d = z_i - z_j, averaged over the pairs of a sample: i with target above 0, j
/// with target 0. Candidates with a negative target (`left_out`) are in no pair; a sample without a pair has loss 0.
/// `Rule` gives T pair(T d, T& derivative) const.
///
/// Shapes: z and y [B, G], as SampledSoftmax; for one positive and one negative [B, 2] with y = (1, 0). Works on the
/// values before a final sigmoid.
template <class Rule>
class PairwiseLoss : public SampleLoss<Rule> {
public:
    using SampleLoss<Rule>::SampleLoss;
    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Sigmoid>;
    Rule on_logits() const { return static_cast<const Rule&>(*this); }

    template <class T, class Y>
    T sample(const T* z, const Y* y, Index candidates, T scale, T* gradient) const {
        Index positives = 0, negatives = 0;
        for (Index j = 0; j < candidates; ++j) {
            positives += y[j] > 0;
            negatives += detail::equal(y[j], 0);
        }
        if (gradient) std::fill_n(gradient, candidates, T(0));
        if (positives == 0 || negatives == 0) return 0;
        const T each = T(1) / static_cast<T>(positives * negatives);
        T sum = 0;
        for (Index i = 0; i < candidates; ++i)
            for (Index j = 0; y[i] > 0 && j < candidates; ++j) {
                if (!detail::equal(y[j], 0)) continue;
                T derivative;
                sum += static_cast<const Rule&>(*this).pair(z[i] - z[j], derivative);
                if (!gradient) continue;
                gradient[i] += scale * each * derivative;
                gradient[j] -= scale * each * derivative;
            }
        return sum * each;
    }
};

/// Bayesian personalised ranking: -log sigmoid(d) (Rendle et al. 2009). Finite for any finite d.
class Bpr : public PairwiseLoss<Bpr> {
public:
    using PairwiseLoss::PairwiseLoss;
    static constexpr std::string_view name() { return "Bpr"; }
    template <class T>
    T pair(T d, T& derivative) const {
        const T power = std::exp(-std::abs(d)), tail = power / (1 + power);
        derivative = d >= 0 ? -tail : tail - 1;
        return (d >= 0 ? T(0) : -d) + std::log1p(power);
    }
};

/// Of PairwiseHinge: `PairwiseHinge{{.margin = 0.5}}`.
struct PairwiseHingeOptions {
    double margin = 1;                                     ///< by how much the positive should be ahead
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
};

/// max(0, margin - d), PyTorch's margin_ranking_loss with target 1; the slope at the corner is that above it.
class PairwiseHinge : public PairwiseLoss<PairwiseHinge> {
public:
    explicit PairwiseHinge(PairwiseHingeOptions options = {})
        : PairwiseLoss(options.reduction), margin_(options.margin) {}
    static constexpr std::string_view name() { return "PairwiseHinge"; }
    template <class T>
    T pair(T d, T& derivative) const {
        return detail::hinge(static_cast<T>(margin_) - d, T(-1), T(-1), derivative);
    }

private:
    double margin_;
};

DEEPREC_END
