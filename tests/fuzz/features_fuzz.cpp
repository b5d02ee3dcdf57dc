/// The text of a FeatureSpec, and rows that it transforms.
#include <deeprec/data/feature_spec.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(features, bytes) {
    const FeatureSpec spec = FeatureSpec::parse(bytes);
    const std::string json = spec.json();
    fuzz::require(FeatureSpec::parse(json).json() == json);
    spec.transform(std::vector<FeatureRow>(2));
    spec.transform(std::vector<FeatureRow>{{{"id", "ann"}}});
    spec.transform(std::vector<FeatureRow>{{{"age", 1e25}, {"genres", std::vector<std::string>{"a", "b", "a"}}}});
}
