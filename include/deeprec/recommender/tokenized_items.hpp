/// New items by their titles, years and genres, for item towers that read the rows of an ItemTokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <deeprec/data/item_tokens.hpp>
#include <deeprec/io/stored_fields.hpp>

DEEPREC_BEGIN

/// Adds items to a Recommender or AnyRecommender whose `tokenizer` says what its item tower reads: item i of `items` is
/// keys[i - 1], and its row has what the vocabulary knows of its words, not an id of its own. It ranks at once; old items
/// keep their scores to the bit. Columns stay empty, see `set_columns`. Throws ArgumentError for a recommender without
/// tokenizer, DataError unless there is a key for each item, and as the recommender's `add_items`; then nothing has
/// changed.
template <class Shop>
void add_items(Shop& shop, const std::vector<std::string>& keys, const Catalogue& items) {
    if (!shop.tokenizer)
        throw ArgumentError("add_items: expected a recommender with the tokenizer that its item tower was trained with");
    if (std::ssize(keys) != items.size())
        throw DataError(message("add_items: expected a key for each of ", items.size(), " items, received ", keys.size()));
    const Index length = shop.tokenizer->options().length;
    Tensor<std::int32_t, 2> rows(items.size(), length);
    for (std::int32_t id = 1; id <= items.size(); ++id)
        shop.tokenizer->encode(items[id], 0,
                               {rows.data() + (id - 1) * length, static_cast<std::size_t>(length)});
    shop.add_items(keys, rows);
}

namespace detail {
/// A tokenizer as a part of a file, where there is one.
struct StoredTokenizer {
    std::optional<ItemTokenizer>& tokenizer;

    void fields(StoredFields& f) {
        if (f.reading() ? !f.has("length") : !tokenizer) return;
        ItemTokenOptions options = tokenizer ? tokenizer->options() : ItemTokenOptions{};
        std::vector<std::string> words;
        for (std::int32_t id = 1; tokenizer && id <= tokenizer->vocabulary().size(); ++id)
            words.push_back(tokenizer->vocabulary().key(id));
        std::vector<std::uint8_t> kinds{options.titles, options.genres, options.decades, options.ids};
        f.number("length", options.length);
        f.number("min_count", options.min_count);
        f.kept_list("kinds", kinds);
        f.texts("words", words);
        if (!f.reading()) return;
        f.require(kinds.size() == 4 && options.length >= 1 && options.length <= 1 << 20 && options.min_count >= 1,
                  "expected a tokenizer of 4 kinds of words and up to ", 1 << 20, " words of an item, received ",
                  kinds.size(), " and ", options.length);
        Vocabulary vocabulary;
        for (const std::string& word : words) vocabulary.add(word);
        f.require(vocabulary.size() == std::ssize(words), "expected ", words.size(), " different words, received ",
                  vocabulary.size());
        options.titles = kinds[0], options.genres = kinds[1], options.decades = kinds[2], options.ids = kinds[3];
        tokenizer.emplace(std::move(vocabulary), options);
    }
};
}  // namespace detail

DEEPREC_END
