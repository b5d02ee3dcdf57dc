/// What may be recommended, and the best of a catalogue's scores under it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/ranking/diversity.hpp>
#include <deeprec/ranking/item_set.hpp>
#include <deeprec/ranking/scorer.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN

/// The same for every scorer and index. Whatever is asked for, k items come back wherever k may be recommended.
struct RecommendOptions {
    bool exclude_history = false;  ///< items of the query's history are not recommended
    /// Items never to recommend; one that is listed twice counts once, others than the scorer's are ignored.
    std::span<const std::int32_t> exclude{};
    /// Empty, or true for the items that may be recommended; asked about those that would be, in `recommend_all` by the
    /// threads of the pool.
    std::function<bool(std::int32_t)> allow{};
    /// Where there is a set, only its items may be recommended. An index does not score the others where it can help.
    std::optional<ItemSet> eligible{};
    Diversity diversity{};  ///< Mmr, MaxPerCategory, Quotas or Calibrated: a rule about the list as a whole
    /// Shares the items, and what layers of the user's tower can share, among its threads, with the same bits for any
    /// number of them; null = the calling thread alone. A pool serves one request at a time, and gains nothing with
    /// fewer than some thousand items, but for large LSTMs. `recommend_all` shares the queries instead.
    ThreadPool* pool = nullptr;
};

namespace detail {

using Similarity = FunctionRef<double(std::int32_t, std::int32_t)>;

/// Throws DataError for a set that is not of items 1 ... `items`.
inline void check_eligible(std::string_view name, const std::optional<ItemSet>& eligible, Index items) {
    if (eligible && eligible->items() != items)
        throw DataError(message(name, ": expected a set of eligible items of the ", items, " items, received one of ",
                                eligible->items()));
}

/// Whether the options let an item be recommended. Refers to the options, and to `scratch` for what they exclude.
class Allowed {
public:
    Allowed(const RecommendOptions& options, std::span<const std::int32_t> history, Buffer<std::int32_t>& scratch)
        : options_(options) {
        const auto seen = options.exclude_history ? history : std::span<const std::int32_t>();
        std::int32_t* const excluded = scratch.need(std::ssize(options.exclude) + std::ssize(seen));
        last_ =
            std::copy(seen.begin(), seen.end(), std::copy(options.exclude.begin(), options.exclude.end(), excluded));
        std::sort(excluded, last_);
        first_ = excluded;
    }
    bool operator()(std::int32_t item) const {
        return (!options_.eligible || options_.eligible->contains(item)) && !std::binary_search(first_, last_, item) &&
               (!options_.allow || options_.allow(item));
    }

private:
    const RecommendOptions& options_;
    std::int32_t *first_ = nullptr, *last_ = nullptr;
};

/// The list of k that the options ask for, among `items`: `best_of(most)` gives the best `most` that are allowed.
template <class T, class BestOf>
std::vector<Hit<T>> list_of(Index items, Index k, std::span<const std::int32_t> history,
                            const RecommendOptions& options, Similarity similarity, const BestOf& best_of) {
    Index most = candidates_for(options.diversity, k);
    std::vector<Hit<T>> ranked = best_of(most);
    const auto wanted = static_cast<std::size_t>(k);
    if (k == 0 || options.diversity.index() == 0) return ranked;
    if (const auto* rule = std::get_if<Mmr>(&options.diversity))
        return apply(*rule, ranked, wanted, rule->similarity ? Similarity(rule->similarity) : similarity);
    if (const auto* rule = std::get_if<Calibrated>(&options.diversity)) return apply(*rule, ranked, wanted, history);
    for (;; ranked = best_of(most *= 8)) {
        const bool whole = static_cast<Index>(ranked.size()) < most || most >= items;
        const auto* limit = std::get_if<MaxPerCategory>(&options.diversity);
        auto list = limit ? apply(*limit, ranked, wanted, whole)
                          : apply(std::get<Quotas>(options.diversity), ranked, wanted, whole);
        if (whole || !list.empty()) return list;
    }
}

/// The best k of the scores of the items first_item, first_item + 1, ... that are allowed. Throws NumericError, in the
/// name of who asks, for the first of these items whose score is not finite.
template <class T, class IsAllowed>
std::vector<Hit<T>> best_of_scores(std::string_view name, const T* scores, Index items, std::int32_t first_item,
                                   Index k, const IsAllowed& allowed) {
    const auto item_of = [&](Index i) { return static_cast<std::int32_t>(i) + first_item; };
    TopK<T> best(std::min(k, items));
    const bool finite = kernels::scan_scores(scores, items, best.threshold(), [&](Index i, T score) {
        if (allowed(item_of(i))) best.offer(item_of(i), score);
        return best.threshold();
    });
    if (!finite)
        for (Index i = 0; i < items; ++i)
            if (!std::isfinite(scores[i]) && allowed(item_of(i))) check_finite_score(name, item_of(i), scores[i]);
    return best.take();
}

}  // namespace detail

DEEPREC_END
