/// An item's feature sequence: what is known about it, as the ids of words, for the item tower.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// Which tokens an item has.
struct ItemTokenOptions {
    Index length = 20;           ///< T, tokens per item
    std::int32_t min_count = 2;  ///< a token that fewer items have is left out (not the item's id, which only one has)
    bool titles = true;          ///< "word:story"
    bool genres = true;          ///< "genre:Comedy"
    bool decades = true;         ///< "decade:1990"
    bool ids = false;  ///< "item:31": the item itself, which lets the tower learn what its features do not say
};

/// The words of a title: lower case, split at spaces and punctuation, apostrophes dropped, without "(1995)" at its end.
/// Letters beyond ASCII stay, the capitals of Latin-1 (as in "Été") become small.
inline std::vector<std::string> title_words(std::string_view title) {
    std::vector<std::string> words;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (const char c : split_year(title).title) {
        const auto byte = static_cast<unsigned char>(c);
        if (c >= 'A' && c <= 'Z')
            word += static_cast<char>(c + ('a' - 'A'));
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            word += c;
        else if (byte >= 0x80)  // U+00C0 to U+00DE are the bytes C3 80 to C3 9E; C3 97 is the multiplication sign
            word += static_cast<char>(word.ends_with('\xc3') && byte <= 0x9e && byte != 0x97 ? byte + 0x20 : byte);
        else if (c != '\'')
            finish();
    }
    finish();
    return words;
}

/// Turns items into rows of token ids. The vocabulary comes from the items alone, never from who took them.
///
/// The order in a row is item id, decade, genres, title words; a longer row loses its last words. Shorter rows are
/// padded at their end, so that what a place in the row means stays the same for a convolution. A token carries its
/// kind, so the genre "genre:Comedy" is not the word "word:comedy".
class ItemTokenizer {
public:
    /// Builds the vocabulary. Throws ArgumentError unless length and min_count are positive.
    DEEPREC_LAZY explicit ItemTokenizer(const Catalogue& items, const ItemTokenOptions& options = {})
        : ItemTokenizer(items, options, [](std::int32_t) { return true; }) {}
    /// The vocabulary of the items that have training events, for catalogues that know the future: other items have
    /// what tokens they share with these. Throws DataError too, for items that `train` does not number.
    DEEPREC_LAZY ItemTokenizer(const Catalogue& items, const Sequences& train, const ItemTokenOptions& options = {})
        : ItemTokenizer(items, options, [&, counts = train.item_counts()](std::int32_t item) {
              if (items.size() != train.items())
                  throw DataError(message("ItemTokenizer: expected the ", items.size(), " items of the catalogue, ",
                                          "received training events of ", train.items()));
              return counts[static_cast<std::size_t>(item)] > 0;
          }) {}

    /// Of a vocabulary that another one had. Throws ArgumentError unless length and min_count are positive.
    DEEPREC_LAZY ItemTokenizer(Vocabulary vocabulary, const ItemTokenOptions& options)
        : options_(options), vocabulary_(std::move(vocabulary)) {
        check_options();
    }

    /// Token ids; an embedding over them has `vocabulary().size() + 1` rows.
    const Vocabulary& vocabulary() const { return vocabulary_; }
    /// What it was made with.
    const ItemTokenOptions& options() const { return options_; }

    /// The tokens of an item by name, whether in the vocabulary or not. Id 0 stands for an item that is new.
    DEEPREC_LAZY std::vector<std::string> tokens(const Item& item, std::int32_t id = 0) const {
        std::vector<std::string> tokens;
        if (options_.ids && id != 0) tokens.push_back("item:" + std::to_string(id));
        if (options_.decades && item.year != 0) tokens.push_back("decade:" + std::to_string(item.year / 10 * 10));
        if (options_.genres)
            for (const std::string& genre : item.genres) tokens.push_back("genre:" + genre);
        if (options_.titles)
            for (const std::string& word : title_words(item.title)) tokens.push_back("word:" + word);
        detail::keep_first_of_each(tokens);  // a word that a title repeats says nothing more
        return tokens;
    }
    /// Writes an item as one row of `options().length` ids. Throws ShapeError for another length.
    DEEPREC_LAZY void encode(const Item& item, std::int32_t id, std::span<std::int32_t> row) const {
        if (static_cast<Index>(row.size()) != options_.length)
            throw ShapeError(message("ItemTokenizer: expected a row of ", options_.length, ", received ", row.size()));
        std::vector<std::int32_t> ids;
        for (const std::string& token : tokens(item, id))
            if (const auto known = vocabulary_.find(token)) ids.push_back(*known);
        if (ids.size() > row.size()) ids.resize(row.size());
        std::fill(std::copy(ids.begin(), ids.end(), row.begin()), row.end(), 0);
    }
    /// All items by id: [n_items + 1, length]; row 0 is padding.
    DEEPREC_LAZY Tensor<std::int32_t, 2> table(const Catalogue& items) const {
        Tensor<std::int32_t, 2> table(Index{items.size()} + 1, options_.length);
        table.setZero();
        for (std::int32_t item = 1; item <= items.size(); ++item)
            encode(items[item], item,
                   {table.data() + item * options_.length, static_cast<std::size_t>(options_.length)});
        return table;
    }

private:
    template <class Chosen>
    ItemTokenizer(const Catalogue& items, const ItemTokenOptions& options, const Chosen& chosen) : options_(options) {
        check_options();
        Vocabulary all;
        std::vector<std::int32_t> counts;
        for (std::int32_t item = 1; item <= items.size(); ++item) {
            if (!chosen(item)) continue;
            for (const std::string& token : tokens(items[item], item)) {
                const auto id = static_cast<std::size_t>(all.add(token));
                if (id > counts.size()) counts.push_back(0);
                ++counts[id - 1];
            }
        }
        for (std::int32_t id = 1; id <= all.size(); ++id)
            if (counts[static_cast<std::size_t>(id) - 1] >= options.min_count || all.key(id).starts_with("item:"))
                vocabulary_.add(all.key(id));
    }
    void check_options() const {
        if (options_.length < 1 || options_.min_count < 1)
            throw ArgumentError(message("ItemTokenizer: expected length and min_count of at least 1, received ",
                                        options_.length, " and ", options_.min_count));
    }
    ItemTokenOptions options_;
    Vocabulary vocabulary_;
};

DEEPREC_END
