// Reads bundles of all recipes: the one place that lists their types.
#include "training.hpp"

namespace program {

AnyRecommender load_bundle(const std::filesystem::path& path) {
    return load_recommender<RnnModel, CnnModel, AttentionModel, ItemIndex<TwoTowerCnn>, ItemIndex<TwoTowerRnn>>(path);
}

}  // namespace program
