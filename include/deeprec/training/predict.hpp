/// A model's outputs for many samples: `predict`.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <deeprec/core/inputs.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/pass.hpp>

DEEPREC_BEGIN

/// Of `predict`.
struct PredictOptions {
    Index batch_size = 32;  ///< at most; smaller where threads would be idle. No result depends on it
    int threads = 0;        ///< 0 = all cores
};

/// Runs a model over samples in batches over threads, and keeps threads and memory from call to call. One caller at a
/// time; the model must outlive it.
template <class Model>
class Predictor {
    using T = typename Model::Scalar;

public:
    /// Throws ArgumentError unless batch_size is positive and threads not negative.
    explicit Predictor(const Model& model, PredictOptions options = {})
        : model_(model), options_(options), threads_(thread_count(options.threads)) {
        if (options.batch_size < 1)
            throw ArgumentError(message("predict: expected a positive batch_size, received ", options.batch_size));
        typename Model::Gradients none;
        Fields<T> fields;
        detail::list_fields(model, none, fields);
        for (const Parameter<T>& p : fields.parameters())
            if (!p.rows) numbers_ += p.size();
    }

    /// The outputs for all samples of x, a view or record (or a Pair of them for two towers): [N, ...] as the model's
    /// output, with the mask of its steps, in memory that lasts until the next call. Batches are of whole blocks of the
    /// Pair.
    template <class Inputs>
    auto views(const Inputs& x) {
        using Output = decltype(detail::known_rank(model_.forward(x, std::declval<typename Model::Cache&>())));
        using Extents = typename Output::Extents;
        const Index samples = sample_count(x), block = sample_block(x);
        if (samples == 0) return View<const T, Output::rank>{values_.data(), Extents{}};
        const bool share = numbers_ * sample_steps(x) * samples >= shared_work;
        const Index rows = slice_rows(samples, share ? threads_ : 1, options_.batch_size);
        const Index batch_size = (rows + block - 1) / block * block, batches = (samples + batch_size - 1) / batch_size;
        make_room(share ? batches : 1);
        // The slice that is done first tells the shape of all.
        std::mutex first;
        Extents extents{};
        Index per_sample = 0, steps = 0;
        T* values = nullptr;
        std::uint8_t* mask = nullptr;
        run_tasks(share ? pool_.get() : nullptr, batches, [&](Index batch, Index lane) {
            const Index begin = batch * batch_size, end = std::min(samples, begin + batch_size);
            const Output y = detail::known_rank(model_.forward(slice_samples(x, begin, end), cache(lane)));
            {
                const std::lock_guard lock(first);
                if (!values) {
                    extents = y.extents();
                    per_sample = y.size() / (end - begin);
                    extents[0] = extents[0] / (end - begin) * samples;
                    values = values_.need(samples * per_sample);
                    steps = Output::rank > 1 && y.mask ? y.extent(Output::rank > 1 ? 1 : 0) : 0;
                    if (steps > 0) mask = mask_.need(samples * steps);
                }
            }
            std::copy_n(y.data(), y.size(), values + begin * per_sample);
            if (mask) std::copy_n(y.mask.keep, y.extent(0) * steps, mask + begin * steps);
        });
        return View<const T, Output::rank>{values, extents, Mask{mask}};
    }

    /// That it predicts with.
    const Model& model() const { return model_; }

private:
    typename Model::Cache& cache(Index lane) { return caches_[static_cast<std::size_t>(lane)]; }
    /// No more threads than there are slices, none where one is enough.
    void make_room(Index batches) {
        const int threads = static_cast<int>(std::min<Index>(batches, threads_));
        if (threads > 1 && (!pool_ || pool_->threads() < threads)) pool_ = std::make_unique<ThreadPool>(threads);
        const std::size_t lanes = pool_ ? static_cast<std::size_t>(pool_->threads()) : 1;
        if (lanes_ < lanes) caches_ = std::make_unique<typename Model::Cache[]>(lanes_ = lanes);
    }

    const Model& model_;
    PredictOptions options_;
    int threads_;
    Index numbers_ = 0;  // of parameters but tables, which tell how much a sample costs
    std::unique_ptr<ThreadPool> pool_;
    std::size_t lanes_ = 0;
    std::unique_ptr<typename Model::Cache[]> caches_;
    Buffer<T> values_;
    Buffer<std::uint8_t> mask_;
};

namespace detail {
/// Views of inputs: a tensor's, or those of a Pair.
template <class X>
auto input_views(const X& x) {
    if constexpr (requires {
                      x.user;
                      x.item;
                  })
        return Pair{view(x.user), view(x.item), x.block};
    else
        return view(x);
}
}  // namespace detail

/// The model's outputs for all samples of x (a tensor, view or record; a Pair of them for two towers), in batches over
/// threads. Shape: [N, ...] as the model's output; of a model that ends in Heads a Record, [N, outputs] by head. Throws
/// as Predictor and the model's forward.
///
/// A call starts threads and finds memory; of many in a row, `Predictor predictor{model}` keeps both, and beside the
/// forward passes `predict(predictor, x)` copies its result alone.
template <class Model, class X>
auto predict(Predictor<Model>& predictor, const X& x) {
    const Model& model = predictor.model();
    const auto y = predictor.views(detail::input_views(x));
    using Output = std::remove_cvref_t<decltype(y)>;
    using T = typename Model::Scalar;
    if constexpr (requires { model.heads().shapes(); }) {
        std::vector<Record::Field> heads;
        const T* from = y.data();
        for (const FieldShape& head : model.heads().shapes()) {
            const Index width = head.shape.size();
            Tensor<T, 2> own(y.extent(0), width);
            for (Index r = 0; r < y.extent(0); ++r) std::copy_n(from + r * y.last(), width, own.data() + r * width);
            heads.emplace_back(head.name, std::move(own));
            from += width;
        }
        return Record(std::move(heads));
    } else {
        Tensor<T, Output::rank> result(y.extents());
        std::copy_n(y.data(), y.size(), result.data());
        return result;
    }
}

template <class Model, class X>
auto predict(const Model& model, const X& x, PredictOptions options = {}) {
    Predictor<Model> predictor(model, options);
    return predict(predictor, x);
}

DEEPREC_END
