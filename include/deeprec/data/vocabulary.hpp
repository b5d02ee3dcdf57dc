/// Names to dense numbers and back: what an embedding needs to look rows up.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// A two-way map between keys and the ids 1, 2, ..., size(), in the order of insertion. Id 0 is padding and has no key,
/// so an embedding over a vocabulary has `size() + 1` rows.
class Vocabulary {
public:
    /// The id of a key, a new one if the key is new. Throws DataError for the empty key.
    std::int32_t add(std::string_view key) {
        if (const auto known = ids_.find(key); known != ids_.end()) return known->second;
        if (key.empty()) throw DataError("Vocabulary: expected a key, received an empty one (id 0 is padding)");
        if (size() == std::numeric_limits<std::int32_t>::max() - 1)
            throw DataError(message("Vocabulary: at most ", size(), " keys"));
        keys_.emplace_back(key);
        return ids_.emplace(key, size()).first->second;
    }
    /// The id of a key, if it is there.
    std::optional<std::int32_t> find(std::string_view key) const {
        const auto known = ids_.find(key);
        return known == ids_.end() ? std::nullopt : std::optional(known->second);
    }
    /// The id of a key. Throws DataError that names a key which is not there.
    std::int32_t at(std::string_view key) const {
        if (const auto id = find(key)) return *id;
        throw DataError(message("Vocabulary: unknown key \"", key, "\" (", size(), " keys are known)"));
    }
    /// The key of an id from 1 to size(). Throws DataError for any other.
    const std::string& key(std::int32_t id) const {
        if (id < 1 || id > size())
            throw DataError(message("Vocabulary: expected an id from 1 to ", size(), ", received ", id));
        return keys_[static_cast<std::size_t>(id) - 1];
    }
    /// Number of keys; padding is not counted.
    std::int32_t size() const { return static_cast<std::int32_t>(keys_.size()); }

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;  // look up a string_view without making a string
    };
    std::vector<std::string> keys_;
    std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
};

DEEPREC_END
