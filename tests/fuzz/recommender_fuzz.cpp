/// Recommenders of baselines and hybrids of them: one that loads answers.
#include <deeprec/recommender/recommender_file.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(recommender, 0, bytes) {
    const AnyRecommender shop = load_recommender<>(fuzz::files(bytes, {"shop"}));
    const auto hits = shop.recommend({.history = {"a", "b", "nothing"}}, 3, {.exclude = {"c"}});
    fuzz::require(hits.size() <= 3);
    shop.recommend({.user = "ann"}, 3);
}
