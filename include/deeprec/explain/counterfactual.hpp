/// Explaining a recommendation by what would have prevented it.
#pragma once

#include <deeprec/explain/explanation.hpp>
#include <deeprec/ranking/item_index.hpp>

DEEPREC_BEGIN

/// Events without which an item is not recommended.
struct Counterfactual {
    bool found = false;                ///< without `events` the item is not among the best k
    std::vector<Contribution> events;  ///< the strongest first; value: what its removal took off the item's lead
};

/// A small set of events whose removal (padding, id 0, in their place) drops `item` out of `index.recommend(user, k,
/// options)`: greedily the event that takes most off the item's lead over the k-th other item, then without each event
/// that turns out not to be needed. So no event of the set can be left out of it; a smaller set of others may exist.
/// The result is verified by the ranking itself. Empty and found if the item is not recommended anyway; not found if
/// the item is still recommended when all events are gone.
///
/// Shapes: user [1, T] ids. Throws ShapeError for more than one user, ArgumentError for k < 1, DataError for an item
/// that is not in the index, NumericError for scores that are not finite.
template <class Model, class User>
Counterfactual counterfactual(const ItemIndex<Model>& index, const User& user, std::int32_t item, Index k,
                              const RecommendOptions& options = {}) {
    if (k < 1) throw ArgumentError(message("counterfactual: expected k >= 1, received ", k));
    const Index row = Index(item) - index.first_item();
    if (row < 0 || row >= index.size())
        throw DataError(message("counterfactual: the index has items ", index.first_item(), " to ",
                                index.first_item() + index.size() - 1, ", received ", item));
    const auto ids = detail::one_sequence("counterfactual", user);
    Tensor<std::int32_t, 2> kept(ids.dimensions());
    std::copy_n(ids.data(), ids.size(), kept.data());
    const auto excluded = std::find(options.exclude.begin(), options.exclude.end(), item) != options.exclude.end();
    if (excluded || (options.allow && !options.allow(item)) || (options.eligible && !options.eligible->contains(item)))
        return {true, {}};
    if (options.diversity.index() != 0)
        throw ArgumentError("counterfactual: expected a list by score alone, received options with a diversity");

    using T = typename Model::Scalar;
    typename ItemIndex<Model>::Cache cache;
    RecommendOptions others = options;
    others.allow = [&](std::int32_t i) { return i != item && (!options.allow || options.allow(i)); };
    struct Lead {
        double value = 0;
        bool recommended = false;
    };
    // How far the item is before the k-th of the others, which is the last one that it has to beat.
    const auto lead = [&]() -> Lead {
        const auto hits = index.recommend(kept, k, others, cache);
        if (static_cast<Index>(hits.size()) < k) return {0, true};  // there is room for it whatever its score
        const std::int32_t rival = hits.back().item;
        const T* scores = cache.scores.data();
        const T own = scores[row], best = scores[rival - index.first_item()];
        detail::check_finite_score("counterfactual", item, own);
        return {static_cast<double>(own) - static_cast<double>(best), own > best || (!(own < best) && item < rival)};
    };

    Counterfactual result;
    std::vector<Contribution> left = detail::contributions_of(ids);
    Lead now = lead();
    while (now.recommended && !left.empty()) {
        std::size_t best = 0;
        Lead lowest{};
        for (std::size_t i = 0; i < left.size(); ++i) {
            kept(0, left[i].position) = 0;
            const Lead without = lead();
            kept(0, left[i].position) = left[i].id;
            if (i == 0 || std::pair(without.recommended, without.value) < std::pair(lowest.recommended, lowest.value)) {
                best = i;
                lowest = without;
            }
        }
        kept(0, left[best].position) = 0;
        left[best].value = now.value - lowest.value;
        result.events.push_back(left[best]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
        now = lowest;
    }
    if (now.recommended) return {};
    for (std::size_t i = result.events.size(); i-- > 0;) {
        kept(0, result.events[i].position) = result.events[i].id;
        if (!lead().recommended)
            result.events.erase(result.events.begin() + static_cast<std::ptrdiff_t>(i));
        else
            kept(0, result.events[i].position) = 0;
    }
    result.found = !lead().recommended;
    detail::sort_contributions(result.events);
    return result;
}

DEEPREC_END
