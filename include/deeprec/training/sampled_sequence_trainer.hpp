/// Training steps of a SequenceRecommender that touch the items of the batch and its negatives alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/ranking/sampled_losses.hpp>
#include <deeprec/training/next_item_sampled.hpp>
#include <deeprec/training/row_exchange.hpp>
#include <deeprec/training/sequence_passes.hpp>
#include <deeprec/training/trainer.hpp>
#include <deeprec/training/whole_model.hpp>

DEEPREC_BEGIN

/// One training step: the items that the batch has, as events, targets and negatives, get numbers of their own, and all
/// that follows works on the table of their vectors. Beside the model's tables, gradients by rows (4 bytes an item for
/// each table) and the optimizer's state, its memory does not depend on the number of items: about
/// 8 negatives (D + 96) + 4 targets D numbers, and the passes of the tower. Of a model whose items ranks share out the
/// rows of those items come from their owners, and go back as gradients (training/row_exchange.hpp).
template <class Tower>
class Trainer<SequenceRecommender<Tower>, NextItemSampled> {
    using Model = SequenceRecommender<Tower>;
    using T = typename Model::Scalar;

public:
    using ForSequences = void;  // see LossFor in training/fit.hpp

    Trainer(const Model& model, const NextItemSampled& loss, ThreadPool& pool)
        : pool_(pool), loss_(loss), passes_(pool), gradients_(model.zero_row_gradients()) {}

    /// The ranks that share the model's items out, if some do; all call `gradient` and `evaluate` alike from then on.
    void join(const AnyWorld& world) { world_ = world; }
    /// The loss of the batch, with the gradient of its mean in `gradients()`; of tables that ranks share out that of
    /// the sum over the targets of all ranks, in the rows here. Throws ArgumentError for class weights: targets are
    /// items.
    LossSum gradient(const Model& model, const SequenceBatch& batch, Seed step_seed,
                     const ClassWeights& class_weights = {}, Index first_row = 0) {
        passes_.first_row = first_row;
        if (class_weights) throw ArgumentError("fit: class_weight needs data with targets that are classes");
        return run(model, batch, step_seed, true);
    }
    /// The loss of the batch without training, against the same draws each time.
    LossSum evaluate(const Model& model, const SequenceBatch& batch) { return run(model, batch, Seed{}, false); }
    /// From now on passes are watched; null: no longer.
    void watch(OutputWatch* watch) { passes_.watch = watch; }
    typename Model::Gradients& gradients() { return gradients_; }
    const ParameterList<T>& list() const { return fields_.parameters(); }
    /// What a step asks of the model: item vectors are made anew after the epoch.
    static void stepped(Model& model) { model.tower_changed(); }

private:
    static constexpr Index block = 96;  // targets whose scores a task has at once

    LossSum run(const Model& model, const SequenceBatch& batch, Seed step_seed, bool train) {
        const Index targets = passes_.cut_up(batch);
        shared_out_ = bool{model.options().shard};
        if (train || shared_out_) {
            detail::list_fields(model, gradients_, fields_);
            detail::drop_empty(fields_.parameters());
        }
        if (train) clear_gradients(fields_.parameters());
        ids_.assign(1, 0);
        if (targets > 0) {
            passes_.check(NextItemSampled::name(), model, train);
            choose_items(model, targets, step_seed);
        }
        if (shared_out_) {
            detail::check_shards(NextItemSampled::name(), list(), world_);
            exchange_.fetch(ids_, list(), *world_);
        }
        if (targets == 0) {
            if (shared_out_ && train) exchange_.give_back({}, 0, *world_);
            return {};
        }
        model.draw_vectors(ids_, train ? std::optional(step_seed) : std::nullopt, drawn_, &pool_,
                           shared_out_ ? exchange_.rows(0) : nullptr);
        if (train) passes_.clear(model, static_cast<Index>(std::bit_ceil(ids_.size())));
        const T* const h = passes_.forward(
            model, drawn_.rows.data(), [this](std::int32_t id) { return row_of(id); }, train ? &step_seed : nullptr);
        const double loss = score(model, h, targets, train);
        if (train) backward(model, h, targets);
        return {loss, static_cast<double>(targets)};
    }

    /// Adds the items of the batch to ids_, ascending, padding first; negatives_ with the draws, ascending, those
    /// that were drawn twice twice; targets_ with rows of ids_.
    void choose_items(const Model& model, Index targets, Seed step_seed) {
        negatives_.clear();
        loss_.draw(model.items(), step_seed, negatives_);
        passes_.each_sequence([&](std::span<const std::int32_t> events) {
            ids_.insert(ids_.end(), events.begin(), events.end());
            if (loss_.options().in_batch) negatives_.insert(negatives_.end(), events.begin() + 1, events.end());
        });
        for (const std::int32_t id : ids_)
            if (id < 0 || id > model.items())
                throw DataError(message(Model::name(), ": expected items up to ", model.items(), ", received ", id));
        if (model.has_cold()) std::erase_if(negatives_, [&](std::int32_t id) { return model.is_cold(id); });
        std::sort(negatives_.begin(), negatives_.end());
        ids_.insert(ids_.end(), negatives_.begin(), negatives_.end());
        std::sort(ids_.begin(), ids_.end());
        ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
        std::int32_t* row = targets_.need(targets);
        passes_.each_sequence([&](std::span<const std::int32_t> events) {
            row = std::transform(events.begin() + 1, events.end(), row, [&](std::int32_t id) { return row_of(id); });
        });
    }
    std::int32_t row_of(std::int32_t id) const {
        return static_cast<std::int32_t>(std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin());
    }
    const T* vector(std::int32_t row) const { return drawn_.rows.data() + row * width_; }
    T bias_of(const Model& model, std::int32_t row) const {
        if (!model.options().use_bias) return T(0);
        return shared_out_ ? exchange_.rows(1)[row] : model.bias()[ids_[static_cast<std::size_t>(row)]];
    }

    /// The sum of the targets' losses. Where it trains, dh_ and slopes_ have their gradients, of the mean, and the
    /// first of the ranges' d_negatives_ and d_bias_ those of the negatives.
    double score(const Model& model, const T* h, Index targets, bool train) {
        const Index d = width_ = model.width(), n = static_cast<Index>(negatives_.size());
        const Index stride = n + kernels::lanes<T>;  // rows of scores do not share cache sets
        T* const vectors = vectors_.need(n * d);
        T* const bias = bias_.need(n);
        T* const target_bias = target_bias_.need(targets);
        for (Index j = 0; j < n; ++j) {
            const std::int32_t item = negatives_[static_cast<std::size_t>(j)];
            const std::int32_t row = row_of(item);
            kernels::copy<T>(vector(row), vectors + j * d, d);
            bias[j] = bias_of(model, row);
            if (loss_.options().loss == SampledLoss::sampled_softmax)
                bias[j] -= static_cast<T>(std::log(loss_.expected(item, model.items(), targets)));
        }
        for (Index r = 0; r < targets; ++r) target_bias[r] = bias_of(model, targets_.data()[r]);
        T* const by_column = by_column_.need(kernels::packed_size<T>(d, n));
        kernels::pack_transposed<T>(vectors, d, d, n, by_column);
        T* const by_row = train ? by_row_.need(kernels::packed_size<T>(n, d)) : nullptr;
        if (train) kernels::pack<T>(vectors, d, n, d, by_row);

        const Shards cut(targets);
        T* const scores = scores_.need(cut.count * block * stride);
        T *const losses = losses_.need(targets), *const slopes = slopes_.need(targets);
        T* const dh = train ? dh_.need(targets * d) : nullptr;
        T* const d_vectors = train ? d_negatives_.need_zeros(cut.count * n * d) : nullptr;
        T* const d_bias = train ? d_bias_.need_zeros(cut.count * n) : nullptr;
        const T weight = T(1) / static_cast<T>(targets);
        pool_.run(cut.count, [&](Index s) {
            T* const z = scores + s * block * stride;
            for (Index begin = cut.begin(s); begin < cut.end(s); begin += block) {
                const Index rows = std::min(block, cut.end(s) - begin);
                kernels::gemm<T>(kernels::matrix_rows(h + begin * d, rows, d, d), by_column, n, z, stride,
                                 {.bias = bias});
                for (Index r = begin; r < begin + rows; ++r) {
                    const T p = kernels::dot<T>(h + r * d, vector(targets_.data()[r]), d) + target_bias[r];
                    losses[r] = of_target(model, r, p, z + (r - begin) * stride, weight, slopes[r]);
                }
                if (!train) continue;
                const auto g = kernels::matrix_rows<T>(z, rows, n, stride);
                kernels::gemm<T>(g, by_row, d, dh + begin * d, d);
                for (Index r = begin; r < begin + rows; ++r)
                    kernels::axpy<T>(slopes[r], vector(targets_.data()[r]), dh + r * d, d);
                kernels::gemm_tn<T>(g, h + begin * d, d, d, d_vectors + s * n * d, d);
                kernels::sum_rows<T>(z, rows, n, stride, d_bias + s * n);
            }
        });
        double sum = 0;
        for (Index r = 0; r < targets; ++r) sum += static_cast<double>(losses[r]);
        if (train) add_up(d_vectors, cut.count, n * d), add_up(d_bias, cut.count, n);
        return sum;
    }
    /// The loss of target r with the score p against the scores z; these become weight times their gradients.
    T of_target(const Model& model, Index r, T p, T* z, T weight, T& slope) const {
        const auto own =
            std::equal_range(negatives_.begin(), negatives_.end(), ids_[static_cast<std::size_t>(targets_.data()[r])]);
        std::fill(z + (own.first - negatives_.begin()), z + (own.second - negatives_.begin()),
                  kernels::left_out_score<T>);
        const Index n = static_cast<Index>(negatives_.size()), k = n - (own.second - own.first);
        if (loss_.options().loss == SampledLoss::sampled_softmax)
            return kernels::softmax_against<T>(p, z, n, weight, slope);
        if (loss_.options().loss == SampledLoss::bpr) {
            const T each = T(1) / static_cast<T>(std::max<Index>(k, 1));
            const T loss = each * kernels::softplus_against<T>(p, z, n, each * weight, slope);
            slope = -slope;
            return loss;
        }
        const T each = T(1) / static_cast<T>(k + 1), power = static_cast<T>(loss_.beta(k, model.items()));
        const T shift = k > 0 ? std::log(static_cast<T>(k) / power) : T(0);
        const T others = kernels::softplus_against<T>(shift, z, n, each * weight, slope);
        slope = -weight * each * power * kernels::sigmoid(shift - p);
        return each * (power * kernels::softplus(shift - p) + others);
    }
    /// The first of `count` arrays becomes their sum.
    void add_up(T* arrays, Index count, Index size) {
        constexpr Index piece = 1 << 13;
        T* all[Shards::most_shards];
        for (Index s = 0; s < count; ++s) all[s] = arrays + s * size;
        pool_.run((size + piece - 1) / piece,
                  [&](Index i) { kernels::add_tree<T>(all, count, i * piece, std::min(size, (i + 1) * piece)); });
    }
    void backward(const Model& model, const T* h, Index targets) {
        const Index d = width_, n = static_cast<Index>(ids_.size());
        T* const dv = dv_.need_zeros(n * d);
        T* const d_row_bias = shared_out_ ? d_row_bias_.need_zeros(n) : nullptr;
        std::uint8_t* const has_bias = shared_out_ ? has_bias_.need_zeros(n) : nullptr;
        const auto add_bias = [&](std::int32_t row, T gradient) {
            if (!model.options().use_bias) return;
            if (!shared_out_)
                *gradients_.bias_rows.row(ids_[static_cast<std::size_t>(row)]) += gradient;
            else
                d_row_bias[row] += gradient, has_bias[row] = 1;
        };
        for (Index j = 0; j < static_cast<Index>(negatives_.size()); ++j) {
            const std::int32_t row = row_of(negatives_[static_cast<std::size_t>(j)]);
            kernels::add<T>(d_negatives_.data() + j * d, dv + row * d, d);
            add_bias(row, d_bias_.data()[j]);
        }
        for (Index r = 0; r < targets; ++r) {
            const std::int32_t row = targets_.data()[r];
            kernels::axpy<T>(slopes_.data()[r], h + r * d, dv + row * d, d);
            add_bias(row, slopes_.data()[r]);
        }
        passes_.backward(model, dh_.data(), list(), dv);
        model.vectors_backward(ids_, dv, gradients_, drawn_);
        if (!shared_out_) return;
        std::uint8_t* const has_row = has_row_.need(n);
        for (Index i = 0; i < n; ++i) has_row[i] = model.has_row(ids_[static_cast<std::size_t>(i)], drawn_);
        const typename detail::RowExchange<T>::Gradient rows[] = {{dv, has_row}, {d_row_bias, has_bias}};
        exchange_.give_back(rows, static_cast<double>(targets), *world_);
    }

    ThreadPool& pool_;
    NextItemSampled loss_;
    detail::SequencePasses<Model> passes_;
    typename Model::Gradients gradients_;
    Fields<T> fields_;
    Index width_ = 0;
    std::vector<std::int32_t> ids_, negatives_;
    Buffer<std::int32_t> targets_;
    typename Model::Vectors drawn_;
    Buffer<T> vectors_, bias_, target_bias_, by_column_, by_row_, scores_, losses_, slopes_;
    Buffer<T> dh_, dv_, d_negatives_, d_bias_, d_row_bias_;
    bool shared_out_ = false;  // the model's items are, over the ranks of world_
    AnyWorld world_;
    detail::RowExchange<T> exchange_{1};
    Buffer<std::uint8_t> has_row_, has_bias_;
};

DEEPREC_END
