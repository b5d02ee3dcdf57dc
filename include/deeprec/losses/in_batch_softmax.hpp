/// Softmax cross-entropy of two towers over a batch: the other samples' items are the negatives.
#pragma once

#include <cstdint>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/losses/softmax_cross_entropy.hpp>
#include <deeprec/losses/vector_batch.hpp>

DEEPREC_BEGIN

/// Of InBatchSoftmax: `InBatchSoftmax{{.temperature = 0.05, .normalize = true}}`.
struct InBatchSoftmaxOptions {
    double temperature = 1;                 ///< scores are divided by it; small ones look at the hardest negatives
    bool normalize = false;                 ///< vectors are divided by max(norm, 1e-12) first
    Reduction reduction = Reduction::mean;  ///< from the losses of samples to one number
};

/// What a batch of B samples may bring along; null = nothing. Each has B numbers.
template <class T>
struct InBatch {
    const T* log_q = nullptr;  ///< log of the probability that an item is in a batch, taken off its scores
    const std::int32_t* item_ids = nullptr;  ///< the same item twice is no negative of itself
    const T* sample_weight = nullptr;        ///< a factor of each sample's loss
};

/// s[i][j] = <query_i, item_j> / temperature - log_q[j], without j != i of the same item id;
/// loss_i = log(sum over j of exp s[i][j]) - s[i][i] (Yi et al. 2019, "Sampling-bias-corrected neural modeling").
///
/// Shapes: query and item [B, D]. Finite for any finite scores. Throws ShapeError unless the shapes agree.
class InBatchSoftmax {
public:
    /// Throws ArgumentError unless temperature > 0.
    explicit InBatchSoftmax(InBatchSoftmaxOptions options = {}) : options_(options) {
        detail::require_positive(name(), "temperature", options.temperature);
    }
    static constexpr std::string_view name() { return "InBatchSoftmax"; }

    using TrainsVectors = void;  // with a TwoTower in `fit`: see losses/vector_batch.hpp
    static constexpr Index candidates = 1;
    template <class T>
    struct Cache;
    template <class T>
    using Scratch = Cache<T>;
    template <class T>
    LossSum train(const VectorBatch<T>& batch, Cache<T>& cache, T* du, T* dv) const {
        const InBatch<T> in{nullptr, batch.item_ids, batch.weights.data};
        const double loss = accumulate(batch.u, batch.v, batch.users, batch.width, in, cache, du, dv);
        if (options_.reduction == Reduction::sum) return {loss, 0};
        const double divisor = 1 / reduction_scale(batch.users, batch.weights.data);
        return {loss * divisor, divisor};
    }

    /// Of the loss, in the vectors.
    template <class T>
    struct Gradient {
        Tensor<T, 2> query, item;  ///< of the two inputs, [B, D]
    };
    /// Scratch memory; warm, `accumulate` allocates nothing.
    template <class T>
    struct Cache {
        Buffer<T> query, item, query_norms, item_norms, row;
    };

    template <class Q, class V>
    double forward(const Q& query, const V& item, InBatch<std::type_identity_t<ElementOf<Q>>> batch = {}) const {
        const auto q = view(query);
        check(q, view(item));
        Cache<ElementOf<Q>> cache;
        return accumulate(q.data(), view(item).data(), q.extent(0), q.last(), batch, cache,
                          static_cast<ElementOf<Q>*>(nullptr), static_cast<ElementOf<Q>*>(nullptr));
    }
    /// dloss/dquery and dloss/ditem.
    template <class Q, class V>
    auto gradient(const Q& query, const V& item, InBatch<std::type_identity_t<ElementOf<Q>>> batch = {}) const {
        const auto q = view(query);
        check(q, view(item));
        using T = ElementOf<Q>;
        Gradient<T> out{Tensor<T, 2>(q.extents()), Tensor<T, 2>(q.extents())};
        Cache<T> cache;
        accumulate(q.data(), view(item).data(), q.extent(0), q.last(), batch, cache, out.query.data(), out.item.data());
        return out;
    }

    /// The loss, with its gradients unless they are null.
    template <class T>
    double accumulate(const T* query, const T* item, Index rows, Index width, const InBatch<T>& batch, Cache<T>& cache,
                      T* query_gradient, T* item_gradient) const {
        const T* q = normalized(query, rows, width, cache.query, cache.query_norms);
        const T* v = normalized(item, rows, width, cache.item, cache.item_norms);
        const T sharpness = static_cast<T>(1 / options_.temperature);
        T* s = cache.row.need(2 * rows);
        T* ds = query_gradient ? s + rows : nullptr;
        if (query_gradient) {
            std::fill_n(query_gradient, rows * width, T(0));
            std::fill_n(item_gradient, rows * width, T(0));
        }
        const double scale = reduction_scale(rows, batch.sample_weight);
        double loss = 0;
        for (Index i = 0; i < rows; ++i) {
            for (Index j = 0; j < rows; ++j)
                s[j] = kernels::dot(q + i * width, v + j * width, width) * sharpness -
                       (batch.log_q ? batch.log_q[j] : T(0));
            const auto target = [&](Index j) {
                if (i == j) return T(1);
                return batch.item_ids && batch.item_ids[i] == batch.item_ids[j] ? left_out<T> : T(0);
            };
            const double w = scale * (batch.sample_weight ? static_cast<double>(batch.sample_weight[i]) : 1.0);
            loss += w * static_cast<double>(detail::softmax_cross_entropy(s, rows, target, static_cast<T>(w), ds));
            for (Index j = 0; ds && j < rows; ++j) {
                kernels::axpy(ds[j] * sharpness, v + j * width, query_gradient + i * width, width);
                kernels::axpy(ds[j] * sharpness, q + i * width, item_gradient + j * width, width);
            }
        }
        if (query_gradient && options_.normalize) {
            through_norm(q, cache.query_norms.data(), rows, width, query_gradient);
            through_norm(v, cache.item_norms.data(), rows, width, item_gradient);
        }
        return loss;
    }

private:
    static constexpr double smallest_norm = 1e-12;

    template <class Q, class V>
    static void check(const Q& query, const V& item) {
        static_assert(Q::rank == 2 && V::rank == 2, "InBatchSoftmax: query and item are [batch, width]");
        if (query.shape() != item.shape())
            throw ShapeError(message("InBatchSoftmax: expected items of the queries' shape ", query.shape(),
                                     ", received ", item.shape()));
    }
    template <class T>
    double reduction_scale(Index rows, const T* weight) const {
        double total = static_cast<double>(rows);
        if (options_.reduction == Reduction::sum) return 1;
        if (options_.reduction == Reduction::mean_with_sample_weight && weight) {
            total = 0;
            for (Index i = 0; i < rows; ++i) total += static_cast<double>(weight[i]);
        }
        return detail::equal(total, 0) ? 1.0 : 1 / total;
    }
    template <class T>
    const T* normalized(const T* x, Index rows, Index width, Buffer<T>& memory, Buffer<T>& norms) const {
        if (!options_.normalize) return x;
        T *unit = memory.need(rows * width), *norm = norms.need(rows);
        for (Index r = 0; r < rows; ++r) {
            norm[r] = std::sqrt(kernels::dot(x + r * width, x + r * width, width));
            const T divisor = kernels::max_nan(static_cast<T>(smallest_norm), norm[r]);
            for (Index j = 0; j < width; ++j) unit[r * width + j] = x[r * width + j] / divisor;
        }
        return unit;
    }
    /// d = (d - <d, unit> unit) / norm, in place; below the smallest norm the divisor is a constant.
    template <class T>
    static void through_norm(const T* unit, const T* norm, Index rows, Index width, T* d) {
        for (Index r = 0; r < rows; ++r) {
            const T smallest = static_cast<T>(smallest_norm);
            if (!(norm[r] < smallest))
                kernels::axpy(-kernels::dot(d + r * width, unit + r * width, width), unit + r * width, d + r * width,
                              width);
            for (Index j = 0; j < width; ++j) d[r * width + j] /= kernels::max_nan(smallest, norm[r]);
        }
    }

    InBatchSoftmaxOptions options_;
};

DEEPREC_END
