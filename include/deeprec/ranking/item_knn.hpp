/// Neighbourhoods: items that the same people took.
#pragma once

#include <deeprec/ranking/item_links.hpp>

DEEPREC_BEGIN

/// score(j) = sum over the history of age_weight^age cosine(e, j), with cosine(i, j) = |users of both| / sqrt(|users of
/// i| |users of j|), in the train part (Sarwar et al. 2001). All neighbours count; an item is no neighbour of its own.
/// `ItemKnn{train, {.age_weight = 1}}` weighs all events alike. As a scorer throws DataError for unknown items.
class ItemKnn {
public:
    static constexpr std::string_view kind = "ItemKnn";  ///< in files
    /// Of no items, to be loaded.
    ItemKnn() = default;
    DEEPREC_LAZY explicit ItemKnn(const Sequences& train, HistoryWeights weights = {.age_weight = 1})
        : links_(make(train.distinct(), weights)) {}
    void operator()(const Query& query, std::span<float> scores) const { links_.score(query.history, scores); }
    std::int32_t items() const { return links_.items(); }
    /// Whether a history can lead to the item.
    bool knows(std::int32_t item) const { return links_.reaches(item); }
    /// cosine(a, b).
    double similarity(std::int32_t a, std::int32_t b) const { return a == b ? 1 : links_.link(a, b); }
    /// The neighbours and their cosines.
    const ItemLinks& links() const { return links_; }
    /// What each event of the history adds to the item's score; returns what is left without any.
    double contributions(const Query& query, std::int32_t item, std::span<double> events) const {
        links_.contributions(query.history, item, events);
        return 0;
    }
    /// New items, without neighbours yet.
    void add_items(Index count) { links_.add_items(count); }
    DEEPREC_LAZY void fields(StoredFields& f) {
        f.kind(kind);
        f.part("links", links_);
    }

private:
    DEEPREC_LAZY static ItemLinks make(const Sequences& sets, HistoryWeights weights) {
        const auto counts = sets.item_counts();
        std::vector<std::vector<std::int32_t>> users(counts.size());  // of each item
        for (std::int32_t user = 1; user <= sets.users(); ++user)
            for (const std::int32_t item : sets[user]) users[static_cast<std::size_t>(item)].push_back(user);
        const auto size = [&](std::int32_t item) {
            return static_cast<double>(counts[static_cast<std::size_t>(item)]);
        };
        return {sets.items(), "ItemKnn", weights, [&](std::int32_t item, auto&& add) {
                    for (const std::int32_t user : users[static_cast<std::size_t>(item)])
                        for (const std::int32_t other : sets[user])
                            if (other != item) add(other, 1 / std::sqrt(size(item) * size(other)));
                }};
    }
    ItemLinks links_{"ItemKnn"};
};

DEEPREC_END
