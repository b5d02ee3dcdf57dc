/// Training of two towers by a loss of their vectors: the head has no part in it.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <numeric>
#include <type_traits>
#include <vector>

#include <deeprec/losses/vector_batch.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/training/trainer.hpp>

DEEPREC_BEGIN

template <class L>
concept TrainsVectors = requires {
    typename L::TrainsVectors;
};

/// One training step of a TwoTower by a loss such as InBatchSoftmax, CosineEmbedding or TripletMargin, for data of
/// Pairs: B users with G items each (1, or 2 of TripletMargin: the positive, then the negative). Both towers run over
/// shards, the loss sees all vectors of the batch at once, and the shards run backward. Same bits for any number of
/// threads.
template <class User, class Item, class Layers, TrainsVectors Loss>
class Trainer<TwoTower<User, Item, Layers>, Loss> {
    using Model = TwoTower<User, Item, Layers>;
    using T = typename Model::Scalar;

public:
    Trainer(const Model& model, const Loss& loss, ThreadPool& pool) : pool_(pool), loss_(loss), gradients_(model) {}

    /// The loss of the batch, with the gradient of its mean in `gradients()`. Throws ShapeError where the batch has not
    /// the loss's candidates for each user, ArgumentError for class weights.
    template <class Inputs>
    LossSum gradient(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed,
                     const ClassWeights& class_weights = {}, Index first_row = 0) {
        first_row_ = first_row;
        if (class_weights) throw ArgumentError("fit: class_weight needs a loss of predictions");
        return run(model, batch, step_seed, true);
    }
    template <class Inputs>
    LossSum evaluate(const Model& model, const Batch<Inputs, T>& batch) {
        return run(model, batch, Seed{}, false);
    }
    /// As Trainer of other losses.
    void join(const AnyWorld& world) { tables_.join(world); }
    void no_gradient(const Model& model) { tables_.serve(model, gradients_); }
    /// From now on passes are watched; null: no longer.
    void watch(OutputWatch* watch) { watch_ = watch; }
    typename Model::Gradients& gradients() { return gradients_.first(); }
    const ParameterList<T>& list() const { return gradients_.list(); }

private:
    struct Part {
        typename Model::Cache cache;
        Index begin = 0, rows = 0;
    };

    template <class Inputs>
    LossSum run(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed, bool train) {
        const Index users = sample_count(batch.inputs);
        if (batch.inputs.block != 1 || view(batch.inputs.item).extent(0) != users * Loss::candidates)
            throw ShapeError(message(Loss::name(), ": expected ", Loss::candidates, " items for each of ", users,
                                     " users, in blocks of 1, received ", view(batch.inputs.item).extent(0), " items"));
        const Shards cut(users);
        while (static_cast<Index>(parts_.size()) < cut.count) parts_.emplace_back();
        const Index width = model.user.output_shape()[0];
        if (model.item.output_shape()[0] != width)
            throw ShapeError(message(Loss::name(), ": expected towers of one width, received ", width, " and ",
                                     model.item.output_shape()[0]));
        gradients_.prepare(model, train ? cut.count : 1);
        const TableRows* const tables = tables_.fetch(model, batch.inputs, list());
        T *const u = u_.need(users * width), *const v = v_.need(users * Loss::candidates * width);
        pool_.run(cut.count, [&](Index s) {
            Part& part = parts_[static_cast<std::size_t>(s)];
            part.begin = cut.begin(s);
            part.rows = cut.end(s) - part.begin;
            const auto inputs = slice_samples(batch.inputs, part.begin, part.begin + part.rows);
            Pass pass = train ? Pass(Training(step_seed, first_row_ + part.begin)) : Pass(Inference{});
            pass.watch = watch_;
            pass.tables = tables;
            Pass item_pass = pass.for_part(1);
            item_pass.first_row *= Loss::candidates;
            const auto a = model.user.forward(inputs.user, part.cache.user, pass.for_part(0));
            const auto b = model.item.forward(inputs.item, part.cache.item, item_pass);
            std::copy_n(a.data(), a.size(), u + part.begin * width);
            std::copy_n(b.data(), b.size(), v + part.begin * Loss::candidates * width);
        });
        VectorBatch<T> vectors{u, v, users, width, batch.targets.data(), batch.targets.last(), batch.sample_weights()};
        vectors.item_ids = numbers_of(view(batch.inputs.item));
        if (vectors.weights && vectors.weights.per_sample != 1)
            throw ShapeError(
                message(Loss::name(), ": expected weights [B], received [B, ", vectors.weights.per_sample, "]"));
        if (!train) return loss_.train(vectors, scratch_, static_cast<T*>(nullptr), static_cast<T*>(nullptr));
        T *const du = du_.need(users * width), *const dv = dv_.need(users * Loss::candidates * width);
        const LossSum loss = loss_.train(vectors, scratch_, du, dv);
        pool_.run(cut.count, [&](Index s) {
            Part& part = parts_[static_cast<std::size_t>(s)];
            auto& gradients = gradients_.cleared(s);
            const Index items = part.rows * Loss::candidates;
            model.user.backward(View<const T, 2>{du + part.begin * width, {part.rows, width}}, part.cache.user,
                                gradients.user, InputGradient::skip);
            model.item.backward(View<const T, 2>{dv + part.begin * Loss::candidates * width, {items, width}},
                                part.cache.item, gradients.item, InputGradient::skip);
        });
        gradients_.add_up(cut.count, pool_);
        tables_.give_back(detail::equal(loss.divisor, 0) ? 1 : loss.divisor);
        return loss;
    }
    /// A number for each item, one for those that are the same in all that the item tower reads: ids as they are.
    template <class E, int Rank>
    const std::int32_t* numbers_of(const View<E, Rank>& items) {
        using Element = std::remove_const_t<E>;
        if constexpr (std::is_same_v<Element, std::int32_t>)
            if (items.size() == items.extent(0)) return items.data();
        Shape sample;
        for (int axis = 1; axis < Rank; ++axis) sample.push_back(items.extent(axis));
        const FieldView field{"", element_type<Element>, sample, reinterpret_cast<const std::byte*>(items.data())};
        return numbers_of(RecordView{std::span(&field, 1), 0, items.extent(0)});
    }
    const std::int32_t* numbers_of(const RecordView& items) {
        const auto order = [&](Index a, Index b) {
            for (const FieldView& f : items.fields) {
                const Index bytes = f.row_bytes();
                const std::byte* const rows = f.data + items.begin * bytes;
                if (const int less = std::memcmp(rows + a * bytes, rows + b * bytes, static_cast<std::size_t>(bytes)))
                    return less;
            }
            return 0;
        };
        const Index n = items.batch();
        Index* const sorted = order_.need(n);
        std::int32_t* const numbers = numbers_.need(n);
        std::iota(sorted, sorted + n, Index{0});
        std::sort(sorted, sorted + n, [&](Index a, Index b) { return order(a, b) < 0; });
        for (Index i = 0, number = 0; i < n; ++i) {
            if (i > 0 && order(sorted[i - 1], sorted[i]) != 0) ++number;
            numbers[sorted[i]] = static_cast<std::int32_t>(number);
        }
        return numbers;
    }

    ThreadPool& pool_;
    Loss loss_;
    OutputWatch* watch_ = nullptr;
    Index first_row_ = 0;  // of a larger batch
    std::deque<Part> parts_;
    detail::ShardGradients<Model> gradients_;
    detail::SharedTablesOf<Model> tables_;
    Buffer<T> u_, v_, du_, dv_;
    Buffer<Index> order_;
    Buffer<std::int32_t> numbers_;
    typename Loss::template Scratch<T> scratch_;
};

DEEPREC_END
