// What rules about the list as a whole cost and bring: the table of docs/guide/06-serve.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "recipes.hpp"

namespace recipes {

// Lists of 10 for the test queries, the history removed, by neighbourhoods, rules and factors in one (no network: it
// takes seconds). Unlikeness in a list is the mean of 1 - Jaccard over its pairs, by genres; coverage the share of the
// catalogue that is in some list; the distance to the taste is KL(history's shares || list's), as Calibrated has it.
inline void diversity_table(const World& world, int threads) {
    const Sequences& events = world.split.train();
    WeightedHybrid scorer{ItemKnn{events}, ItemKnn{events, {.age_weight = 0.8}}, WindowRules{events}, BprMf{events}};
    scorer.fit(world.validation, world.items(), world.protocol(threads));
    const auto& genres = world.attributes;
    const auto of = [&](std::int32_t item) -> const auto& { return genres[static_cast<std::size_t>(item)]; };
    const auto jaccard = [&](std::int32_t a, std::int32_t b) {
        double both = 0;
        for (const std::int32_t g : of(a)) both += std::count(of(b).begin(), of(b).end(), g) > 0;
        const double either = static_cast<double>(of(a).size() + of(b).size()) - both;
        return either > 0 ? both / either : 0.0;
    };
    std::int32_t categories = 0;
    for (const auto& list : genres)
        for (const std::int32_t g : list) categories = std::max(categories, g + 1);
    const auto shares = [&](const auto& items, const auto& item_of) {
        std::vector<double> share(static_cast<std::size_t>(categories), 0.0);
        for (const auto& x : items)
            for (const std::int32_t g : of(item_of(x)))
                share[static_cast<std::size_t>(g)] +=
                    1 / static_cast<double>(of(item_of(x)).size()) / static_cast<double>(items.size());
        return share;
    };
    std::printf(
        "| ML-100K, 10 items | HR@10 | NDCG@10 | unlikeness in a list | coverage | KL to the taste | ms a request |\n"
        "|---|---|---|---|---|---|---|\n");
    const auto row = [&](const char* name, const Diversity& rule) {
        double hr = 0, ndcg = 0, unlike = 0, distance = 0;
        std::vector<std::uint8_t> shown(static_cast<std::size_t>(world.items()) + 1, 0);
        const Stopwatch watch;
        std::vector<std::vector<Hit<float>>> lists;
        recommend_all(scorer, world.test, 10, {.exclude_history = true, .diversity = rule},
                      [&](std::size_t, const auto& hits) { lists.push_back(hits); });
        const double n = static_cast<double>(world.test.size()), ms = 1e3 * watch.seconds() / n;
        for (std::size_t q = 0; q < lists.size(); ++q) {
            const auto& hits = lists[q];
            if (hits.size() != 10) throw DataError(message(name, ": a list has ", hits.size(), " items"));
            for (std::size_t i = 0; i < hits.size(); ++i) {
                shown[static_cast<std::size_t>(hits[i].item)] = 1;
                if (hits[i].item == world.test[q].target) ++hr, ndcg += 1 / std::log2(static_cast<double>(i) + 2);
                for (std::size_t j = 0; j < i; ++j) unlike += (1 - jaccard(hits[i].item, hits[j].item)) / 45;
            }
            const auto taste = shares(world.test[q].history, [](std::int32_t item) { return item; });
            const auto list = shares(hits, [](const Hit<float>& hit) { return hit.item; });
            for (std::size_t g = 0; g < taste.size(); ++g)
                if (taste[g] > 0) distance += taste[g] * std::log(taste[g] / (0.99 * list[g] + 0.01 * taste[g]));
        }
        const double coverage = static_cast<double>(std::count(shown.begin(), shown.end(), 1)) / world.items();
        std::printf("| %s | %.4f | %.4f | %.3f | %.3f | %.3f | %.2f |\n", name, hr / n, ndcg / n, unlike / n, coverage,
                    distance / n, ms);
    };
    row("none", {});
    row("`Mmr{0.3}`, by people in common", Mmr{0.3});
    row("`Mmr{0.3, genres in common}`", Mmr{0.3, jaccard});
    row("`Mmr{0.5, genres in common}`", Mmr{0.5, jaccard});
    row("`MaxPerCategory{3}`", MaxPerCategory{3, genres});
    row("`MaxPerCategory{2}`", MaxPerCategory{2, genres});
    // The two rarest genres of the catalogue are promised a place each.
    std::vector<std::pair<Index, std::int32_t>> sizes;
    for (std::int32_t g = 0; g < categories; ++g) {
        const auto has = [&](const auto& list) { return std::count(list.begin(), list.end(), g) > 0; };
        if (const Index n = std::count_if(genres.begin(), genres.end(), has)) sizes.emplace_back(n, g);
    }
    std::sort(sizes.begin(), sizes.end());
    row("`Quotas`: one of each of the two rarest genres",
        Quotas{{{sizes.at(0).second, 1}, {sizes.at(1).second, 1}}, genres});
    row("`Calibrated{0.3}`", Calibrated{0.3, genres});
    row("`Calibrated{0.5}`", Calibrated{0.5, genres});
}

}  // namespace recipes
