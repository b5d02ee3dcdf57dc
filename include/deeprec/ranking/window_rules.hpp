/// Sequential rules: what came within a few steps after.
#pragma once

#include <deeprec/ranking/item_links.hpp>

DEEPREC_BEGIN

/// score(j) = sum over the history of age_weight^age rule(e -> j), with rule(i -> j) the sum of 1 / distance over all
/// places of the train part where j follows i at a distance of 1 to `window`, divided by the number of places of i
/// (Ludewig & Jannach 2018, SR, as confidences).
/// As a scorer throws DataError for unknown items; ArgumentError unless the window is positive.
class WindowRules {
public:
    static constexpr std::string_view kind = "WindowRules";  ///< in files
    /// Of no items, to be loaded.
    WindowRules() = default;
    DEEPREC_LAZY explicit WindowRules(const Sequences& train, Index window = 5, HistoryWeights weights = {})
        : links_(make(train, window, weights)) {}
    void operator()(const Query& query, std::span<float> scores) const { links_.score(query.history, scores); }
    std::int32_t items() const { return links_.items(); }
    /// Whether a history can lead to the item.
    bool knows(std::int32_t item) const { return links_.reaches(item); }
    /// How strongly b follows a: rule(a -> b).
    double similarity(std::int32_t a, std::int32_t b) const { return links_.link(a, b); }
    /// The rules and their strengths.
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
    DEEPREC_LAZY static ItemLinks make(const Sequences& train, Index window, HistoryWeights weights) {
        train.check_training("WindowRules");
        if (window < 1) throw ArgumentError(message("WindowRules: expected a positive window, received ", window));
        struct Place {
            std::int32_t user;
            std::size_t step;
        };
        std::vector<std::vector<Place>> places(static_cast<std::size_t>(train.items()) + 1);
        for (std::int32_t user = 1; user <= train.users(); ++user)
            for (std::size_t t = 0; t < train[user].size(); ++t)
                places[static_cast<std::size_t>(train[user][t])].push_back({user, t});
        return {train.items(), "WindowRules", weights, [&](std::int32_t item, auto&& add) {
                    const auto& of_item = places[static_cast<std::size_t>(item)];
                    const double share = 1 / static_cast<double>(of_item.size());
                    for (const Place& place : of_item) {
                        const auto events = train[place.user].subspan(place.step);
                        const std::size_t end = std::min(events.size(), static_cast<std::size_t>(window) + 1);
                        for (std::size_t distance = 1; distance < end; ++distance)
                            add(events[distance], share / static_cast<double>(distance));
                    }
                }};
    }
    ItemLinks links_{"WindowRules"};
};

DEEPREC_END
