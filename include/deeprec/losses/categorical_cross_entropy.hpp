/// Cross-entropy over classes, from distributions or class numbers as targets.
#pragma once

#include <cmath>
#include <string_view>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/kernels/simd/softmax.hpp>
#include <deeprec/losses/softmax_cross_entropy.hpp>

DEEPREC_BEGIN

/// Of CategoricalCrossEntropy: `CategoricalCrossEntropy{{.label_smoothing = 0.1}}`.
struct CategoricalCrossEntropyOptions {
    bool from_logits = false;                              ///< predictions are logits z, not probabilities
    double label_smoothing = 0;                            ///< s: targets become y (1 - s) + s / classes
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
    std::vector<double> class_weight = {};                 ///< multiplies each class' term; empty = all 1
};

/// Of SparseCategoricalCrossEntropy: `SparseCategoricalCrossEntropy{{.ignore_class = 0}}`.
struct SparseCategoricalCrossEntropyOptions {
    bool from_logits = false;  ///< predictions are logits z, not probabilities
    long ignore_class = -100;  ///< samples with this target have no loss and do not count (PyTorch's ignore_index)
    Reduction reduction = Reduction::sum_over_batch_size;  ///< from the losses of samples to one number
    double label_smoothing = 0;             ///< s: the target distribution becomes y (1 - s) + s / classes
    std::vector<double> class_weight = {};  ///< multiplies each class' samples; empty = all 1
};

namespace detail {
/// -sum over j of y_j log q_j, q = p / sum(p) clipped to [1e-7, 1 - 1e-7], no slope outside; through the division too.
template <class T, class Target>
T cross_entropy_from_probabilities(const T* p, Index classes, const Target& y, T scale, T* gradient) {
    const T low = static_cast<T>(1e-7), high = 1 - low;
    T total = 0, loss = 0, shared = 0;
    for (Index j = 0; j < classes; ++j) total += p[j];
    for (Index j = 0; j < classes; ++j) {
        const T share = p[j] / total, q = std::clamp(share, low, high), t = y(j);
        if (!detail::equal(t, 0)) loss -= t * std::log(q);
        if (!gradient) continue;
        gradient[j] = share < low || share > high ? T(0) : -t / q;
        shared += gradient[j] * share;
    }
    if (gradient)
        for (Index j = 0; j < classes; ++j) gradient[j] = scale * (gradient[j] - shared) / total;
    return loss;
}
template <class T, class Target>
T cross_entropy(bool from_logits, const T* p, Index classes, const Target& y, T scale, T* gradient) {
    return from_logits ? softmax_cross_entropy(p, classes, y, scale, gradient)
                       : cross_entropy_from_probabilities(p, classes, y, scale, gradient);
}
inline void check_class_weights(std::string_view who, const std::vector<double>& weights) {
    for (const double w : weights) require_not_negative(who, "class weights", w);
}
inline void check_classes(std::string_view who, const std::vector<double>& weights, Index classes) {
    if (!weights.empty() && static_cast<Index>(weights.size()) != classes)
        throw ShapeError(
            message(who, ": expected ", weights.size(), " classes, as many as class weights, received ", classes));
}
/// The class that a target is. Throws DataError unless it is a whole number from 0 to classes - 1.
template <class Y>
Index class_number(std::string_view who, Y target, Index classes) {
    const auto number = static_cast<double>(target);
    if (!(number >= 0 && number < static_cast<double>(classes) && detail::equal(number, std::floor(number))))
        throw DataError(message(who, ": expected a class from 0 to ", classes - 1, ", received ", +target));
    return static_cast<Index>(number);
}
}  // namespace detail

/// loss = -sum over classes of w_j y_j log p_j, as Keras' CategoricalCrossentropy: a target distribution y for each
/// sample.
///
/// Shapes: prediction and target [B, ..., C]. Probabilities are divided by their sum, then clipped to [1e-7, 1 - 1e-7].
/// From logits log p = z - log(sum of exp z), gradient softmax(z) sum(w y) - w y: finite for any finite z. `fit` takes
/// that form by itself for a model that ends in `softmax`.
class CategoricalCrossEntropy : public SampleLoss<CategoricalCrossEntropy> {
public:
    /// Throws ArgumentError unless label_smoothing is in [0, 1] and no class weight is negative.
    explicit CategoricalCrossEntropy(CategoricalCrossEntropyOptions options = {})
        : SampleLoss(options.reduction), options_(std::move(options)) {
        detail::require_option(name(), "label_smoothing", options_.label_smoothing, 0, 1);
        detail::check_class_weights(name(), options_.class_weight);
    }
    static constexpr std::string_view name() { return "CategoricalCrossEntropy"; }

    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Softmax>;
    CategoricalCrossEntropy on_logits() const {
        CategoricalCrossEntropy loss = *this;
        loss.options_.from_logits = true;
        return loss;
    }

    template <class T, class Y>
    T sample(const T* prediction, const Y* target, Index classes, T scale, T* gradient) const {
        const std::vector<double>& weight = options_.class_weight;
        detail::check_classes(name(), weight, classes);
        const T keep = static_cast<T>(1 - options_.label_smoothing);
        const T even = static_cast<T>(options_.label_smoothing) / static_cast<T>(classes);
        const auto y = [&](Index j) {
            const T t = static_cast<T>(target[j]) * keep + even;
            return weight.empty() ? t : t * static_cast<T>(weight[static_cast<std::size_t>(j)]);
        };
        return detail::cross_entropy(options_.from_logits, prediction, classes, y, scale, gradient);
    }

private:
    CategoricalCrossEntropyOptions options_;
};

/// CategoricalCrossEntropy with the class number 0 ... C-1 as target, as Keras' SparseCategoricalCrossentropy.
///
/// Shapes: prediction [B, ..., C], target [B, ...] or [B, ..., 1], of integers or whole numbers. PyTorch's
/// cross_entropy is this from logits; its `mean` under class weights is Reduction::mean_with_sample_weight. Throws
/// DataError for a target that is no class.
class SparseCategoricalCrossEntropy : public SampleLoss<SparseCategoricalCrossEntropy> {
public:
    /// Throws ArgumentError unless label_smoothing is in [0, 1] and no class weight is negative.
    explicit SparseCategoricalCrossEntropy(SparseCategoricalCrossEntropyOptions options = {})
        : SampleLoss(options.reduction), options_(std::move(options)) {
        detail::require_option(name(), "label_smoothing", options_.label_smoothing, 0, 1);
        detail::check_class_weights(name(), options_.class_weight);
    }
    static constexpr std::string_view name() { return "SparseCategoricalCrossEntropy"; }

    template <class FinalActivation>
    static constexpr bool takes_logits = std::is_same_v<FinalActivation, Softmax>;
    SparseCategoricalCrossEntropy on_logits() const {
        SparseCategoricalCrossEntropy loss = *this;
        loss.options_.from_logits = true;
        return loss;
    }
    static constexpr Index target_outputs(Index) { return 1; }
    template <class Y>
    bool ignores(const Y* target) const {  // targets without sign cannot have the class -100
        return detail::equal(static_cast<double>(*target), static_cast<double>(options_.ignore_class));
    }
    template <class Y>
    double share(const Y* target) const {
        const auto c = static_cast<double>(*target);
        const bool known = c >= 0 && c < static_cast<double>(options_.class_weight.size());
        return known ? options_.class_weight[static_cast<std::size_t>(c)] : 1.0;
    }

    template <class T, class Y>
    T sample(const T* prediction, const Y* target, Index classes, T scale, T* gradient) const {
        const std::vector<double>& weight = options_.class_weight;
        detail::check_classes(name(), weight, classes);
        const Index own = detail::class_number(name(), *target, classes);
        const T even = static_cast<T>(options_.label_smoothing) / static_cast<T>(classes);
        const T one = static_cast<T>(1 - options_.label_smoothing) + even;
        const auto y = [&](Index j) {
            const T t = j == own ? one : even;
            return weight.empty() ? t : t * static_cast<T>(weight[static_cast<std::size_t>(j)]);
        };
        return detail::cross_entropy(options_.from_logits, prediction, classes, y, scale, gradient);
    }

private:
    SparseCategoricalCrossEntropyOptions options_;
};

DEEPREC_END
