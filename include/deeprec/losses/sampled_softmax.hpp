/// Softmax cross-entropy over the candidates of a sample: the positive against its sampled negatives.
#pragma once

#include <limits>

#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// Target of a candidate that does not count for this sample: an item that the user took at another time.
template <class T = float>
inline constexpr T left_out = T(-1);

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

    template <class T>
    T sample(const T* z, const T* y, Index candidates, T scale, T* gradient) const {
        T largest = -std::numeric_limits<T>::infinity(), total = 0, weighted = 0, target = 0;
        for (Index j = 0; j < candidates; ++j)
            if (y[j] >= 0) largest = kernels::max_nan(z[j], largest);
        for (Index j = 0; j < candidates; ++j) {
            if (y[j] < 0) continue;
            total += std::exp(z[j] - largest);
            weighted += y[j] * (z[j] - largest);
            target += y[j];
        }
        if (gradient)
            for (Index j = 0; j < candidates; ++j)
                gradient[j] = y[j] < 0 ? T(0) : scale * (std::exp(z[j] - largest) / total * target - y[j]);
        return total == 0 ? T(0) : std::log(total) * target - weighted;  // 0: all are left out; NaN stays
    }
};

DEEPREC_END
