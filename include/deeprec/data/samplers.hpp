/// Negative items for training: drawn so that epochs, threads and restarts all agree.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// Draws items that a user did not take, with probability proportional to max(count, 1)^alpha, where count is how often
/// the training part has the item: alpha 0 is uniform, 1 follows popularity, and items without events keep a chance.
///
/// Only the training part is needed. A held-out target may therefore be drawn as a negative, as it must be when the
/// future is not known; avoiding it would tell the model the answer.
class NegativeSampler {
public:
    /// Throws ArgumentError unless alpha is finite and not negative, DataError without items or for sequences with what
    /// a split holds out.
    NegativeSampler(const Sequences& train, Seed seed, double alpha = 0);

    /// Fills `negatives` with items that are neither in the user's training part nor `positive`; they may repeat.
    /// The result is a pure function of (seed, epoch, index): `index` is the sample's number in the epoch's data,
    /// however it is shuffled or shared between threads. Throws DataError when the user took every item.
    void sample(std::uint64_t epoch, std::uint64_t index, std::int32_t user, std::int32_t positive,
                std::span<std::int32_t> negatives) const;

    /// Hard negatives: each is the one with the highest score(item) of `draws` that `sample` would give (dynamic
    /// negative sampling, Zhang et al. 2013); of equal scores the first drawn, and a NaN is below all others. A pure
    /// function of (seed, epoch, index) and the scores. Throws ArgumentError unless `draws` is positive, DataError as
    /// `sample`.
    template <class Score>
    void sample_hardest(std::uint64_t epoch, std::uint64_t index, std::int32_t user, std::int32_t positive, Index draws,
                        const Score& score, std::span<std::int32_t> negatives) const {
        if (draws < 1) throw ArgumentError(message("NegativeSampler: expected at least one draw, received ", draws));
        thread_local std::vector<std::int32_t> drawn;
        drawn.resize(negatives.size() * static_cast<std::size_t>(draws));
        sample(epoch, index, user, positive, drawn);
        for (std::size_t i = 0; i < negatives.size(); ++i) {
            const auto* candidate = drawn.data() + i * static_cast<std::size_t>(draws);
            negatives[i] = candidate[0];
            auto highest = score(candidate[0]);
            for (Index j = 1; j < draws; ++j)
                if (const auto own = score(candidate[j]); own > highest || std::isnan(highest)) {
                    highest = own;
                    negatives[i] = candidate[j];
                }
        }
    }

    /// Fills `negatives` with items for several users to share, whoever took them: see `took`. A pure function of
    /// (seed, epoch, index).
    void sample_shared(std::uint64_t epoch, std::uint64_t index, std::span<std::int32_t> negatives) const;
    /// Largest item that is drawn.
    std::int32_t items() const { return taken_.items(); }
    /// Whether the user's training part has the item.
    bool took(std::int32_t user, std::int32_t item) const {
        const auto taken = taken_[user];
        return std::binary_search(taken.begin(), taken.end(), item);
    }

    /// Log of the probability that one draw gives this item, before a user's own are left out: the logQ correction of a
    /// sampled softmax. Throws DataError for an id that is not in 1 to the number of items.
    double log_probability(std::int32_t item) const {
        if (item < 1 || item > taken_.items())
            throw DataError(
                message("NegativeSampler: expected an item from 1 to ", taken_.items(), ", received ", item));
        return std::log(weight(item) / cumulative_.back());
    }

private:
    double weight(std::int32_t item) const { return weights_[static_cast<std::size_t>(item)]; }
    std::int32_t item_at(double point) const {
        const auto found = std::upper_bound(cumulative_.begin() + 1, cumulative_.end(), point);
        return std::min(static_cast<std::int32_t>(found - cumulative_.begin()), taken_.items());
    }
    /// Exact draw among the allowed items by walking over all.
    template <class Allowed>
    std::int32_t pick(double uniform, std::int32_t user, const Allowed& allowed) const {
        double total = 0;
        std::int32_t last = 0;
        for (std::int32_t item = 1; item <= taken_.items(); ++item) {
            if (!allowed(item)) continue;
            total += weight(item);
            last = item;
        }
        if (last == 0)
            throw DataError(message("NegativeSampler: user ", user, " took all ", taken_.items(),
                                    " items, expected at least one that is left"));
        double point = uniform * total;
        for (std::int32_t item = 1; item < last; ++item) {
            if (!allowed(item)) continue;
            point -= weight(item);
            if (point < 0) return item;
        }
        return last;
    }

    Seed seed_;
    Sequences taken_;                           // each user's items, sorted by id
    std::vector<double> weights_, cumulative_;  // of item i; of items 1 to i
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION NegativeSampler::NegativeSampler(const Sequences& train, Seed seed, double alpha)
    : seed_(seed), taken_(train.distinct()) {
    train.check_training("NegativeSampler");
    if (train.items() == 0) throw DataError("NegativeSampler: expected at least one item, received none");
    const auto counts = train.item_counts();
    for (std::size_t item = 0; item < counts.size(); ++item) {
        const auto count = static_cast<double>(std::max<std::int64_t>(counts[item], 1));
        weights_.push_back(item == 0 ? 0.0 : std::pow(count, alpha));
        cumulative_.push_back(item == 0 ? 0.0 : cumulative_.back() + weights_.back());
    }
    if (!(alpha >= 0) || !std::isfinite(alpha) || !std::isfinite(cumulative_.back()))
        throw ArgumentError(
            message("NegativeSampler: expected a finite alpha of at least 0, small enough for "
                    "count^alpha to be finite, received ",
                    alpha));
}

DEEPREC_FUNCTION void NegativeSampler::sample(std::uint64_t epoch, std::uint64_t index, std::int32_t user,
                                              std::int32_t positive, std::span<std::int32_t> negatives) const {
    const auto taken = taken_[user];
    const auto allowed = [&](std::int32_t item) {
        return item != positive && !std::binary_search(taken.begin(), taken.end(), item);
    };
    const RandomStream random{derive(derive(seed_, epoch), index)};
    std::uint64_t draw = 0;
    for (std::int32_t& negative : negatives) {
        bool found = false;
        for (int tries = 0; tries < 64 && !found; ++tries) {  // enough unless the user took nearly everything
            negative = item_at(random.uniform(draw++) * cumulative_.back());
            found = allowed(negative);
        }
        if (!found) negative = pick(random.uniform(draw++), user, allowed);
    }
}

DEEPREC_FUNCTION void NegativeSampler::sample_shared(std::uint64_t epoch, std::uint64_t index,
                                                     std::span<std::int32_t> negatives) const {
    const RandomStream random{derive(derive(seed_, epoch), index)};
    for (std::size_t i = 0; i < negatives.size(); ++i) negatives[i] = item_at(random.uniform(i) * cumulative_.back());
}
#endif

DEEPREC_END
