/// One training step, cut into shards over threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <deeprec/core/layer.hpp>
#include <deeprec/core/moving_average.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/optimizers/clipping.hpp>
#include <deeprec/training/gradient_sum.hpp>

DEEPREC_BEGIN

namespace detail {
template <class Loss, class Model>
inline constexpr bool trains_on_logits = Loss::template takes_logits<typename FinalActivationOf<Model>::type>;

template <class T, int Rank>
void add_gradient(Tensor<T, Rank>& sum, const Tensor<T, Rank>& other) {
    kernels::add<T>(other.data(), sum.data(), sum.size());
}
template <class T>
void add_gradient(SparseRows<T>& sum, const SparseRows<T>& other) {
    sum.add(other);
}
/// Numbers of a gradient that every shard has, whatever is in it.
template <class T, int Rank>
Index dense_size(const Tensor<T, Rank>& gradient) {
    return gradient.size();
}
template <class T>
Index dense_size(const SparseRows<T>&) {
    return 0;
}
template <class T>
void add_gradient(MovingAverage<T>& sum, const MovingAverage<T>& other) {
    sum.add(other);
}
/// sum += other, for gradients of parameters and states.
template <class Model>
void add_gradients(const Model& model, typename Model::Gradients& sum, typename Model::Gradients& other) {
    const auto add = [](std::string_view, const auto&, auto& a, const auto& b) { add_gradient(a, b); };
    ParameterVisitor<decltype(add)> visitor(add);
    Model::visit(visitor, model, sum, other);
    visit_state(visitor, model, sum, other);
}
template <class Model>
void clear_gradients(const Model& model, typename Model::Gradients& gradients) {
    const auto clear = [](std::string_view, const auto&, auto& gradient) { gradient.setZero(); };
    for_each_parameter(model, gradients, clear);
    for_each_state(model, gradients, clear);
}
}  // namespace detail

/// Owns what a training step needs beside the model: a gradient for each shard, a cache for each thread.
///
/// A batch is cut into Shards; each runs forward, loss and backward on its own, then the gradients are added up
/// in a fixed order. So the bits are the same for any number of threads. Nothing is allocated once each thread has seen
/// a shard of the same size.
template <class Model, class Loss>
class Trainer {
    using T = typename Model::Scalar;
    static constexpr bool on_logits = detail::trains_on_logits<Loss, Model>;

public:
    Trainer(const Model& model, const Loss& loss, ThreadPool& pool)
        : pool_(pool),
          loss_([&] {
              if constexpr (on_logits)
                  return loss.on_logits();
              else
                  return loss;
          }()),
          empty_(model.zero_gradients()),
          caches_(static_cast<std::size_t>(pool.threads())) {
        for_each_parameter(model, empty_, [&](std::string_view, const auto&, const auto& gradient) {
            dense_numbers_ += detail::dense_size(gradient);
        });
        for_each_state(model, [&](std::string_view, const auto&) { has_state_ = true; });
    }

    /// The loss of the batch, with its gradient in `gradients()`.
    template <class Inputs>
    double gradient(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed) {
        return run<true>(model, batch, step_seed);
    }
    /// The loss of the batch without training.
    template <class Inputs>
    double evaluate(const Model& model, const Batch<Inputs, T>& batch) {
        return run<false>(model, batch, Seed{});
    }
    /// From now on the predictions of each batch are kept for `each_prediction`.
    void keep_predictions() { keep_predictions_ = true; }
    /// f(prediction [n, outputs], target [n, width]) for the shards of the last batch, in order.
    template <class Inputs, class F>
    void each_prediction(const Batch<Inputs, T>& batch, F&& f) const {
        const Index width = batch.targets.last();
        Index begin = 0;
        for (Index s = 0; begin < batch.targets.extent(0); ++s) {
            const Shard& shard = shards_[static_cast<std::size_t>(s)];
            f(View<const T, 2>{shard.predictions.data(), {shard.rows, shard.outputs}},
              View<const T, 2>{batch.targets.data() + begin * width, {shard.rows, width}});
            begin += shard.rows;
        }
    }
    /// Gradient of the last batch.
    typename Model::Gradients& gradients() { return shards_.front().gradients; }

private:
    struct Shard {
        typename Model::Gradients gradients;
        Buffer<T> dy, predictions, step_weights;
        Index rows = 0, outputs = 0;
        double loss = 0, divisor = 0;
    };

    /// Whether each step of the output, [B, T, C], is a prediction of its own.
    template <class Inputs>
    static constexpr bool predicts_steps =
        decltype(std::declval<const Model&>().forward(slice_samples(std::declval<const Inputs&>(), 0, 0),
                                                      std::declval<typename Model::Cache&>()))::rank == 3;

    template <bool Train, class Inputs>
    double run(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed) {
        const Index samples = sample_count(batch.inputs);
        if (batch.targets.extent(0) != samples)
            throw ShapeError(
                message("fit: a batch of ", samples, " samples came with ", batch.targets.extent(0), " targets"));
        if (samples == 0) throw DataError("fit: a batch has no samples");
        const Index most = most_shards(sample_steps(batch.inputs));
        const Shards cut(samples, sample_block(batch.inputs), most, least_rows(samples, most));
        while (static_cast<Index>(shards_.size()) < cut.count) shards_.push_back({empty_, {}, {}, {}, 0, 0, 0, 0});
        constexpr bool by_step = predicts_steps<Inputs>;
        // Which steps count is known after the forward pass: until then the sum is not divided.
        const double scale =
            by_step ? 1 : loss_.scale(batch.targets.data(), samples, batch.targets.last(), batch.weights);
        pool_.run(cut.count, [&](Index s, Index lane) {
            run_shard<Train>(model, batch, step_seed, scale, cut.begin(s), cut.end(s) - cut.begin(s),
                             shards_[static_cast<std::size_t>(s)], caches_[static_cast<std::size_t>(lane)]);
        });
        if constexpr (Train)
            sum_(
                model, cut.count, [&](Index s) -> auto& { return shards_[static_cast<std::size_t>(s)].gradients; },
                pool_);
        double loss = 0, divisor = 0;
        for (Index s = 0; s < cut.count; ++s) {
            loss += shards_[static_cast<std::size_t>(s)].loss;
            divisor += shards_[static_cast<std::size_t>(s)].divisor;
        }
        if (!by_step || divisor == 0) return loss;
        if constexpr (Train)
            for_each_parameter(model, gradients(), [&](std::string_view, const auto&, auto& gradient) {
                detail::scale_gradient(gradient, 1 / divisor);
            });
        return loss / divisor;
    }
    /// Loss and gradient of `rows` samples from `begin` on.
    template <bool Train, class Inputs>
    void run_shard(const Model& model, const Batch<Inputs, T>& batch, Seed step_seed, double scale, Index begin,
                   Index rows, Shard& shard, typename Model::Cache& cache) {
        const auto inputs = slice_samples(batch.inputs, begin, begin + rows);
        const auto mode = [&] {
            if constexpr (Train)
                return Training(step_seed, begin);
            else
                return Inference{};
        }();
        const auto y = [&] {
            if constexpr (on_logits)
                return model.forward_logits(inputs, cache, mode);
            else
                return model.forward(inputs, cache, mode);
        }();
        constexpr bool by_step = predicts_steps<Inputs>;
        const Index steps = by_step ? y.extent(1) : 1, predictions = rows * steps, outputs = y.size() / predictions;
        const Index width = batch.targets.last();
        if (y.size() != predictions * outputs || steps * loss_.target_outputs(outputs) != width)
            throw ShapeError(
                message("fit: the model gives ", y.size() / rows, " outputs a sample, the targets have ", width));
        shard.rows = rows;
        shard.outputs = y.size() / rows;
        if (keep_predictions_) keep(shard, y.data(), predictions, outputs);
        const T* target = batch.targets.data() + begin * width;
        const T* weight = batch.weights ? batch.weights + begin : nullptr;
        const std::uint8_t* kept = nullptr;
        if constexpr (by_step) {
            kept = y.mask.keep;
            if (weight) weight = repeat(weight, rows, steps, shard.step_weights);
            shard.divisor = loss_.divisor(target, predictions, width / steps, weight, kept);
        }
        T* dy = Train ? shard.dy.need(y.size()) : nullptr;
        shard.loss = loss_.accumulate(y.data(), target, predictions, outputs, weight, scale, dy, kept);
        if constexpr (Train) {
            detail::clear_gradients(model, shard.gradients);
            const View<const T, std::decay_t<decltype(y)>::rank> d{dy, y.extents()};
            if constexpr (on_logits)
                model.template backward_logits<InputGradient::skip>(d, cache, shard.gradients);
            else
                model.template backward<InputGradient::skip>(d, cache, shard.gradients);
        }
    }
    static const T* repeat(const T* weight, Index rows, Index times, Buffer<T>& buffer) {
        T* const all = buffer.need(rows * times);
        for (Index r = 0; r < rows; ++r) std::fill_n(all + r * times, times, weight[r]);
        return all;
    }
    /// Every shard clears, fills and adds up a gradient of its own. For 1,024 x 1,024 weights and one step a sample
    /// that costs more than the products of 32 samples, so large models get fewer shards, though never one.
    Index most_shards(Index steps) const {
        return std::clamp<Index>((Index(1) << 20) * steps / std::max<Index>(dense_numbers_, 1), 2, Shards::most_shards);
    }
    /// A batch of 32 to 63 is cut in two, so that two threads have work, where the second shard is cheap: not with
    /// large models, nor with moving statistics, which are estimated within a shard.
    Index least_rows(Index samples, Index most) const {
        if (samples < Shards::least_rows || most < Shards::most_shards || has_state_) return Shards::least_rows;
        return std::min((samples + 1) / 2, Shards::least_rows);
    }
    static void keep(Shard& shard, const T* y, Index predictions, Index outputs) {
        T* kept = shard.predictions.need(predictions * outputs);
        if constexpr (on_logits)
            kernels::activate_rows<typename FinalActivationOf<Model>::type>(y, kept, predictions, outputs);
        else
            std::copy_n(y, predictions * outputs, kept);
    }
    ThreadPool& pool_;
    Loss loss_;
    typename Model::Gradients empty_;
    Index dense_numbers_ = 0;
    std::vector<Shard> shards_;
    detail::GradientSum<Model> sum_;
    std::vector<typename Model::Cache> caches_;
    bool keep_predictions_ = false, has_state_ = false;
};

DEEPREC_END
