/// The layers that read what a FeatureSpec makes.
#pragma once

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/models/field_list.hpp>

DEEPREC_BEGIN

/// A layer of `width` for each feature: an Embedding for one id, an EmbeddingBag (mean) for several, a Dense for
/// numbers, each by the feature's name:
///
///     SequenceRecommender next{items, tower, {.width = 64, .step = field_layers(of_events, 64)}};
///
/// What is missing has a trained row of its own, or for several ids nothing. Throws ArgumentError for a spec without
/// features.
template <class T = float>
FieldList<T> field_layers(const FeatureSpec& spec, Index width) {
    FieldList<T> layers;
    const FeatureTensors none = spec.transform(std::vector<FeatureRow>());
    for (const auto& [name, ids] : none.ids) {
        if (spec.has_many(name))
            layers.add(name, EmbeddingBag<T>{spec.rows(name), width, {.mask_zero = true}});
        else
            layers.add(name, Embedding<T>{spec.rows(name), width});
    }
    for (const auto& [name, numbers] : none.floats) layers.add(name, Dense<T>{width});
    if (none.ids.empty() && none.floats.empty())
        throw ArgumentError("field_layers: expected a spec with features, received one without");
    return layers;
}

DEEPREC_END
