/// Training samples for two towers: which item came next, against items that did not.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/data/batch.hpp>
#include <deeprec/data/samplers.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/losses/sampled_softmax.hpp>

DEEPREC_BEGIN

struct NextItemOptions {
    Index steps = 50;      ///< T: the last behaviours that the user tower sees
    Index negatives = 4;   ///< candidates of a sample are the target and so many items drawn anew each epoch
    Index per_epoch = 0;   ///< samples of an epoch, a new random choice each time; 0 = all queries
    Index block = 1;       ///< samples that share candidates: the targets of all and the same negatives
    Index hardest_of = 1;  ///< each negative is the one of so many draws that `scorer` puts highest; needs block 1
    /// Fills scores[1..items] for a query, as for `evaluate_ranking`: an ItemIndex, a baseline. Asked anew for each
    /// sample of a batch, between two steps of `fit` and by one thread, so that it may follow the model in training.
    std::function<void(const Query&, std::span<float>)> scorer{};
};

/// A data source (see data/batch.hpp) over queries. A sample is one query: the last `steps` behaviours as ids, padded
/// on the left with 0, and 1 + negatives candidates as rows of the items' features; the first candidate is the target.
///
/// Shapes of a batch: users [B, T] ids, items [B * (1 + negatives), T'] tokens, targets [B, 1 + negatives] of 1 and 0.
/// `item_features` has a row for each item id, row 0 for padding. Negatives are a function of (seed of the sampler,
/// epoch, sample) and the scores, so a data set that is never told of an epoch (validation) always shows the same ones.
/// Keeps references to `item_features`, the sampler and what the queries look into.
///
/// Negatives that look like targets teach more than those that any model knows to be none. With the model itself:
///
///     std::optional index{ItemIndex{model, rows, {.first_item = 1}}};
///     options.hardest_of = 8;
///     options.scorer = [&](const Query& query, std::span<float> scores) { (*index)(query, scores); };
///     auto renew = [&](const EpochEnd&) { index.emplace(model, rows, ItemIndexOptions{.first_item = 1}); };
class NextItemSamples {
public:
    using Tokens = Tensor<std::int32_t, 2>;
    /// Throws ArgumentError for options without meaning, DataError without queries or features of a target or negative.
    NextItemSamples(std::vector<Query> queries, const Tokens& item_features, const NegativeSampler& sampler,
                    NextItemOptions options = {});

    Index size() const {
        const Index all = static_cast<Index>(queries_.size());
        return options_.per_epoch == 0 ? all : std::min(all, options_.per_epoch);
    }
    /// Draws the epoch's samples and, from here on, its negatives.
    void start_epoch(Index epoch, Seed seed);
    /// Throws DataError for an index that is not below size().
    Batch<Pair<View<const std::int32_t, 2>, View<const std::int32_t, 2>>, float> batch(
        std::span<const Index> indices) const;

private:
    void draw(const Query& query, std::uint64_t stream, std::span<std::int32_t> negatives) const;
    Index number(Index sample) const { return chosen_.empty() ? sample : chosen_[static_cast<std::size_t>(sample)]; }
    const Query& query(Index sample) const { return queries_[static_cast<std::size_t>(number(sample))]; }

    std::vector<Query> queries_;
    const Tokens& features_;
    const NegativeSampler& sampler_;
    NextItemOptions options_;
    std::uint64_t epoch_ = 0;
    std::vector<Index> chosen_;                           // queries of this epoch; empty = all
    mutable Buffer<std::int32_t> users_, items_, drawn_;  // the memory of the last batch
    mutable Buffer<float> targets_, scores_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION NextItemSamples::NextItemSamples(std::vector<Query> queries, const Tokens& item_features,
                                                  const NegativeSampler& sampler, NextItemOptions options)
    : queries_(std::move(queries)), features_(item_features), sampler_(sampler), options_(std::move(options)) {
    if (options_.steps < 1 || options_.negatives < 1 || options_.per_epoch < 0 || options_.block < 1)
        throw ArgumentError(
            message("NextItemSamples: expected positive steps and negatives, per_epoch >= 0 and a positive block, "
                    "received ",
                    options_.steps, ", ", options_.negatives, ", ", options_.per_epoch, " and ", options_.block));
    if (options_.hardest_of < 1 || (options_.hardest_of > 1 && (!options_.scorer || options_.block > 1)))
        throw ArgumentError(message(
            "NextItemSamples: expected hardest_of >= 1, above 1 with a scorer and block 1, "
            "received ",
            options_.hardest_of, options_.scorer ? " with" : " without", " a scorer and block ", options_.block));
    if (queries_.empty()) throw DataError("NextItemSamples: there are no queries");
    if (sampler.items() >= features_.dimension(0))
        throw DataError(message("NextItemSamples: the sampler draws items up to ", sampler.items(),
                                ", the features have items 1 to ", features_.dimension(0) - 1));
    for (const Query& query : queries_)
        if (query.target < 1 || query.target >= features_.dimension(0))
            throw DataError(message("NextItemSamples: a target is item ", query.target,
                                    ", the features have items 1 to ", features_.dimension(0) - 1));
}

DEEPREC_FUNCTION void NextItemSamples::start_epoch(Index epoch, Seed seed) {
    epoch_ = static_cast<std::uint64_t>(epoch) + 1;
    if (size() == static_cast<Index>(queries_.size())) return;
    chosen_.resize(queries_.size());
    for (std::size_t i = 0; i < chosen_.size(); ++i) chosen_[i] = static_cast<Index>(i);
    const RandomStream random(derive(seed, 0x6e657874));
    for (std::size_t i = 0; i < static_cast<std::size_t>(size()); ++i)  // the first part of a Fisher-Yates shuffle
        std::swap(chosen_[i], chosen_[i + random.below(i, chosen_.size() - i)]);
}

DEEPREC_FUNCTION Batch<Pair<View<const std::int32_t, 2>, View<const std::int32_t, 2>>, float> NextItemSamples::batch(
    std::span<const Index> indices) const {
    for (const Index i : indices)
        if (i < 0 || i >= size())
            throw DataError(message("NextItemSamples: expected indices below ", size(), ", received ", i));
    const Index samples = static_cast<Index>(indices.size()), tokens = features_.dimension(1);
    Index block = std::max<Index>(1, std::min(options_.block, samples));
    while (samples % block != 0) --block;
    const Index candidates = block + options_.negatives, blocks = samples / block;
    std::int32_t* users = users_.need(samples * options_.steps);
    std::int32_t* items = items_.need(blocks * candidates * tokens);
    float* targets = targets_.need_zeros(samples * candidates);
    std::int32_t* drawn = drawn_.need(candidates);
    for (Index k = 0; k < blocks; ++k) {
        const auto members = indices.subspan(static_cast<std::size_t>(k * block), static_cast<std::size_t>(block));
        for (std::size_t s = 0; s < members.size(); ++s) drawn[s] = query(members[s]).target;
        const std::span negatives(drawn + block, static_cast<std::size_t>(options_.negatives));
        const Query& first = query(members[0]);
        const auto stream = static_cast<std::uint64_t>(number(members[0]));
        if (block == 1)
            draw(first, stream, negatives);
        else
            sampler_.sample_shared(epoch_, stream, negatives);
        for (Index j = 0; j < candidates; ++j)
            std::copy_n(&features_(drawn[j], 0), tokens, items + (k * candidates + j) * tokens);
        for (Index s = 0; s < block; ++s) {
            const Query& own = query(members[static_cast<std::size_t>(s)]);
            const Index row = k * block + s;
            pad_last(own.history, {users + row * options_.steps, static_cast<std::size_t>(options_.steps)});
            float* target = targets + row * candidates;
            target[s] = 1;
            if (block > 1)
                for (Index j = 0; j < candidates; ++j)
                    if (j != s && (drawn[j] == own.target || sampler_.took(own.user, drawn[j]))) target[j] = left_out<>;
        }
    }
    return {{{users, {samples, options_.steps}}, {items, {blocks * candidates, tokens}}, block},
            {targets, {samples, candidates}}};
}

DEEPREC_FUNCTION void NextItemSamples::draw(const Query& query, std::uint64_t stream,
                                            std::span<std::int32_t> negatives) const {
    if (options_.hardest_of == 1) return sampler_.sample(epoch_, stream, query.user, query.target, negatives);
    const std::span scores(scores_.need(sampler_.items() + 1), static_cast<std::size_t>(sampler_.items()) + 1);
    options_.scorer(query, scores);
    sampler_.sample_hardest(
        epoch_, stream, query.user, query.target, options_.hardest_of,
        [&](std::int32_t item) { return scores[static_cast<std::size_t>(item)]; }, negatives);
}
#endif

DEEPREC_END
