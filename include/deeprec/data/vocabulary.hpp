/// Names to dense numbers and back: what an embedding needs to look rows up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/random.hpp>

DEEPREC_BEGIN

/// A two-way map between keys and the ids 1, 2, ..., size(), in the order of insertion. Id 0 is padding and has no key,
/// so an embedding over a vocabulary has `size() + 1` rows.
class Vocabulary {
public:
    /// The id of a key, a new one if the key is new. Throws DataError for the empty key.
    std::int32_t add(std::string_view key) { return add(Hashed{key, hash_of(key)}); }

    /// A key whose id is wanted soon. Large vocabularies wait for memory: of several look-ups that begin at once, the
    /// waits are one.
    ///
    ///     const auto a = users.hashed(user), b = items.hashed(item);  // the slots are on their way
    ///     users.prefetch(a), items.prefetch(b);                       // the keys in them
    ///     const std::int32_t ids[] = {users.add(a), items.add(b)};
    struct Hashed {
        std::string_view key;  ///< looked at, not copied
        std::uint64_t hash;    ///< of the key
    };
    /// Begins to fetch the slot of a key.
    Hashed hashed(std::string_view key) const {
        const Hashed wanted{key, hash_of(key)};
        if (!slots_.empty()) __builtin_prefetch(&slots_[wanted.hash & (slots_.size() - 1)]);
        return wanted;
    }
    /// Begins to fetch the key in that slot.
    void prefetch(const Hashed& wanted) const {
        if (slots_.empty()) return;
        const Slot& slot = slots_[wanted.hash & (slots_.size() - 1)];
        if (slot.id != 0) __builtin_prefetch(&keys_[static_cast<std::size_t>(slot.id) - 1]);
    }
    std::int32_t add(const Hashed& wanted) {
        const auto [key, hash] = wanted;
        if (2 * keys_.size() >= slots_.size()) grow();
        Slot& slot = slots_[slot_of(key, hash)];
        if (slot.id != 0) return slot.id;
        if (key.empty()) throw DataError("Vocabulary: expected a key, received an empty one (id 0 is padding)");
        if (size() == std::numeric_limits<std::int32_t>::max() - 1)
            throw DataError(message("Vocabulary: at most ", size(), " keys"));
        keys_.emplace_back(key);
        slot = {static_cast<std::uint32_t>(hash >> 32), size()};
        return slot.id;
    }
    /// The id of a key, if it is there.
    std::optional<std::int32_t> find(std::string_view key) const {
        if (slots_.empty()) return std::nullopt;
        const std::int32_t id = slots_[slot_of(key, hash_of(key))].id;
        return id == 0 ? std::nullopt : std::optional(id);
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
    /// A place of the table of ids, by the lower half of the key's hash; the upper half is here, so that another key is
    /// seldom looked at.
    struct Slot {
        std::uint32_t hash = 0;
        std::int32_t id = 0;  // 0 = free
    };
    static std::uint64_t hash_of(std::string_view key) { return mix64(std::hash<std::string_view>{}(key)); }
    /// That of the key, or the free one where it would go. At most half of the slots are taken.
    std::size_t slot_of(std::string_view key, std::uint64_t hash) const {
        const std::size_t last = slots_.size() - 1;
        for (std::size_t i = hash & last;; i = (i + 1) & last) {
            const Slot& slot = slots_[i];
            if (slot.id == 0) return i;
            if (slot.hash == hash >> 32 && keys_[static_cast<std::size_t>(slot.id) - 1] == key) return i;
        }
    }
    void grow() {
        const std::vector<Slot> before =
            std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(16, 2 * slots_.size())));
        for (const Slot& slot : before) {
            if (slot.id == 0) continue;
            const std::string& key = keys_[static_cast<std::size_t>(slot.id) - 1];
            slots_[slot_of(key, hash_of(key))] = slot;
        }
    }
    std::vector<std::string> keys_;
    std::vector<Slot> slots_;
};

DEEPREC_END
