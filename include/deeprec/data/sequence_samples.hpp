/// Training samples for next-item training: whole sequences, of which every step is a target.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/data/sequence_fields.hpp>

DEEPREC_BEGIN

/// Some sequences, oldest event first: each event but a sequence's first is a target, those before it its history.
struct SequenceBatch {
    std::span<const std::span<const std::int32_t>> sequences;  ///< item ids
    /// A number for each, by which those of equal length are ordered, so that the order of the batch changes no bit;
    /// empty = their places.
    std::span<const Index> numbers{};
    /// Of each sequence, for models that read fields; empty = none.
    std::span<const FieldsOfSequence> fields{};
};

/// A data source (see data/batch.hpp) over sequences. A user with more than `length` + 1 events becomes several samples
/// whose cuts move each epoch, so that every event is a target once an epoch and histories have all lengths.
/// Users with fewer than two events have no target and are left out. Looks into the Sequences, and the fields if the
/// model reads some, which must outlive it.
class SequenceSamples {
public:
    /// Throws ArgumentError unless length is positive, DataError where nobody has two events or the sequences have
    /// what a split holds out.
    DEEPREC_LAZY explicit SequenceSamples(const Sequences& train, Index length = 50,
                                          const SequenceFields* fields = nullptr)
        : train_(&train), length_(length), fields_(fields) {
        train.check_training("SequenceSamples");
        if (length < 1) throw ArgumentError(message("SequenceSamples: expected a positive length, received ", length));
        for (std::int32_t user = 1; user <= train.users(); ++user) {
            const Index targets = static_cast<Index>(train[user].size()) - 1;
            if (targets < 1) continue;
            const Index parts = targets <= length ? 1 : (targets + length - 1) / length + 1;
            for (std::int32_t part = 0; part < parts; ++part) samples_.push_back({user, part});
        }
        if (samples_.empty()) throw DataError("SequenceSamples: no user has two events");
    }

    Index size() const { return static_cast<Index>(samples_.size()); }
    /// Moves the cuts.
    void start_epoch(Index, Seed seed) { seed_ = seed; }
    /// Throws DataError for an index that is not below size().
    DEEPREC_LAZY SequenceBatch batch(std::span<const Index> indices) const {
        const RandomStream random(derive(seed_, 0x637574));
        batch_.clear();
        numbers_.clear();
        batch_fields_.clear();
        for (const Index i : indices) {
            if (i < 0 || i >= size())
                throw DataError(message("SequenceSamples: expected indices below ", size(), ", received ", i));
            const Sample& sample = samples_[static_cast<std::size_t>(i)];
            const auto events = (*train_)[sample.user];
            const Index n = static_cast<Index>(events.size());
            if (n <= length_ + 1) {
                add(sample.user, events, 0, n, i);
                continue;
            }
            const Index first = 1 + static_cast<Index>(random.below(static_cast<std::uint64_t>(sample.user),
                                                                    static_cast<std::uint64_t>(length_)));
            const Index begin = sample.part == 0 ? 0 : first + (sample.part - 1) * length_;
            const Index end = std::min(n - 1, first + sample.part * length_);  // the last target
            if (begin >= end) continue;
            add(sample.user, events, begin, end - begin + 1, i);
        }
        return {batch_, numbers_, batch_fields_};
    }

private:
    struct Sample {
        std::int32_t user, part;
    };
    void add(std::int32_t user, std::span<const std::int32_t> events, Index begin, Index count, Index number) const {
        batch_.push_back(events.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
        numbers_.push_back(number);
        if (fields_) batch_fields_.push_back(fields_->of(user, begin, count));
    }
    const Sequences* train_;
    Index length_;
    const SequenceFields* fields_;
    Seed seed_{};
    std::vector<Sample> samples_;
    mutable std::vector<std::span<const std::int32_t>> batch_;  // the memory of the last batch
    mutable std::vector<Index> numbers_;
    mutable std::vector<FieldsOfSequence> batch_fields_;
};

DEEPREC_END
