/// Which items may be recommended, made once for many requests.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// A set of the items 1 ... N of a catalogue: one bit an item. A value that never changes; copies share the bits, so
/// that options keep what a temporary had.
///
///     const ItemSet shoes = ItemSet::where(n, [&](std::int32_t item) { return category[item] == "shoes"; });
///     recommend(scorer, query, 10, {.eligible = shoes & ~sold_out});
class ItemSet {
public:
    /// The listed items; an item that is listed twice counts once. Throws DataError for an item outside 1 ... N,
    /// ArgumentError for a negative N.
    ItemSet(std::int32_t items, std::span<const std::int32_t> listed) : items_(items) {
        Words words = empty(items);
        for (const std::int32_t item : listed) {
            if (item < 1 || item > items)
                throw DataError(message("ItemSet: expected items from 1 to ", items, ", received ", item));
            set(words, item);
        }
        keep(std::move(words));
    }
    /// The items for which `chosen(item)` holds.
    template <class Chosen>
    static ItemSet where(std::int32_t items, Chosen&& chosen) {
        ItemSet result(items, {});
        Words words = empty(items);
        for (std::int32_t item = 1; item <= items; ++item)
            if (chosen(item)) set(words, item);
        result.keep(std::move(words));
        return result;
    }

    /// N, the size of the catalogue.
    std::int32_t items() const { return items_; }
    /// How many items are in the set.
    std::int32_t count() const { return count_; }
    /// Padding, item 0, and numbers that the catalogue does not have are in no set.
    bool contains(std::int32_t item) const {
        if (item < 0 || item > items_) return false;
        return ((*words_)[static_cast<std::size_t>(item) / 64] >> (static_cast<std::size_t>(item) % 64)) & 1u;
    }
    /// f(item) for each item of begin ... end - 1 that is in the set, in order.
    template <class F>
    void for_each(std::int32_t begin, std::int32_t end, F&& f) const {
        for (std::int32_t first = begin / 64 * 64; first < end; first += 64) {
            std::uint64_t word = (*words_)[static_cast<std::size_t>(first) / 64];
            for (; word != 0; word &= word - 1) {
                const std::int32_t item = first + std::countr_zero(word);
                if (item >= begin && item < end) f(item);
            }
        }
    }

    /// Throws DataError for sets of catalogues of different sizes.
    friend ItemSet operator&(const ItemSet& a, const ItemSet& b) {
        return a.combined(b, [](std::uint64_t x, std::uint64_t y) { return x & y; });
    }
    friend ItemSet operator|(const ItemSet& a, const ItemSet& b) {
        return a.combined(b, [](std::uint64_t x, std::uint64_t y) { return x | y; });
    }
    ItemSet operator~() const {
        ItemSet result(items_, {});
        Words words = *words_;
        for (std::uint64_t& word : words) word = ~word;
        words.front() &= ~std::uint64_t{1};
        if (const int used = (items_ + 1) % 64) words.back() &= (std::uint64_t{1} << used) - 1;
        result.keep(std::move(words));
        return result;
    }

private:
    using Words = std::vector<std::uint64_t>;

    static Words empty(std::int32_t items) {
        if (items < 0) throw ArgumentError(message("ItemSet: expected 0 or more items, received ", items));
        return Words(static_cast<std::size_t>(items) / 64 + 1, 0);
    }
    static void set(Words& words, std::int32_t item) {
        words[static_cast<std::size_t>(item) / 64] |= std::uint64_t{1} << (static_cast<std::size_t>(item) % 64);
    }
    void keep(Words words) {
        words_ = std::make_shared<const Words>(std::move(words));
        count_ = 0;
        for (const std::uint64_t word : *words_) count_ += std::popcount(word);
    }
    template <class F>
    ItemSet combined(const ItemSet& other, const F& f) const {
        if (items_ != other.items_)
            throw DataError(message("ItemSet: expected two sets of one catalogue, received sets of ", items_, " and ",
                                    other.items_, " items"));
        ItemSet result(items_, {});
        Words words = *words_;
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = f(words[i], (*other.words_)[i]);
        result.keep(std::move(words));
        return result;
    }

    std::int32_t items_ = 0, count_ = 0;
    std::shared_ptr<const Words> words_;
};

DEEPREC_END
