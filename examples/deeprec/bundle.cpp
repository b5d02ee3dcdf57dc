// Reads and exports bundles of all recipes: the one place that lists their types.
#include <deeprec/io/npy.hpp>
#include <deeprec/io/onnx.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "training.hpp"

namespace program {

namespace {

void say(const std::filesystem::path& path, const std::string& what) {
    std::printf("Written: %s, %s\n", path.string().c_str(), what.c_str());
}
// "model.onnx" and so on of a model that reads events in order. Whether the scorer is one with this tower.
template <class Model>
bool export_sequences(const AnyScorer& scorer, const std::filesystem::path& directory, const std::string& prefix) {
    const auto* index = scorer.as<SequenceIndex<Model>>();
    if (!index) return false;
    const Model& model = index->model();
    const Index rows = Index{index->items()} + 1, width = model.width();
    const auto path = [&](const char* name) { return directory / (prefix + name); };
    export_onnx(model, path("model.onnx"));
    std::string fields;
    const auto name_fields = [&](const auto& part, const char* inputs) {
        if (!part) return;
        for (const FieldShape& field : part->record()) fields += message(", ", inputs, field.name);
    };
    name_fields(model.step_fields(), "step.");
    name_fields(model.user_fields(), "user.");
    say(path("model.onnx"),
        message("ids [batch, time]: up to ", index->length(), " events, oldest first, then zeros", fields,
                " -> h [batch, time, ", width, "]; scores are item_vectors . h of the last event + item_bias"));
    save_npy(View<const float, 2>{model.vectors(), {rows, width}}, path("item_vectors.npy"));
    say(path("item_vectors.npy"), message("[", rows, ", ", width, "], row = id of items.csv, row 0 is padding"));
    save_npy(index->search_vectors(), path("search_vectors.npy"));
    say(path("search_vectors.npy"), message("[", rows - 1, ", ", width + 1, "], row i of item i + 1, its vector and ",
                                            "bias, for faiss and hnswlib: inner products with [h, 1] are the scores"));
    if (!model.bias()) return true;
    save_npy(View<const float, 1>{model.bias(), {rows}}, path("item_bias.npy"));
    say(path("item_bias.npy"), message("[", rows, "]"));
    return true;
}
template <class Model>
bool export_towers(const AnyScorer& scorer, const std::filesystem::path& directory, const std::string& prefix) {
    const auto* index = scorer.as<ItemIndex<Model>>();
    if (!index) return false;
    const auto path = [&](const char* name) { return directory / (prefix + name); };
    export_onnx(index->model().user, path("user.onnx"));
    say(path("user.onnx"), "the user's tower: ids of events, newest last");
    export_onnx(index->model().item, path("item.onnx"));
    say(path("item.onnx"), "the item's tower: ids of words");
    export_onnx(index->model().head, path("head.onnx"));
    say(path("head.onnx"), "the score of both towers' vectors");
    if constexpr (requires { index->search_vectors(); }) {
        save_npy(index->search_vectors(), path("search_vectors.npy"));
        say(path("search_vectors.npy"),
            "a row an item, for faiss and hnswlib: inner products with a user's are scores");
    } else {
        std::printf("No %s: the scores of this head are no inner products\n", path("search_vectors.npy").c_str());
    }
    return true;
}

}  // namespace

AnyRecommender load_bundle(const std::filesystem::path& path) {
    try {
        return load_recommender<RnnModel, CnnModel, AttentionModel, ItemIndex<TwoTowerCnn>, ItemIndex<TwoTowerRnn>>(
            path);
    } catch (const FormatError& error) {
        throw FormatError(error.what() + std::string("; expected a bundle that deeprec train wrote"));
    }
}

void export_model(const AnyScorer& scorer, const std::filesystem::path& directory, const std::string& prefix) {
    if (const auto* hybrid = scorer.as<AnyHybrid>())
        for (std::size_t m = 0; m < hybrid->members().size(); ++m)
            export_model(hybrid->members()[m], directory, message(prefix, "member", m, "_"));
    (void)(export_sequences<RnnModel>(scorer, directory, prefix) ||
           export_sequences<CnnModel>(scorer, directory, prefix) ||
           export_sequences<AttentionModel>(scorer, directory, prefix) ||
           export_towers<TwoTowerCnn>(scorer, directory, prefix) ||
           export_towers<TwoTowerRnn>(scorer, directory, prefix));
}

}  // namespace program
