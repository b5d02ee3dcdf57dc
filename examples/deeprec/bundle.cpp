// Reads bundles of all recipes: the one place that lists their types.
#include <deeprec/recommender/recommender_file.hpp>

#include "training.hpp"

namespace program {

AnyRecommender load_bundle(const std::filesystem::path& path) {
    try {
        return load_recommender<RnnModel, CnnModel, AttentionModel, ItemIndex<TwoTowerCnn>, ItemIndex<TwoTowerRnn>>(
            path);
    } catch (const FormatError& error) {
        throw FormatError(error.what() + std::string("; expected a bundle that deeprec train wrote"));
    }
}

}  // namespace program
