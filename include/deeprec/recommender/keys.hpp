/// Requests and answers of a recommender by keys.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/data/feature_values.hpp>
#include <deeprec/ranking/diversity.hpp>
#include <deeprec/ranking/item_set.hpp>

DEEPREC_BEGIN

/// A request by keys: `{.history = {"SKU-1", "SKU-2"}, .user = "u17"}`.
struct KeyQuery {
    std::vector<std::string> history{};  ///< oldest first; empty: what the recommender has of the user
    std::string user{};                  ///< empty: nobody in particular
    /// What is known of each event of `history`, by the columns that the model's features are of, and "time" in
    /// seconds: `{{{"event_type", "cart"}, {"time", 1.7e9}}, ...}`. Empty: nothing is known of them.
    std::vector<FeatureRow> events{};
    FeatureRow about_user{};  ///< the same of the user; empty: what the recommender has of the user
};

/// RecommendOptions by keys.
struct KeyOptions {
    bool exclude_history = false;                   ///< items of the history are not recommended
    std::vector<std::string> exclude{};             ///< items never to recommend
    std::function<bool(std::string_view)> allow{};  ///< empty, or true for the keys that may be recommended
    std::optional<ItemSet> filter{};                ///< `shop.where("category", "shoes")`
    Diversity diversity{};                          ///< with `shop.categories("category")` where it goes by those
    /// Most reasons a hit has; not set: 3 where they are looked up (neighbourhoods, Markov and hybrids of them), else
    /// 0, since a network's cost more than the request.
    std::optional<Index> reasons{};
    ThreadPool* pool = nullptr;  ///< threads that share the items of the request; null = none
};

/// An item of the history that speaks for the hit, and how much it adds to the score (`explain`).
struct Reason {
    std::string key;   ///< of the item in the history
    double value = 0;  ///< positive: it speaks for the hit
};
/// A recommended item by its key, and the events that speak for it.
struct KeyHit {
    std::string key;                ///< of the item
    float score = 0;                ///< the higher the better
    std::vector<Reason> because{};  ///< the strongest first
};
/// Best first.
struct KeyHits : std::vector<KeyHit> {
    std::vector<std::string> unknown{};  ///< keys of the request that the recommender does not know, passed over
    bool fallback = false;               ///< ranked by popularity: there was nothing known to go by
};

DEEPREC_END
