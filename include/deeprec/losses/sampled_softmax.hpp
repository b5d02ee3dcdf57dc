/// Softmax cross-entropy over the candidates of a sample: the positive against its sampled negatives.
#pragma once

#include <deeprec/losses/softmax_cross_entropy.hpp>

DEEPREC_BEGIN

/// loss = sum(y) log(sum over j of exp z_j) - sum over j of y_j z_j, the target y a distribution over the candidates
/// (one-hot: the positive). dloss/dz_j = softmax(z)_j sum(y) - y_j. Candidates whose target is negative (`left_out`)
/// are in no sum and get no gradient.
///
/// Shapes: z and y [B, G]. Works on the values before a final sigmoid or none, so that the model still ends in a
/// probability; any monotone activation ranks alike. The largest z is taken out first: finite for any finite z. With
/// uniformly drawn negatives the correction for the sampling (logQ) is a constant and drops out.
class SampledSoftmax : public SampleLoss<SampledSoftmax> {
public:
    explicit SampledSoftmax(Reduction reduction = Reduction::sum_over_batch_size) : SampleLoss(reduction) {}
    static constexpr std::string_view name() { return "SampledSoftmax"; }
    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Sigmoid>;
    SampledSoftmax on_logits() const { return *this; }

    template <class T, class Y>
    T sample(const T* z, const Y* y, Index candidates, T scale, T* gradient) const {
        return detail::softmax_cross_entropy(
            z, candidates, [y](Index j) { return static_cast<T>(y[j]); }, scale, gradient);
    }
};

DEEPREC_END
