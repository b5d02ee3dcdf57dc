/// One way to recommend, for everything that scores: `recommend`, `similar_items`, `recommend_all`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/ranking/recommend_options.hpp>

DEEPREC_BEGIN

namespace detail {
/// A scorer's own similarity of two items, or an error that says that it has none.
template <Scorer S>
double similarity_of(const S& scorer, std::int32_t a, std::int32_t b) {
    if constexpr (HasSimilarity<S>)
        return scorer.similarity(a, b);
    else
        throw ArgumentError("recommend: this scorer knows no similarity of items; give one in Mmr::similarity");
}
template <Scorer S>
std::vector<Hit<float>> list_of_scores(const S& scorer, const Query& query, std::span<const float> scores, Index k,
                                       const RecommendOptions& options) {
    Buffer<std::int32_t> excluded;
    const Allowed allowed(options, query.history, excluded);
    return list_of<float>(
        scorer.items(), k, query.history, options,
        [&](std::int32_t a, std::int32_t b) { return similarity_of(scorer, a, b); },
        [&](Index most) { return best_of_scores("recommend", scores.data() + 1, scorer.items(), 1, most, allowed); });
}
}  // namespace detail

/// The best k items for a query among those that the options allow: best first, ties by the lower item; fewer only
/// where fewer are allowed, none for k = 0. `hit.score` is the scorer's, for an ItemIndex that before the final
/// activation. Throws ArgumentError for a negative k, DataError for eligible items of another catalogue, NumericError
/// for the first item that may be recommended and whose score is not finite, and what the scorer throws.
///
///     recommend(ItemKnn{train}, {.user = 7, .history = train[7]}, 10, {.exclude_history = true});
template <Scorer S>
std::vector<Hit<float>> recommend(const S& scorer, const Query& query, Index k, const RecommendOptions& options = {}) {
    if constexpr (requires { scorer.best(query, k, options); }) return scorer.best(query, k, options);
    detail::check_eligible("recommend", options.eligible, scorer.items());
    std::vector<float> scores(static_cast<std::size_t>(scorer.items()) + 1);
    if constexpr (requires { scorer.score(query, std::span(scores), options.eligible, options.pool); })
        scorer.score(query, std::span(scores), options.eligible, options.pool);
    else
        scorer(query, std::span(scores));
    return detail::list_of_scores(scorer, query, scores, k, options);
}

/// The k items most similar to one, by the scorer's `similarity(item, other)`: the cosine of item vectors or of users
/// in common, for Markov and WindowRules how strongly the other follows. Never the item itself. Options and errors as
/// for `recommend`, with the item as the history; DataError for an item that is not of the catalogue.
template <Scorer S>
    requires detail::HasSimilarity<S>
std::vector<Hit<float>> similar_items(const S& scorer, std::int32_t item, Index k, RecommendOptions options = {}) {
    detail::check_item("similar_items", scorer.items(), item);
    detail::check_eligible("similar_items", options.eligible, scorer.items());
    std::vector<float> scores(static_cast<std::size_t>(scorer.items()) + 1, 0.0f);
    run_tasks(options.pool, (scorer.items() + 4095) / 4096, [&](Index block) {
        const auto end = static_cast<std::int32_t>(std::min<Index>(scorer.items(), 4096 * (block + 1)));
        for (auto other = static_cast<std::int32_t>(4096 * block + 1); other <= end; ++other)
            if (!options.eligible || options.eligible->contains(other))
                scores[static_cast<std::size_t>(other)] = static_cast<float>(scorer.similarity(item, other));
    });
    options.exclude_history = true;
    return detail::list_of_scores(scorer, Query{0, std::span(&item, 1), 0}, scores, k, options);
}

/// Says nothing of how far a work is.
struct NoProgress {
    void operator()(Index, Index) const {}
};

/// `recommend` for many queries: sink(number of the query, hits) for each, in order, on the calling thread; the
/// threads of `options.pool` share the queries. The same lists for any number of threads. Scorers that take many
/// queries at once get 16. progress(done, of) is called at the start and after each round (64 queries for each thread).
/// Throws as `recommend`, once the sink had the queries of earlier rounds.
///
///     ThreadPool pool;
///     HitsFile file{"lists.csv", queries, {.users = &users, .items = &items}};
///     recommend_all(scorer, queries, 20, {.exclude_history = true, .pool = &pool}, file, ProgressBar{});
///     file.commit();
template <Scorer S, class Sink, class Progress = NoProgress>
void recommend_all(const S& scorer, std::span<const Query> queries, Index k, const RecommendOptions& options,
                   Sink&& sink, Progress&& progress = {}) {
    constexpr std::size_t block = 16;
    detail::check_eligible("recommend_all", options.eligible, scorer.items());
    RecommendOptions own = options;
    own.pool = nullptr;
    const std::size_t width = static_cast<std::size_t>(scorer.items()) + 1;
    const auto lanes = static_cast<std::size_t>(options.pool ? options.pool->threads() : 1);
    std::vector<std::vector<std::vector<Hit<float>>>> lists(4 * lanes);  // of each block of a round
    progress(Index{0}, std::ssize(queries));
    for (std::size_t first = 0; first < queries.size(); first += lists.size() * block) {
        const auto round = queries.subspan(first, std::min(lists.size() * block, queries.size() - first));
        const std::size_t blocks = (round.size() + block - 1) / block;
        run_tasks(options.pool, static_cast<Index>(blocks), [&](Index number) {
            const std::size_t begin = block * static_cast<std::size_t>(number);
            const auto asked = round.subspan(begin, std::min(block, round.size() - begin));
            auto& own_lists = lists[static_cast<std::size_t>(number)];
            own_lists.clear();
            if constexpr (requires(std::span<float> scores) { scorer(asked, scores); }) {
                if (!options.eligible) {
                    std::vector<float> scores(asked.size() * width);
                    scorer(asked, std::span(scores));
                    for (std::size_t i = 0; i < asked.size(); ++i)
                        own_lists.push_back(detail::list_of_scores(
                            scorer, asked[i], std::span(scores).subspan(i * width, width), k, own));
                    return;
                }
            }
            for (const Query& query : asked) own_lists.push_back(recommend(scorer, query, k, own));
        });
        for (std::size_t b = 0; b < blocks; ++b)
            for (std::size_t i = 0; i < lists[b].size(); ++i) sink(first + b * block + i, lists[b][i]);
        progress(static_cast<Index>(first + round.size()), static_cast<Index>(queries.size()));
    }
}

DEEPREC_END
