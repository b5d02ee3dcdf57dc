/// The tower's part of a training step of a SequenceRecommender, whatever the loss.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/pass.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/training/gradient_sum.hpp>

DEEPREC_BEGIN
namespace detail {

/// Sequences are sorted by length and cut into shards, so that little of a shard is padding; each shard runs the tower
/// forward, the loss sees the outputs of all steps that have a target, and the shards run backward. The order of every
/// sum depends on the batch alone: same bits for any number of threads.
template <class Model>
class SequencePasses {
    using T = typename Model::Scalar;

public:
    explicit SequencePasses(ThreadPool& pool) : pool_(pool) {}

    Index first_row = 0;  ///< of a larger batch, whose dropout this one has a part of
    OutputWatch* watch = nullptr;

    /// Cuts a batch up. Returns the number of targets.
    Index cut_up(const SequenceBatch& batch) {
        sorted_.clear();
        for (std::size_t i = 0; i < batch.sequences.size(); ++i)
            if (batch.sequences[i].size() >= 2)
                sorted_.push_back({batch.sequences[i], batch.numbers.empty() ? static_cast<Index>(i) : batch.numbers[i],
                                   batch.fields.empty() ? nullptr : &batch.fields[i]});
        std::sort(sorted_.begin(), sorted_.end(), [](const Numbered& a, const Numbered& b) {
            return a.size() != b.size() ? a.size() > b.size() : a.number < b.number;
        });
        cut_ = Shards(static_cast<Index>(sorted_.size()));
        Index targets = 0;
        while (static_cast<Index>(shards_.size()) < cut_.count) shards_.emplace_back();
        for (Index s = 0; s < cut_.count; ++s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            shard.first_target = targets;
            shard.steps = static_cast<Index>(sorted_[static_cast<std::size_t>(cut_.begin(s))].size()) - 1;
            for (Index i = cut_.begin(s); i < cut_.end(s); ++i)
                targets += static_cast<Index>(sorted_[static_cast<std::size_t>(i)].size()) - 1;
        }
        return targets_count_ = targets;
    }
    /// Throws DataError unless each target of the batch is an item of the model, and, in training, no item is cold.
    void check(std::string_view loss, const Model& model, bool train) const {
        for (const std::span<const std::int32_t> events : sorted_) {
            for (const std::int32_t item : events.subspan(1))
                if (item < 1 || item > model.items())
                    throw DataError(message(loss, ": expected items 1 to ", model.items(), ", received ", item));
            if (!train || !model.has_cold()) continue;
            for (const std::int32_t item : events)
                if (item > 0 && item <= model.items() && model.is_cold(item))
                    throw DataError(message(loss, ": item ", item,
                                            " is cold by the model's options, but the training data has it"));
        }
    }
    /// f(sequence) for the events of each, in the order of their targets.
    template <class F>
    void each_sequence(F&& f) const {
        for (const std::span<const std::int32_t> events : sorted_) f(events);
    }
    /// The tower's outputs [targets, D]. `vectors` [rows, D] are those of items, row_of(id) says which; `pass_seed` is
    /// null where nothing is trained.
    template <class RowOf>
    const T* forward(const Model& model, const T* vectors, const RowOf& row_of, const Seed* pass_seed) {
        const Index d = model.width();
        T* const h = h_.need(targets_count_ * d);
        pool_.run(cut_.count, [&](Index s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            const Index begin = cut_.begin(s), rows = cut_.end(s) - begin;
            std::int32_t* ids = shard.ids.need_zeros(rows * shard.steps);
            shard.records.clear();
            for (Index r = 0; r < rows; ++r) {
                const Numbered& sequence = sorted_[static_cast<std::size_t>(begin + r)];
                if (sequence.fields) shard.records.add(inputs_of(*sequence.fields, sequence.size() - 1));
                std::transform(sequence.begin(), sequence.end() - 1, ids + r * shard.steps, row_of);
            }
            Pass pass = pass_seed ? Pass(Training(*pass_seed, first_row + begin)) : Pass(Inference{});
            pass.watch = watch;
            const auto y =
                model.forward_with(vectors, View<const std::int32_t, 2>{ids, {rows, shard.steps}}, shard.cache, pass,
                                   {shard.records.events(shard.steps), shard.records.users()});
            each_row(shard, begin, rows, [&](Index r, Index first, Index n) {
                std::copy_n(y.data() + r * shard.steps * d, n * d, h + first * d);
            });
        });
        return h;
    }
    /// Clears the gradients of all shards, for item vectors [rows, D].
    void clear(const Model& model, Index rows) {
        for (Shard& shard : shards_) {
            if (shard.gradients.vectors.rows() < rows) shard.gradients = model.zero_pass_gradients(rows);
            shard.gradients.vectors.setZero();
            shard.fields.clear();
            const_cast<Model&>(model).pass_fields(shard.fields, shard.gradients);  // names, and changes nothing
            drop_empty(shard.fields.parameters());
            clear_gradients(shard.fields.parameters());
        }
    }
    /// Takes dL/dh [targets, D] on: adds to the last of `list`, which are the parameters of a pass, and to dv, of
    /// `vectors`.
    void backward(const Model& model, const T* dh, const ParameterList<T>& list, T* dv) {
        const Index d = model.width();
        pool_.run(cut_.count, [&](Index s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            const Index begin = cut_.begin(s), rows = cut_.end(s) - begin;
            T* dy = shard.dh.need_zeros(rows * shard.steps * d);
            each_row(shard, begin, rows, [&](Index r, Index first, Index n) {
                std::copy_n(dh + first * d, n * d, dy + r * shard.steps * d);
            });
            model.backward(View<const T, 3>{dy, {rows, shard.steps, d}}, shard.cache, shard.gradients);
        });
        const std::size_t own = list.size() - shards_.front().fields.parameters().size();
        for (Index s = 0; s < cut_.count; ++s) {
            Shard& shard = shards_[static_cast<std::size_t>(s)];
            const auto& passed = shard.fields.parameters();
            for (std::size_t i = 0; i < passed.size(); ++i) add_gradient(list[own + i], passed[i]);
            const SparseRows<T>& vectors = shard.gradients.vectors;
            for (std::size_t i = 0; i < vectors.ids().size(); ++i)
                kernels::add<T>(vectors.values(i), dv + vectors.ids()[i] * d, d);
        }
    }

private:
    struct Numbered : std::span<const std::int32_t> {
        Index number = 0;
        const FieldsOfSequence* fields = nullptr;
    };
    struct Shard {
        typename Model::Cache cache;
        typename Model::PassGradients gradients;
        Fields<T> fields;  // of what the pass has gradients of
        PaddedFields records;
        Buffer<std::int32_t> ids;
        Buffer<T> dh;
        Index steps = 0, first_target = 0;
    };

    /// f(row of the shard, its first target in the batch, its targets).
    template <class F>
    void each_row(const Shard& shard, Index begin, Index rows, F&& f) const {
        Index at = shard.first_target;
        for (Index r = 0; r < rows; ++r) {
            const Index n = static_cast<Index>(sorted_[static_cast<std::size_t>(begin + r)].size()) - 1;
            f(r, at, n);
            at += n;
        }
    }
    /// The fields of all events but the last, which is a target only.
    static FieldsOfSequence inputs_of(FieldsOfSequence fields, std::size_t inputs) {
        if (!fields.events.fields.empty()) fields.events = fields.events.slice(0, static_cast<Index>(inputs));
        return fields;
    }

    ThreadPool& pool_;
    std::vector<Shard> shards_;
    Shards cut_{0};
    std::vector<Numbered> sorted_;
    Index targets_count_ = 0;
    Buffer<T> h_;
};

}  // namespace detail
DEEPREC_END
