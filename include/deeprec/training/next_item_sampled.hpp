/// Next-item training against sampled items: what it costs does not grow with the catalogue.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/data/alias_table.hpp>

DEEPREC_BEGIN

/// What is made of a target's score p and the scores z of its k negatives:
///
///     sampled_softmax  log(e^p + sum_j e^(z_j - log E_j)) - p        E_j: how often j is expected among the negatives
///     gbce             (beta softplus(s - p) + sum_j softplus(z_j - s)) / (k + 1)          s = log(k / beta)
///     bce              the same with beta = 1
///     bpr              1 / k sum_j softplus(z_j - p)
///
/// `sampled_softmax` is corrected for the sampling (logQ; Bengio and Senecal 2008, Yi et al. 2019): its sum is an
/// unbiased estimate of that over all items, so its figures are those of NextItemSoftmax, whatever is drawn. The others
/// are not corrected: what is drawn often is pushed down often. `gbce` is that of Gbce (Petrov and Macdonald 2023):
/// beta = a (t (1 - 1/a) + 1/a) with the sampling rate a = k / (items - 1) and the calibration t. The probabilities of
/// both are sigmoid(score - s), so that scores of 0, which a model starts with, say how rare a positive is, and the k
/// negatives together weigh as much as it: without s the first thing to learn would be that all scores are low, and
/// with a scaled cosine, which has but one direction for that, the vectors hardly recover from it. The order of scores
/// does not know s.
enum class SampledLoss { sampled_softmax, gbce, bpr, bce };

/// Of NextItemSampled: `NextItemSampled{{.negatives = 1024}}`.
struct NextItemSampledOptions {
    SampledLoss loss = SampledLoss::sampled_softmax;  ///< its formula, see SampledLoss
    Index negatives = 2048;  ///< drawn anew for each batch, all its targets share them; as many as items: each once
    double alpha = 0;        ///< an item is drawn as max(its events, 1)^alpha: 0 all alike, 1 by popularity
    bool in_batch = false;   ///< the targets of a batch are negatives of each other too, beside those drawn (or alone)
    double calibration = 0.75;  ///< t of gbce
};

/// The loss of a SequenceRecommender for catalogues where NextItemSoftmax, against all items, costs too much
/// (docs/guide/11-scale.md): mean over the targets of a batch of a SampledLoss. A draw that is the target
/// itself is no negative of it; nor are the model's cold items. Gradients and steps of the tables touch the batch's
/// items alone, so that a step with Adam is that of PyTorch's SparseAdam. Same seed, same bits, for any number of
/// threads.
///
///     fit(next, samples, NextItemSampled{}, adam, {...});
///     fit(next, samples, NextItemSampled{{.loss = SampledLoss::gbce, .negatives = 256}}, adam, {...});
///     fit(next, samples, NextItemSampled{{.alpha = 0.5, .in_batch = true}, train.item_counts()}, adam, {...});
///
/// The validation loss sees the same draws every time. Within an epoch, models with attributes or a scale have no
/// vectors of all items (SequenceRecommender::vectors): callbacks score after epochs, not after batches.
class NextItemSampled {
public:
    /// `counts` of events by item id, element 0 padding: `train.item_counts()`; needed where popularity is. It keeps 12
    /// bytes an item for `alpha`, 4 for `in_batch`. Throws ArgumentError for options without meaning, DataError for
    /// counts of another number of items than the model's once it trains.
    explicit NextItemSampled(NextItemSampledOptions options = {}, std::span<const std::int64_t> counts = {})
        : options_(options) {
        const auto& o = options_;
        if (o.negatives < 0 || (o.negatives == 0 && !o.in_batch))
            throw ArgumentError(
                message(name(), ": expected a positive number of negatives (0 with in_batch), received ", o.negatives));
        if (!(o.alpha >= 0) || !std::isfinite(o.alpha))
            throw ArgumentError(message(name(), ": expected a finite alpha >= 0, received ", o.alpha));
        if (!(o.calibration >= 0 && o.calibration <= 1))
            throw ArgumentError(message(name(), ": expected a calibration in [0, 1], received ", o.calibration));
        if (!(o.alpha > 0) && !o.in_batch) return;
        if (counts.size() < 2)
            throw ArgumentError(message(name(), ": alpha and in_batch need the items' counts: NextItemSampled{{...}, ",
                                        "train.item_counts()}"));
        auto known = std::make_shared<Popularity>();
        known->items = static_cast<Index>(counts.size()) - 1;
        if (o.alpha > 0 && o.negatives > 0) {
            known->drawn = shares(counts, o.alpha);
            known->table = AliasTable(std::vector<double>(known->drawn.begin(), known->drawn.end()));
        }
        if (o.in_batch) known->target = shares(counts, 1);
        popularity_ = std::move(known);
    }
    static constexpr std::string_view name() { return "NextItemSampled"; }
    /// What it was made with.
    const NextItemSampledOptions& options() const { return options_; }
    /// All options in words, by which a training that goes on knows them.
    std::string settings() const {
        constexpr std::string_view losses[] = {"sampled_softmax", "gbce", "bpr", "bce"};
        return message(losses[static_cast<std::size_t>(options_.loss)], ", ", options_.negatives, " negatives, alpha ",
                       options_.alpha, options_.in_batch ? ", in-batch" : "", ", calibration ", options_.calibration);
    }

    /// Adds the drawn negatives of a batch to `to`. Throws DataError for counts of other than `items`.
    void draw(Index items, Seed seed, std::vector<std::int32_t>& to) const {
        if (popularity_ && popularity_->items != items)
            throw DataError(
                message(name(), ": expected counts of ", items, " items, received those of ", popularity_->items));
        const RandomStream random(derive(seed, 0x6e656761));
        const bool all = options_.negatives >= items;
        for (Index i = 0; i < std::min(options_.negatives, items); ++i) {
            const auto number = static_cast<std::uint64_t>(i);
            if (all)
                to.push_back(static_cast<std::int32_t>(i + 1));
            else if (options_.alpha > 0)
                to.push_back(popularity_->table.draw(random, number));
            else
                to.push_back(static_cast<std::int32_t>(random.below(number, static_cast<std::uint64_t>(items))) + 1);
        }
    }
    /// E: how often the item is expected among the negatives of a batch of so many targets.
    double expected(std::int32_t item, Index items, Index targets) const {
        const auto i = static_cast<std::size_t>(item);
        const double n = static_cast<double>(options_.negatives);
        double count = options_.negatives >= items ? 1
                       : options_.alpha > 0        ? n * static_cast<double>(popularity_->drawn[i])
                                                   : n / static_cast<double>(items);
        if (options_.negatives == 0) count = 0;
        if (options_.in_batch) count += static_cast<double>(targets) * static_cast<double>(popularity_->target[i]);
        return count;
    }
    /// Of gbce, the power of the target's probability among k negatives; 1 of bce.
    double beta(Index k, Index items) const {
        if (options_.loss != SampledLoss::gbce) return 1;
        const double rate = std::min(1.0, static_cast<double>(k) / static_cast<double>(std::max<Index>(items - 1, 1)));
        return rate * options_.calibration + (1 - options_.calibration);
    }

private:
    struct Popularity {
        Index items = 0;
        AliasTable table;
        std::vector<float> drawn, target;  // probability of each item
    };
    static std::vector<float> shares(std::span<const std::int64_t> counts, double alpha) {
        const auto weight = [alpha](std::int64_t count) {
            return std::pow(static_cast<double>(std::max<std::int64_t>(count, 1)), alpha);
        };
        double total = 0;
        for (const std::int64_t count : counts.subspan(1)) total += weight(count);
        if (!std::isfinite(total))
            throw ArgumentError(
                message(name(), ": expected an alpha that keeps the sum of counts^alpha finite, received ", alpha));
        std::vector<float> weights{0.f};
        for (const std::int64_t count : counts.subspan(1)) weights.push_back(static_cast<float>(weight(count) / total));
        return weights;
    }

    NextItemSampledOptions options_;
    std::shared_ptr<const Popularity> popularity_;  // null where none is needed; copies share it
};

DEEPREC_END
