/// Recommenders in files: `save(shop, "shop.deeprec")`, `load_recommender("shop.deeprec")`.
#pragma once

#include <filesystem>

#include <deeprec/recommender/recommender.hpp>

DEEPREC_BEGIN

/// Writes all of it into one safetensors file, in place of the one that is there (FileReplacement).
template <class Model>
void save(const Recommender<Model>& recommender, const std::filesystem::path& path) {
    SafetensorsWriter writer;
    StoredFields fields(writer);
    const_cast<Recommender<Model>&>(recommender).fields(fields);  // written from
    writer.write(path);
}

/// The recommender of a file, whatever scores in it: `load_recommender("shop.deeprec")` for baselines and hybrids of
/// them. Networks have a type: `load_recommender<Model, Other>(path)` names those that the program can expect
/// (`read_scorer`); a SequenceRecommender stands for its index, and ItemIndex<Model> for a TwoTower's. Throws
/// FileError, FormatError for a file that is damaged, of another version or of a kind that is not known, or whose own
/// request does not get its own answer here.
template <class... Known>
AnyRecommender load_recommender(const std::filesystem::path& path) {
    SafetensorsReader file(path);
    StoredFields fields(file);
    AnyRecommender recommender;
    recommender.fields(fields, [&](StoredFields& scorer) { recommender.scorer_ = read_scorer<Known...>(scorer); });
    fields.check_all_used();
    return recommender;
}

namespace detail {
template <class T>
inline constexpr bool is_recommender = false;
template <class Model>
inline constexpr bool is_recommender<Recommender<Model>> = true;
}  // namespace detail

/// The same where the type is known: `load<Recommender<Model>>(path)`.
template <class R>
    requires detail::is_recommender<R>
R load(const std::filesystem::path& path) {
    SafetensorsReader file(path);
    StoredFields fields(file);
    R recommender;
    recommender.fields(fields);
    fields.check_all_used();
    return recommender;
}

DEEPREC_END
