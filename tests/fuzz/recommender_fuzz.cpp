/// Recommenders of baselines, hybrids of them, and a model that reads fields: one that loads answers.
#include "fuzz/field_shop.hpp"
#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(recommender, 0, bytes) {
    const AnyRecommender shop = load_recommender<fuzz::FieldModel>(fuzz::files(bytes, {"shop"}));
    const auto hits = shop.recommend({.history = {"a", "b", "nothing"}}, 3, {.exclude = {"c"}});
    fuzz::require(hits.size() <= 3);
    shop.recommend({.user = "ann"}, 3);
    if (shop.served_fields().events().fields().empty()) return;
    shop.recommend({.history = {"a", "b"}, .events = {{{"type", "cart"}, {"time", 1.0}}, {{"type", "view"}}}}, 3);
}
