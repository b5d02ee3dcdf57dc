/// Attributes of items from JSON: `{"item": [attribute, ...], ...}`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <deeprec/data/vocabulary.hpp>
#include <deeprec/io/json_header.hpp>

DEEPREC_BEGIN

/// The attribute numbers of each item id, element 0 (padding) empty: what SequenceRecommenderOptions::attributes takes.
/// An item that the file does not name has none; items that `items` does not know are passed over. An attribute that is
/// listed several times counts as often.
///
/// Throws FileError, FormatError for anything but such an object, numbers from 1 below 2^31, an item twice: with file,
/// line and column.
inline std::vector<std::vector<std::int32_t>> read_item_attributes(const std::filesystem::path& file,
                                                                   const Vocabulary& items) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw FileError(message(file.string(), ": cannot be opened"));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) throw FileError(message(file.string(), ": cannot be read"));
    std::vector<std::vector<std::int32_t>> attributes(static_cast<std::size_t>(items.size()) + 1);
    std::vector<bool> seen(attributes.size(), false);
    auto json = detail::JsonReader::of_file(text, file.string());
    json.object([&](const std::string& key) {
        const auto id = static_cast<std::size_t>(items.find(key).value_or(0));
        if (id != 0 && seen[id]) json.fail(message("item \"", key, "\" once"));
        seen[id] = true;
        json.array([&] {
            const std::int64_t number = json.number();
            if (number < 1 || number > std::numeric_limits<std::int32_t>::max() - 1)
                json.fail("an attribute from 1 below 2^31 before this");
            if (id != 0) attributes[id].push_back(static_cast<std::int32_t>(number));
        });
    });
    json.end();
    return attributes;
}

DEEPREC_END
