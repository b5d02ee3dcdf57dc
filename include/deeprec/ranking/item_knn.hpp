/// Neighbourhoods: items that the same people took.
#pragma once

#include <deeprec/ranking/item_links.hpp>

DEEPREC_BEGIN

/// score(j) = sum over the history of age_weight^age cosine(e, j), with cosine(i, j) = |users of both| / sqrt(|users of
/// i| |users of j|), in the train part (Sarwar et al. 2001). All neighbours count; an item is no neighbour of its own.
/// `ItemKnn{train, {.age_weight = 1}}` weighs all events alike. As a scorer throws DataError for unknown items.
class ItemKnn {
public:
    explicit ItemKnn(const Sequences& train, HistoryWeights weights = {.age_weight = 1})
        : links_(make(train.distinct(), weights)) {}
    void operator()(const Query& query, std::span<float> scores) const { links_.score(query.history, scores); }

private:
    static ItemLinks make(const Sequences& sets, HistoryWeights weights) {
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
    ItemLinks links_;
};

DEEPREC_END
