/// Scorers in files: `save(scorer, "knn.safetensors")`, `load<ItemKnn>("knn.safetensors")`.
#pragma once

#include <concepts>
#include <filesystem>
#include <string>

#include <deeprec/io/stored_fields.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// A scorer that names what it keeps: `void fields(StoredFields&)`. All of the library are, and hybrids of them.
template <class S>
concept StoredScorer = Scorer<S> && Stored<S> && std::default_initializable<S>;

/// Writes all that the scorer needs, an index its model too, and your own texts, in place of the file if there is one
/// (FileReplacement: whole or not at all). Scores are the same to the bit after `load`. Throws FileError, ArgumentError
/// for metadata that are the scorer's own.
template <StoredScorer S>
void save(const S& scorer, const std::filesystem::path& path, const Metadata& metadata = {}) {
    SafetensorsWriter writer;
    StoredFields fields(writer);
    const_cast<S&>(scorer).fields(fields);  // written from
    for (const auto& [key, text] : metadata)
        if (!writer.metadata.emplace(key, text).second)
            throw ArgumentError("save: the metadata '" + key + "' is the scorer's own");
    writer.write(path);
}

/// The scorer that was saved. Throws FileError, FormatError for a file that is damaged or of another scorer,
/// NumericError for a model's numbers that are not finite.
template <StoredScorer S>
S load(SafetensorsReader& file) {
    S scorer;
    StoredFields fields(file);
    scorer.fields(fields);
    fields.check_all_used();
    return scorer;
}
template <StoredScorer S>
S load(const std::filesystem::path& path) {
    SafetensorsReader file(path);
    return load<S>(file);
}

DEEPREC_END
