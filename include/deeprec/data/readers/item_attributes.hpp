/// Attributes of items from JSON: `{"item": [attribute, ...], ...}`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <deeprec/data/readers/whole_text.hpp>
#include <deeprec/data/vocabulary.hpp>
#include <deeprec/io/json_header.hpp>

DEEPREC_BEGIN

/// What a file of attributes may ask for.
struct ItemAttributeOptions {
    /// Largest attribute number: a table of attributes has a row for each number up to the largest, whatever the file
    /// holds.
    std::int32_t largest = 10'000'000;
};

/// The attribute numbers of each item id, element 0 (padding) empty: what SequenceRecommenderOptions::attributes takes.
/// An item that the file does not name has none; items that `items` does not know are passed over. An attribute that is
/// listed several times counts as often.
///
/// Throws FileError, FormatError for anything but such an object, numbers from 1 to `largest`, an item twice: with
/// file, line and column.
inline std::vector<std::vector<std::int32_t>> read_item_attributes(const std::filesystem::path& file,
                                                                   const Vocabulary& items,
                                                                   const ItemAttributeOptions& options = {}) {
    const std::string text = detail::read_whole_text(file);
    return detail::within_memory(file, [&] {
        std::vector<std::vector<std::int32_t>> attributes(static_cast<std::size_t>(items.size()) + 1);
        std::vector<bool> seen(attributes.size(), false);
        auto json = detail::JsonReader::of_file(text, file.string());
        json.object([&](const std::string& key) {
            const auto id = static_cast<std::size_t>(items.find(key).value_or(0));
            if (id != 0 && seen[id]) json.fail(message("item \"", key, "\" once"));
            seen[id] = true;
            json.array([&] {
                const std::int64_t number = json.number();
                if (number < 1 || number > options.largest)
                    json.fail(message("an attribute from 1 to ", options.largest, " (largest) before this"));
                if (id != 0) attributes[id].push_back(static_cast<std::int32_t>(number));
            });
        });
        json.end();
        return attributes;
    });
}

DEEPREC_END
