/// New items by their titles, years and genres, for item towers that read the rows of an ItemTokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/item_tokens.hpp>
#include <deeprec/io/stored_fields.hpp>

DEEPREC_BEGIN

/// Adds items to a Recommender or AnyRecommender whose `tokenizer` says what its item tower reads: item i of `items` is
/// keys[i - 1], and its row has what the vocabulary knows of its words, not an id of its own. It ranks at once; old
/// items keep their scores to the bit. Columns stay empty, see `set_columns`. Throws ArgumentError for a recommender
/// without tokenizer, DataError unless there is a key for each item, and as the recommender's `add_items`; then nothing
/// has changed.
template <class Shop>
void add_items(Shop& shop, const std::vector<std::string>& keys, const Catalogue& items) {
    if (!shop.tokenizer)
        throw ArgumentError(
            "add_items: expected a recommender with the tokenizer that its item tower was trained with");
    if (std::ssize(keys) != items.size())
        throw DataError(
            message("add_items: expected a key for each of ", items.size(), " items, received ", keys.size()));
    const Index length = shop.tokenizer->options().length;
    Tensor<std::int32_t, 2> rows(items.size(), length);
    for (std::int32_t id = 1; id <= items.size(); ++id)
        shop.tokenizer->encode(items[id], 0, {rows.data() + (id - 1) * length, static_cast<std::size_t>(length)});
    shop.add_items(keys, rows);
}

namespace detail {
/// A tokenizer as a part of a file, where there is one.
struct StoredTokenizer {
    std::optional<ItemTokenizer>& tokenizer;

    void fields(StoredFields& f) {
        if (f.reading() ? !f.has("options") : !tokenizer) return;
        const ItemTokenOptions own = tokenizer ? tokenizer->options() : ItemTokenOptions{};
        std::vector<std::int64_t> options{own.length, own.min_count, own.titles, own.genres, own.decades, own.ids};
        std::vector<std::string> words;
        for (std::int32_t id = 1; tokenizer && id <= tokenizer->vocabulary().size(); ++id)
            words.push_back(tokenizer->vocabulary().key(id));
        f.kept_list("options", options);
        f.texts("words", words);
        if (!f.reading()) return;
        constexpr std::int64_t most = 1 << 20;
        f.require(options.size() == 6 && options[0] >= 1 && options[0] <= most && options[1] >= 1 && options[1] <= most,
                  "expected a tokenizer of 6 options, with 1 to ", most, " words of an item, received ", options.size(),
                  " options or other words");
        Vocabulary vocabulary;
        for (const std::string& word : words)
            f.require(!word.empty() && vocabulary.add(word) > 0, "expected words, received an empty one");
        f.require(vocabulary.size() == std::ssize(words), "expected ", words.size(), " different words, received ",
                  vocabulary.size());
        tokenizer.emplace(std::move(vocabulary), ItemTokenOptions{.length = options[0],
                                                                  .min_count = static_cast<std::int32_t>(options[1]),
                                                                  .titles = options[2] != 0,
                                                                  .genres = options[3] != 0,
                                                                  .decades = options[4] != 0,
                                                                  .ids = options[5] != 0});
    }
};
}  // namespace detail

DEEPREC_END
