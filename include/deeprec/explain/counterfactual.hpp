/// Explaining a recommendation by what would have prevented it.
#pragma once

#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/explain/explanation.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/recommend.hpp>

DEEPREC_BEGIN

/// Events without which an item is not recommended.
struct Counterfactual {
    bool found = false;                ///< without `events` the item is not among the best k
    std::vector<Contribution> events;  ///< the strongest first; value: what its removal took off the item's lead
};

namespace detail {
/// How far an item is before the last one that it has to beat.
struct Lead {
    double value = 0;
    bool recommended = false;
};
/// The smallest set of one event, else of two, else greedily the event that takes most off the lead, then without each
/// that turns out not to be needed. `set(event, there)` takes an event out or puts it back, `lead()` ranks.
template <class Set, class LeadNow>
Counterfactual fewest_events(std::vector<Contribution> left, const Set& set, const LeadNow& lead) {
    constexpr std::size_t most_in_pairs = 64;
    const Lead whole = lead();
    if (!whole.recommended) return {true, {}};
    const auto lead_without = [&](const Contribution& event) {
        set(event, false);
        const Lead now = lead();
        set(event, true);
        return now;
    };
    const auto lower = [](const Lead& a, const Lead& b) {
        return std::pair(a.recommended, a.value) < std::pair(b.recommended, b.value);
    };
    std::vector<std::pair<Lead, Contribution>> alone;
    for (const Contribution& event : left) alone.emplace_back(lead_without(event), event);
    std::stable_sort(alone.begin(), alone.end(), [&](auto& a, auto& b) { return lower(a.first, b.first); });
    for (auto& [now, event] : alone) event.value = whole.value - now.value;
    if (!alone.empty() && !alone[0].first.recommended) return {true, {alone[0].second}};
    for (std::size_t i = 0; i < std::min(alone.size(), most_in_pairs); ++i) {
        set(alone[i].second, false);
        for (std::size_t j = i + 1; j < std::min(alone.size(), most_in_pairs); ++j) {
            const Lead now = lead_without(alone[j].second);
            if (now.recommended) continue;
            Contribution second = alone[j].second;
            second.value = alone[i].first.value - now.value;
            Counterfactual pair{true, {alone[i].second, second}};
            sort_contributions(pair.events);
            return pair;
        }
        set(alone[i].second, true);
    }

    Counterfactual result;
    Lead now = whole;
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = alone[i].second;
    while (now.recommended && !left.empty()) {
        std::size_t best = 0;
        Lead lowest{};
        for (std::size_t i = 0; i < left.size(); ++i) {
            const Lead without = result.events.empty() ? alone[i].first : lead_without(left[i]);
            if (i == 0 || lower(without, lowest)) best = i, lowest = without;
        }
        set(left[best], false);
        left[best].value = now.value - lowest.value;
        result.events.push_back(left[best]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
        now = lowest;
    }
    if (now.recommended) return {};
    for (std::size_t i = result.events.size(); i-- > 0;) {
        set(result.events[i], true);
        if (!lead().recommended)
            result.events.erase(result.events.begin() + static_cast<std::ptrdiff_t>(i));
        else
            set(result.events[i], false);
    }
    result.found = !lead().recommended;
    sort_contributions(result.events);
    return result;
}
}  // namespace detail

/// A small set of events whose removal (padding, id 0, in their place) drops `item` out of `index.recommend(user, k,
/// options)`, verified by the ranking itself. Each event alone is tried first, then each pair, the events that take
/// most off the item's lead over the k-th other item first: so no smaller set exists than one of one or two events. (Of
/// more than 64 events the pairs are those of the 64 that take most off alone.) Where no pair is enough, events are
/// taken out greedily, then put back where they turn out not to be needed: none of such a set of three or more can be
/// left out, but a smaller set of others may exist. Empty and found if the item is not recommended anyway; not found if
/// the item is still recommended when all events are gone.
///
/// Costs a ranking for each of E events where one is enough, at most 1 + E + 2,016 where two are, and E for each event
/// of a larger set beside those.
///
/// Shapes: user [1, T] ids. Throws ShapeError for more than one user, ArgumentError for k < 1, DataError for an item
/// that is not in the index, NumericError for scores that are not finite.
template <class Model, class User>
    requires(!std::is_same_v<User, Query>)
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
    index.recommend(kept, 0, others, cache);  // refuses what it refuses
    Buffer<std::int32_t> excluded_items;
    const detail::Allowed allowed(others, {}, excluded_items);
    // How far the item is before the k-th of the others, which is the last one that it has to beat.
    const auto lead = [&]() -> detail::Lead {
        const T* scores = index.score(kept, cache, options.pool);
        const auto hits =
            detail::best_of_scores("counterfactual", scores, index.size(), index.first_item(), k, allowed);
        if (static_cast<Index>(hits.size()) < k) return {0, true};  // there is room for it whatever its score
        const std::int32_t rival = hits.back().item;
        const T own = scores[row], best = hits.back().score;
        detail::check_finite_score("counterfactual", item, own);
        return {static_cast<double>(own) - static_cast<double>(best), own > best || (!(own < best) && item < rival)};
    };

    const auto set = [&](const Contribution& c, bool there) { kept(0, c.position) = there ? c.id : 0; };
    return detail::fewest_events(detail::contributions_of(ids), set, lead);
}

/// The same for any scorer and a query: events are taken out of the history, and what is left moves together. With
/// `exclude_history` the whole history stays excluded. `position` counts in the query's history.
template <Scorer S>
Counterfactual counterfactual(const S& scorer, const Query& query, std::int32_t item, Index k,
                              const RecommendOptions& options = {}) {
    if (k < 1) throw ArgumentError(message("counterfactual: expected k >= 1, received ", k));
    detail::check_item("counterfactual", scorer.items(), item);
    if (options.diversity.index() != 0)
        throw ArgumentError("counterfactual: expected a list by score alone, received options with a diversity");
    std::vector<std::int32_t> excluded(options.exclude.begin(), options.exclude.end());
    if (options.exclude_history) excluded.insert(excluded.end(), query.history.begin(), query.history.end());
    if (std::find(excluded.begin(), excluded.end(), item) != excluded.end() ||
        (options.allow && !options.allow(item)) || (options.eligible && !options.eligible->contains(item)))
        return {true, {}};
    RecommendOptions ranked = options;
    ranked.exclude_history = false;
    ranked.exclude = excluded;
    ranked.diversity = {};
    std::vector<Contribution> events;
    for (std::size_t t = 0; t < query.history.size(); ++t)
        events.push_back({static_cast<Index>(t), query.history[t], 0});
    std::vector<std::uint8_t> there(events.size(), 1);
    const auto set = [&](const Contribution& c, bool is) { there[static_cast<std::size_t>(c.position)] = is; };
    const auto fields = detail::fields_of(scorer, query);
    detail::SomeEvents some(query, fields ? &*fields : nullptr);
    const auto lead = [&]() -> detail::Lead {
        const auto hits = recommend(scorer, some([&](auto t) { return there[t]; }), k + 1, ranked);
        const auto own = std::find_if(hits.begin(), hits.end(), [&](const auto& hit) { return hit.item == item; });
        if (std::ssize(hits) <= k) return {0, true};  // there is room for all
        if (own == hits.end()) return {-1, false};
        const auto& rival = own == hits.end() - 1 ? hits[hits.size() - 2] : hits.back();
        return {static_cast<double>(own->score) - static_cast<double>(rival.score), own != hits.end() - 1};
    };
    return detail::fewest_events(std::move(events), set, lead);
}

DEEPREC_END
