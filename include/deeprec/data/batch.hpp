/// What a data source hands to training, and the source made of tensors in memory.
///
/// A data source is anything with `size()` (samples) and `batch(indices)`, which returns a Batch by value or by
/// reference to its own memory; a batch is read before the next call. Optional: `start_epoch(Index epoch, Seed seed)`.
#pragma once

#include <span>

#include <deeprec/core/inputs.hpp>
#include <deeprec/core/sample_weights.hpp>

DEEPREC_BEGIN

/// Samples with their targets [B, outputs] and optional weights (null = all 1): one a sample, [B], or one a step of it,
/// [B, T] with `weights_per_sample` = T.
template <class Inputs, class T>
struct Batch {
    Inputs inputs;                 ///< of the samples, as the model reads them
    View<const T, 2> targets;      ///< [B, outputs]
    const T* weights = nullptr;    ///< null: all 1
    Index weights_per_sample = 1;  ///< 1, or T where each step has a weight
    /// Of several tasks: the names of the targets, and their numbers, side by side in this order.
    std::span<const FieldShape> tasks{};

    /// As the losses and metrics take them.
    SampleWeights<T> sample_weights() const { return {weights, weights_per_sample}; }
};

namespace detail {
/// Whether each is the one before and one: such rows stay where they are.
inline bool consecutive(std::span<const Index> indices) {
    for (std::size_t i = 1; i < indices.size(); ++i)
        if (indices[i] != indices[i - 1] + 1) return false;
    return !indices.empty();
}
/// Owns the gathered rows of one input tensor.
template <class T, int Rank>
class GatheredRows {
public:
    View<const T, Rank> gather(const Tensor<T, Rank>& source, std::span<const Index> indices) {
        std::array<Index, static_cast<std::size_t>(Rank)> extents = source.dimensions();
        const Index per_sample = extents[0] ? source.size() / extents[0] : 0;
        extents[0] = static_cast<Index>(indices.size());
        if (consecutive(indices)) return {source.data() + indices[0] * per_sample, extents};
        T* out = memory_.need(extents[0] * per_sample);
        for (const Index i : indices) out = std::copy_n(source.data() + i * per_sample, per_sample, out);
        return {memory_.data(), extents};
    }

private:
    Buffer<T> memory_;
};

template <class Input>
struct InputStore;
template <>
struct InputStore<Record> {
    RecordRows rows;
    RecordView gather(const Record& x, std::span<const Index> indices) {
        return consecutive(indices) ? x.slice(indices.front(), indices.back() + 1) : rows(view(x), indices);
    }
    static Index samples(const Record& x) { return x.size(); }
};
template <class T, int Rank>
struct InputStore<Tensor<T, Rank>> {
    GatheredRows<T, Rank> rows;
    auto gather(const Tensor<T, Rank>& x, std::span<const Index> indices) { return rows.gather(x, indices); }
    static Index samples(const Tensor<T, Rank>& x) { return x.dimension(0); }
};
template <class U, class V>
struct InputStore<Pair<U, V>> {
    InputStore<U> user;
    InputStore<V> item;
    auto gather(const Pair<U, V>& x, std::span<const Index> indices) {
        return Pair{user.gather(x.user, indices), item.gather(x.item, indices)};
    }
    static Index samples(const Pair<U, V>& x) {
        if (InputStore<U>::samples(x.user) != InputStore<V>::samples(x.item))
            throw ShapeError(message("TensorDataset: expected as many items as users, received ",
                                     InputStore<V>::samples(x.item), " and ", InputStore<U>::samples(x.user)));
        return InputStore<U>::samples(x.user);
    }
};
/// The fields of a record, [N] ids or [N, W], side by side as numbers [N, sum of W].
template <class T>
Tensor<T, 2> joined_targets(const Record& targets);

#if DEEPREC_BODIES
template <class T>
Tensor<T, 2> joined_targets(const Record& targets) {
    Index width = 0;
    for (const FieldView& f : targets.fields()) {
        if (f.sample.rank() > 1)
            throw ShapeError(message("TensorDataset: expected targets [N] or [N, outputs], received samples of ",
                                     f.sample, " of '", f.name, "'"));
        width += f.sample.size();
    }
    Tensor<T, 2> all(targets.size(), width);
    Index begin = 0;
    for (const FieldView& f : targets.fields()) {
        const auto copy = [&]<class E>(const E* from) {
            for (Index r = 0; r < targets.size(); ++r)
                for (Index i = 0; i < f.sample.size(); ++i) all(r, begin + i) = static_cast<T>(*from++);
        };
        if (f.type == ElementType::int32)
            copy(reinterpret_cast<const std::int32_t*>(f.data));
        else if (f.type == ElementType::float32)
            copy(reinterpret_cast<const float*>(f.data));
        else
            copy(reinterpret_cast<const double*>(f.data));
        begin += f.sample.size();
    }
    return all;
}
#endif
}  // namespace detail

/// Samples in memory: `TensorDataset{x, y}`, `TensorDataset{Pair{users, items}, y}`, both with sample weights as a
/// third.
///
/// Shapes: x [N, ...] (a Tensor, a Record, or a Pair of them), y [N, outputs], or of several tasks a Record of them by
/// name, numbers [N, outputs] or classes [N]; weights [N] or empty. Throws ShapeError unless the sample counts agree.
/// The batch lies in the data set and lasts until the next: one caller at a time, threads need copies.
template <class Input, class T>
class TensorDataset {
public:
    TensorDataset(Input x, Tensor<T, 2> y, Tensor<T, 1> weights = {})
        : TensorDataset(std::move(x), std::move(y), by_sample(weights)) {}
    TensorDataset(Input x, Tensor<T, 2> y, Tensor<T, 2> weights)
        : x_(std::move(x)), y_(std::move(y)), weights_(std::move(weights)) {
        const Index n = detail::InputStore<Input>::samples(x_);
        if (y_.dimension(0) != n || (weights_.size() != 0 && weights_.dimension(0) != n))
            throw ShapeError(message("TensorDataset: expected targets and weights for ", n, " samples, received ",
                                     y_.dimension(0), " and ", weights_.size() ? weights_.dimension(0) : 0));
    }
    /// Targets by the names of tasks; models of double need `TensorDataset<Input, double>{...}`.
    TensorDataset(Input x, const Record& y, Tensor<T, 1> weights = {})
        : TensorDataset(std::move(x), detail::joined_targets<T>(y), std::move(weights)) {
        tasks_ = y.shape();
    }
    Index size() const { return y_.dimension(0); }
    /// The samples of these numbers, from 0, in memory that the next call uses again. Throws DataError for one that
    /// there is not.
    auto batch(std::span<const Index> indices) const {
        for (const Index i : indices)
            if (i < 0 || i >= size())
                throw DataError(message("TensorDataset: expected indices below ", size(), ", received ", i));
        const T* weights = weights_.size() ? weight_rows_.gather(weights_, indices).data() : nullptr;
        const auto targets = target_rows_.gather(y_, indices);
        return Batch<decltype(inputs_.gather(x_, indices)), T>{inputs_.gather(x_, indices), targets, weights,
                                                               weights_.size() ? weights_.dimension(1) : 1, tasks_};
    }
    /// All samples.
    const Input& inputs() const { return x_; }
    /// Of all samples, [N, outputs].
    const Tensor<T, 2>& targets() const { return y_; }

private:
    static Tensor<T, 2> by_sample(const Tensor<T, 1>& weights) {
        Tensor<T, 2> column(weights.size(), weights.size() ? 1 : 0);
        std::copy_n(weights.data(), weights.size(), column.data());
        return column;
    }

    Input x_;
    Tensor<T, 2> y_;
    Tensor<T, 2> weights_;
    RecordShape tasks_;                         // empty = one
    mutable detail::InputStore<Input> inputs_;  // the memory of the last batch
    mutable detail::GatheredRows<T, 2> target_rows_;
    mutable detail::GatheredRows<T, 2> weight_rows_;
};
template <class Input, class T>
TensorDataset(Input, Tensor<T, 2>) -> TensorDataset<Input, T>;
template <class Input>
TensorDataset(Input, Record) -> TensorDataset<Input, float>;
template <class Input, class T>
TensorDataset(Input, Record, Tensor<T, 1>) -> TensorDataset<Input, T>;
template <class Input, class T>
TensorDataset(Input, Tensor<T, 2>, Tensor<T, 1>) -> TensorDataset<Input, T>;
template <class Input, class T>
TensorDataset(Input, Tensor<T, 2>, Tensor<T, 2>) -> TensorDataset<Input, T>;

DEEPREC_END
