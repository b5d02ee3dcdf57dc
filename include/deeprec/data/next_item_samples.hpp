/// Training samples for two towers: which item came next, against items that did not.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/batch.hpp>
#include <deeprec/data/samplers.hpp>
#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/losses/sampled_softmax.hpp>

DEEPREC_BEGIN

/// Of NextItemSamples and NextItemRecords: `{.steps = 12, .negatives = 8}`.
struct NextItemOptions {
    Index steps = 50;      ///< T: the last behaviours that the user tower sees
    Index negatives = 4;   ///< candidates of a sample are the target and so many items drawn anew each epoch
    Index per_epoch = 0;   ///< samples of an epoch, a new random choice each time; 0 = all queries
    Index block = 1;       ///< samples that share candidates: the targets of all and the same negatives
    Index hardest_of = 1;  ///< each negative is the one of so many draws that `scorer` puts highest; needs block 1
    /// Fills scores[1..items] for a query, as for `evaluate_ranking`: an ItemIndex, a baseline. Asked anew for each
    /// sample of a batch, between two steps of `fit` and by one thread, so that it may follow the model in training.
    std::function<void(const Query&, std::span<float>)> scorer{};
    std::string history_field = "item";  ///< what NextItemRecords calls the items of the history
};

namespace detail {
/// The queries of each epoch and the candidates of a batch, for data sources with items of any form.
class NextItemDraws {
public:
    /// Candidates of samples: `items` [samples / block * candidates], those of a block side by side, and `targets`
    /// [samples, candidates].
    struct Drawn {
        Index samples, block, candidates;
        const std::int32_t* items;
        const float* targets;
    };
    /// Throws ArgumentError for options without meaning, DataError without queries, and for targets and draws that are
    /// not among `items` items.
    NextItemDraws(std::vector<Query> queries, Index items, const NegativeSampler& sampler, NextItemOptions options);

    Index size() const {
        const Index all = static_cast<Index>(queries_.size());
        return options_.per_epoch == 0 ? all : std::min(all, options_.per_epoch);
    }
    void start_epoch(Index epoch, Seed seed);
    const NextItemOptions& options() const { return options_; }
    const Query& query(Index sample) const { return queries_[static_cast<std::size_t>(number(sample))]; }
    /// Valid until the next call. Throws DataError for an index that is not below size().
    Drawn draw(std::span<const Index> indices) const;

private:
    void draw(const Query& query, std::uint64_t stream, std::span<std::int32_t> negatives) const;
    Index number(Index sample) const { return chosen_.empty() ? sample : chosen_[static_cast<std::size_t>(sample)]; }

    std::vector<Query> queries_;
    const NegativeSampler& sampler_;
    NextItemOptions options_;
    std::uint64_t epoch_ = 0;
    std::vector<Index> chosen_;           // queries of this epoch; empty = all
    mutable Buffer<std::int32_t> drawn_;  // the memory of the last batch
    mutable Buffer<float> targets_, scores_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION NextItemDraws::NextItemDraws(std::vector<Query> queries, Index items, const NegativeSampler& sampler,
                                              NextItemOptions options)
    : queries_(std::move(queries)), sampler_(sampler), options_(std::move(options)) {
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
    if (sampler.items() > items)
        throw DataError(message("NextItemSamples: the sampler draws items up to ", sampler.items(),
                                ", the features have items 1 to ", items));
    for (const Query& query : queries_)
        if (query.target < 1 || query.target > items)
            throw DataError(
                message("NextItemSamples: a target is item ", query.target, ", the features have items 1 to ", items));
}
DEEPREC_FUNCTION void NextItemDraws::start_epoch(Index epoch, Seed seed) {
    epoch_ = static_cast<std::uint64_t>(epoch) + 1;
    if (size() == static_cast<Index>(queries_.size())) return;
    chosen_.resize(queries_.size());
    for (std::size_t i = 0; i < chosen_.size(); ++i) chosen_[i] = static_cast<Index>(i);
    const RandomStream random(derive(seed, 0x6e657874));
    for (std::size_t i = 0; i < static_cast<std::size_t>(size()); ++i)  // the first part of a Fisher-Yates shuffle
        std::swap(chosen_[i], chosen_[i + random.below(i, chosen_.size() - i)]);
}
DEEPREC_FUNCTION NextItemDraws::Drawn NextItemDraws::draw(std::span<const Index> indices) const {
    for (const Index i : indices)
        if (i < 0 || i >= size())
            throw DataError(message("NextItemSamples: expected indices below ", size(), ", received ", i));
    const Index samples = static_cast<Index>(indices.size());
    Index block = std::max<Index>(1, std::min(options_.block, samples));
    while (samples % block != 0) --block;
    const Index candidates = block + options_.negatives, blocks = samples / block;
    std::int32_t* const all = drawn_.need(blocks * candidates);
    float* const targets = targets_.need_zeros(samples * candidates);
    for (Index k = 0; k < blocks; ++k) {
        std::int32_t* const drawn = all + k * candidates;
        const auto members = indices.subspan(static_cast<std::size_t>(k * block), static_cast<std::size_t>(block));
        for (std::size_t s = 0; s < members.size(); ++s) drawn[s] = query(members[s]).target;
        const std::span negatives(drawn + block, static_cast<std::size_t>(options_.negatives));
        const auto stream = static_cast<std::uint64_t>(number(members[0]));
        if (block == 1)
            draw(query(members[0]), stream, negatives);
        else
            sampler_.sample_shared(epoch_, stream, negatives);
        for (Index s = 0; s < block; ++s) {
            const Query& own = query(members[static_cast<std::size_t>(s)]);
            float* const target = targets + (k * block + s) * candidates;
            target[s] = 1;
            if (block > 1)
                for (Index j = 0; j < candidates; ++j)
                    if (j != s && (drawn[j] == own.target || sampler_.took(own.user, drawn[j]))) target[j] = left_out<>;
        }
    }
    return {samples, block, candidates, all, targets};
}
DEEPREC_FUNCTION void NextItemDraws::draw(const Query& query, std::uint64_t stream,
                                          std::span<std::int32_t> negatives) const {
    if (options_.hardest_of == 1) return sampler_.sample(epoch_, stream, query.user, query.target, negatives);
    const std::span scores(scores_.need(sampler_.items() + 1), static_cast<std::size_t>(sampler_.items()) + 1);
    options_.scorer(query, scores);
    sampler_.sample_hardest(
        epoch_, stream, query.user, query.target, options_.hardest_of,
        [&](std::int32_t item) { return scores[static_cast<std::size_t>(item)]; }, negatives);
}
#endif
}  // namespace detail

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
                    NextItemOptions options = {})
        : draws_(std::move(queries), item_features.dimension(0) - 1, sampler, std::move(options)),
          features_(item_features) {}

    Index size() const { return draws_.size(); }
    /// Draws the epoch's samples and, from here on, its negatives.
    void start_epoch(Index epoch, Seed seed) { draws_.start_epoch(epoch, seed); }
    /// Throws DataError for an index that is not below size().
    auto batch(std::span<const Index> indices) const {
        const auto drawn = draws_.draw(indices);
        const Index steps = draws_.options().steps, tokens = features_.dimension(1);
        const Index candidates = drawn.samples / drawn.block * drawn.candidates;
        std::int32_t* const users = users_.need(drawn.samples * steps);
        std::int32_t* const items = items_.need(candidates * tokens);
        for (Index row = 0; row < drawn.samples; ++row)
            pad_last(draws_.query(indices[static_cast<std::size_t>(row)]).history,
                     {users + row * steps, static_cast<std::size_t>(steps)});
        for (Index j = 0; j < candidates; ++j) std::copy_n(&features_(drawn.items[j], 0), tokens, items + j * tokens);
        return Batch<Pair<View<const std::int32_t, 2>, View<const std::int32_t, 2>>, float>{
            {{users, {drawn.samples, steps}}, {items, {candidates, tokens}}, drawn.block},
            {drawn.targets, {drawn.samples, drawn.candidates}}};
    }

private:
    detail::NextItemDraws draws_;
    const Tokens& features_;
    mutable Buffer<std::int32_t> users_, items_;  // the memory of the last batch
};

/// The same for a TwoTower whose towers read named fields:
///
///     const SequenceFields fields{split.all(), events.select(events.by_user_and_time()).samples(of_events)};
///     NextItemRecords samples{queries, items.samples(of_items), sampler, {.steps = 20}, &fields};
///     model.build({samples.user_shape(), samples.item_shape()}, Seed{42});
///     fit(model, samples, BinaryCrossEntropy{}, adam, {...});
///     ItemIndex index{model, items.samples(of_items), {.first_item = 1, .fields = &fields}};
///
/// The user tower gets the last `steps` items of a query as ids [B, T], padded in front, by the name "item"
/// (`history_field`), and what `fields` has of those events and of the user by their own names. The item tower gets the
/// candidates' rows of `items`, which has one for each item, row 0 being item 1. Keeps references to the sampler and
/// what the queries and fields look into.
class NextItemRecords {
public:
    /// Throws as NextItemSamples.
    NextItemRecords(std::vector<Query> queries, Record items, const NegativeSampler& sampler,
                    NextItemOptions options = {}, const SequenceFields* fields = nullptr)
        : draws_(std::move(queries), items.size(), sampler, std::move(options)),
          items_(std::move(items)),
          fields_(fields) {}

    Index size() const { return draws_.size(); }
    /// Draws other negatives, by the seed and the epoch; `fit` calls it.
    void start_epoch(Index epoch, Seed seed) { draws_.start_epoch(epoch, seed); }
    /// Of a sample, for `build`.
    RecordShape user_shape() const {
        const Index first[] = {0};
        return detail::shape_of(batch(first).inputs.user);
    }
    /// Of a candidate, for `build`.
    RecordShape item_shape() const { return items_.shape(); }
    /// Throws DataError for an index that is not below size() and a query whose history is not the user's first events.
    Batch<Pair<RecordView, RecordView>, float> batch(std::span<const Index> indices) const {
        const auto drawn = draws_.draw(indices);
        const Index steps = draws_.options().steps;
        users_.clear();
        for (const Index i : indices) {
            const Query& query = draws_.query(i);
            users_.add(query, query.fields ? *query.fields : fields_ ? fields_->of(query) : FieldsOfSequence{}, steps);
        }
        rows_.resize(static_cast<std::size_t>(drawn.samples / drawn.block * drawn.candidates));
        std::transform(drawn.items, drawn.items + rows_.size(), rows_.begin(),
                       [](auto item) { return Index{item} - 1; });
        return {{users_.all(steps, draws_.options().history_field), candidates_(view(items_), rows_), drawn.block},
                {drawn.targets, {drawn.samples, drawn.candidates}}};
    }

private:
    detail::NextItemDraws draws_;
    Record items_;
    const SequenceFields* fields_;
    mutable detail::QueryRecords users_;  // the memory of the last batch
    mutable detail::RecordRows candidates_;
    mutable std::vector<Index> rows_;
};

DEEPREC_END
