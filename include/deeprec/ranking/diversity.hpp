/// Lists that are not all alike: the best k of some candidates under a rule about the list as a whole.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN

/// The categories of each item, numbers from 0: element i has those of item i, one that is named twice counting once;
/// element 0 is padding. Refers to lists that must outlive it.
using ItemCategories = std::span<const std::vector<std::int32_t>>;

/// Maximal marginal relevance (Carbonell & Goldstein 1998): one after the other, the candidate with the highest
/// (1 - strength) relevance - strength (similarity to the most similar item of the list so far), relevance being the
/// score, scaled to 0 ... 1 over the candidates. Cost: k C similarities for C candidates.
struct Mmr {
    double strength = 0.3;  ///< 0: by score alone; 1: by difference alone
    /// similarity(a, b) in -1 ... 1; empty: the scorer's own, the cosine of what it knows of two items.
    std::function<double(std::int32_t, std::int32_t)> similarity{};
    Index candidates = 0;  ///< the best so many by score; 0 = 10 k
};

/// At most `most` items of one category; an item of several counts for each. Where the rule leaves fewer than k, the
/// best others fill the list's end. Cost: a walk down the ranking as far as needed.
struct MaxPerCategory {
    Index most = 2;               ///< in a list
    ItemCategories categories{};  ///< of each item
};

/// Calibrated to the history (Steck 2018): one after the other, the candidate that makes (1 - strength) (sum of
/// relevance) - strength k KL(p || q) largest, with p the share of each category in the query's history, q that in the
/// list (with 1 % of p mixed in), relevance as in Mmr; an item's weight is shared by its categories. Without a history
/// with categories the order is that of the scores. Cost: k C K steps for C candidates and K categories of the history.
struct Calibrated {
    double strength = 0.5;        ///< 0: by score alone; 1: by the shares alone
    ItemCategories categories{};  ///< of each item
    Index candidates = 0;         ///< the best so many by score; 0 = 10 k
};

/// At least so many items of some categories, as far as there are: `Quotas{{{3, 2}}, categories}` for two of
/// category 3. Best first, an item counts for each of its categories; the places that are not promised go to the best
/// of all. Cost: a walk down the ranking as far as needed.
struct Quotas {
    std::map<std::int32_t, Index> least{};  ///< items that a category is promised, by its number
    ItemCategories categories{};            ///< of each item
};

/// What a list as a whole is asked for; nothing, by default.
using Diversity = std::variant<std::monostate, Mmr, MaxPerCategory, Calibrated, Quotas>;

namespace detail {

inline void check_strength(std::string_view rule, double strength, Index candidates) {
    if (!(strength >= 0 && strength <= 1) || candidates < 0)
        throw ArgumentError(message(rule, ": expected a strength from 0 to 1 and 0 or more candidates, received ",
                                    strength, " and ", candidates));
}
inline std::span<const std::int32_t> categories_of(std::string_view rule, ItemCategories all, std::int32_t item) {
    if (static_cast<std::size_t>(item) >= all.size())
        throw DataError(message(rule, ": item ", item, " has no list of categories, there are ", all.size(),
                                " lists with that of padding"));
    return all[static_cast<std::size_t>(item)];
}
/// f(category) for each of the categories, once where it is named again. Throws DataError for a negative one.
template <class F>
void each_category(std::string_view rule, std::int32_t item, std::span<const std::int32_t> categories, F&& f) {
    for (std::size_t i = 0; i < categories.size(); ++i) {
        if (categories[i] < 0) throw DataError(message(rule, ": item ", item, " has the category ", categories[i]));
        const auto here = categories.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find(categories.begin(), here, categories[i]) == here) f(categories[i]);
    }
}
/// How many of the best by score a rule looks at first, for a list of k.
inline Index candidates_for(const Diversity& rule, Index k) {
    Index wanted = 0;
    if (const auto* mmr = std::get_if<Mmr>(&rule)) {
        check_strength("Mmr", mmr->strength, mmr->candidates);
        wanted = mmr->candidates;
    } else if (const auto* calibrated = std::get_if<Calibrated>(&rule)) {
        check_strength("Calibrated", calibrated->strength, calibrated->candidates);
        wanted = calibrated->candidates;
    } else if (const auto* most = std::get_if<MaxPerCategory>(&rule)) {
        if (most->most < 1) throw ArgumentError(message("MaxPerCategory: expected most >= 1, received ", most->most));
    } else if (const auto* quotas = std::get_if<Quotas>(&rule)) {
        Index promised = 0;
        for (const auto& [category, least] : quotas->least) {
            if (least < 0)
                throw ArgumentError(
                    message("Quotas: expected 0 or more items of category ", category, ", received ", least));
            promised += least;
        }
        if (promised > k && k > 0)
            throw ArgumentError(
                message("Quotas: expected no more than the ", k, " items of the list, received ", promised));
    } else {
        return k;
    }
    return std::max(k, wanted > 0 ? wanted : 10 * std::min<Index>(k, Index{1} << 31));
}

/// Scores scaled to 0 ... 1; all 1 where they are equal but for rounding.
template <class T>
std::vector<double> relevance_of(const std::vector<Hit<T>>& ranked) {
    std::vector<double> relevance(ranked.size(), 1.0);
    if (ranked.empty()) return relevance;
    const double high = static_cast<double>(ranked.front().score), low = static_cast<double>(ranked.back().score);
    const double rounding =
        4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * std::max(std::abs(high), std::abs(low));
    for (std::size_t i = 0; i < ranked.size() && high - low > rounding; ++i)
        relevance[i] = (static_cast<double>(ranked[i].score) - low) / (high - low);
    return relevance;
}
/// Takes k times the candidate of the highest value(i), the first of equals; taken(i) says which it was.
template <class T, class Value, class Taken>
std::vector<Hit<T>> take_greedily(const std::vector<Hit<T>>& ranked, std::size_t k, const Value& value,
                                  const Taken& taken) {
    std::vector<Hit<T>> list;
    std::vector<std::uint8_t> used(ranked.size(), 0);
    while (list.size() < std::min(k, ranked.size())) {
        std::size_t best = ranked.size();
        double highest = 0;
        for (std::size_t i = 0; i < ranked.size(); ++i) {
            if (used[i]) continue;
            const double now = value(i);
            if (best < ranked.size() && !(now > highest)) continue;
            best = i;
            highest = now;
        }
        used[best] = 1;
        list.push_back(ranked[best]);
        taken(best);
    }
    return list;
}
template <class T>
std::vector<Hit<T>> apply(const Mmr& rule, const std::vector<Hit<T>>& ranked, std::size_t k,
                          FunctionRef<double(std::int32_t, std::int32_t)> similarity) {
    const auto relevance = relevance_of(ranked);
    std::vector<double> nearest(ranked.size(), 0.0);  // nothing is near to an empty list
    bool first = true;
    return take_greedily(
        ranked, k, [&](std::size_t i) { return (1 - rule.strength) * relevance[i] - rule.strength * nearest[i]; },
        [&](std::size_t best) {
            for (std::size_t i = 0; i < ranked.size(); ++i) {
                const double s = similarity(ranked[i].item, ranked[best].item);
                if (!std::isfinite(s))
                    throw NumericError(message("Mmr: the similarity of items ", ranked[i].item, " and ",
                                               ranked[best].item, " is ", s));
                nearest[i] = first ? s : std::max(nearest[i], s);
            }
            first = false;
        });
}
template <class T>
std::vector<Hit<T>> apply(const Calibrated& rule, const std::vector<Hit<T>>& ranked, std::size_t k,
                          std::span<const std::int32_t> history) {
    std::unordered_map<std::int32_t, std::size_t> place;  // of each category of the history, in `wanted`
    std::vector<double> wanted;                           // p
    double total = 0;
    const auto spread = [&](std::int32_t item, std::vector<double>& to, double& sum) {
        const auto categories = categories_of("Calibrated", rule.categories, item);
        std::size_t different = 0;
        each_category("Calibrated", item, categories, [&](std::int32_t) { ++different; });
        each_category("Calibrated", item, categories, [&](std::int32_t c) {
            if (&to == &wanted && place.emplace(c, to.size()).second) to.push_back(0.0);
            if (const auto found = place.find(c); found != place.end())
                to[found->second] += 1 / static_cast<double>(different);
        });
        sum += different > 0;
    };
    for (const std::int32_t item : history) spread(item, wanted, total);
    if (!(total > 0)) return {ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(std::min(k, ranked.size()))};
    const auto relevance = relevance_of(ranked);
    std::vector<double> listed(wanted.size(), 0.0), tried;
    double length = 0;
    const auto divergence = [&](const std::vector<double>& list, double n) {
        double kl = 0;
        for (std::size_t c = 0; c < wanted.size(); ++c) {
            const double p = wanted[c] / total, q = n > 0 ? list[c] / n : 0;
            if (p > 0) kl += p * std::log(p / (0.99 * q + 0.01 * p));
        }
        return kl;
    };
    const double weight = rule.strength * static_cast<double>(k);
    return take_greedily(
        ranked, k,
        [&](std::size_t i) {
            tried = listed;
            double n = length;
            spread(ranked[i].item, tried, n);
            return (1 - rule.strength) * relevance[i] - weight * divergence(tried, n);
        },
        [&](std::size_t best) { spread(ranked[best].item, listed, length); });
}
/// Those of the ranking that the rule lets in, then the others, k in all; `whole` = the ranking has all that there is.
/// Empty where a longer ranking must be asked for.
template <class T>
std::vector<Hit<T>> apply(const MaxPerCategory& rule, const std::vector<Hit<T>>& ranked, std::size_t k, bool whole) {
    std::vector<Hit<T>> list, others;
    std::unordered_map<std::int32_t, Index> counts;
    for (const Hit<T>& hit : ranked) {
        if (list.size() == k) return list;
        const auto categories = categories_of("MaxPerCategory", rule.categories, hit.item);
        bool room = true;
        each_category("MaxPerCategory", hit.item, categories,
                      [&](std::int32_t c) { room = room && counts[c] < rule.most; });
        if (room) each_category("MaxPerCategory", hit.item, categories, [&](std::int32_t c) { ++counts[c]; });
        (room ? list : others).push_back(hit);
    }
    if (list.size() < k && !whole) return {};
    for (std::size_t i = 0; i < others.size() && list.size() < k; ++i) list.push_back(others[i]);
    return list;
}
/// The same of items that fill a quota or a place that is not promised.
template <class T>
std::vector<Hit<T>> apply(const Quotas& rule, const std::vector<Hit<T>>& ranked, std::size_t k, bool whole) {
    std::vector<Hit<T>> list, others;
    std::map<std::int32_t, Index> open = rule.least;
    Index promised = 0;
    for (const auto& quota : open) promised += quota.second;
    for (const Hit<T>& hit : ranked) {
        if (list.size() == k) return list;
        bool wanted = static_cast<Index>(k - list.size()) > promised;
        each_category("Quotas", hit.item, categories_of("Quotas", rule.categories, hit.item), [&](std::int32_t c) {
            const auto quota = open.find(c);
            if (quota == open.end() || quota->second == 0) return;
            --quota->second;
            --promised;
            wanted = true;
        });
        (wanted ? list : others).push_back(hit);
    }
    if (list.size() < k && !whole) return {};
    for (std::size_t i = 0; i < others.size() && list.size() < k; ++i) list.push_back(others[i]);
    return list;
}

}  // namespace detail

DEEPREC_END
