/// One vector for a bag of ids.
#pragma once

#include <deeprec/layers/embedding_table.hpp>

DEEPREC_BEGIN

/// What becomes of the rows of a bag.
enum class BagMode { sum, mean, max };
inline constexpr std::array<std::string_view, 3> bag_mode_names{"sum", "mean", "max"};

/// Of EmbeddingBag: `EmbeddingBag{1000, 16, {.mode = BagMode::sum}}`.
struct EmbeddingBagOptions {
    BagMode mode = BagMode::mean;                              ///< what becomes of the rows of a bag
    bool mask_zero = false;                                    ///< id 0 is padding: no part of the sum, mean or maximum
    OutOfRange out_of_range = OutOfRange::error;               ///< what ids that the table does not have are
    Initializer embeddings_initializer = RandomUniform{0.05};  ///< first values of the table
};

/// y[b, :] = sum, mean or maximum of embeddings[ids[b, i], :] over i, as PyTorch's EmbeddingBag: a set of genres or
/// tags, of a sample or of each step of a sequence.
///
/// Shapes: ids [B, n] of std::int32_t in [0, input_dim), others as the option out_of_range says -> y [B, output_dim];
/// of sequences, ids [B, T, n] -> y [B, T, output_dim], on which a mask of the steps travels; `embeddings` [input_dim,
/// output_dim] (uniform in [-0.05, 0.05)). A bag of padding gives 0. Of tied maxima the first gets the gradient, which
/// is a SparseRows. A sum can have a weight for each id, of the shape of the ids: `forward(ids, weights, cache)`, whose
/// gradient `backward_weights` gives.
template <class T = float>
class EmbeddingBag : public detail::EmbeddingTable<EmbeddingBag<T>, T> {
    using Table = detail::EmbeddingTable<EmbeddingBag, T>;
    using Table::row, Table::width;

public:
    using Scalar = T;
    using typename Table::Gradients;
    struct Cache : LayerCache {
        const std::int32_t* rows = nullptr;
        const T* weights = nullptr;
        Shape in;                              // of the ids
        Buffer<std::int32_t> mapped, winners;  // winners: the id that is the maximum of each element of y, -1 = none
        Buffer<T> y, dweights;
    };
    DEEPREC_LAYER("EmbeddingBag", ids, Rank)

    EmbeddingBag() = default;
    /// Throws ArgumentError unless both sizes are positive.
    EmbeddingBag(Index input_dim, Index output_dim, EmbeddingBagOptions options = {})
        : Table(input_dim, output_dim), options_(options) {}

    Shape prepare(const Shape& in) const {
        if (in.rank() != 1 && in.rank() != 2)
            throw ShapeError(message(name(), ": expected samples of shape [n] or [time, n], received ", in));
        return in.rank() == 1 ? Shape{width()} : Shape{in[0], width()};
    }
    void fields(Fields<T>& f, Gradients& g) {
        this->table_fields(f, g, options_.embeddings_initializer);
        f.choice("mode", options_.mode, bag_mode_names);
        f.option("mask_zero", options_.mask_zero);
        f.choice("out_of_range", options_.out_of_range, out_of_range_names);
    }

    using Table::forward;
    /// A weighted sum. Throws ArgumentError unless the mode is sum, ShapeError unless ids and weights have one shape.
    template <class X, class W>
        requires(!std::is_same_v<W, Cache>)
    auto forward(const X& ids, const W& weights, Cache& cache, const Pass& pass = {}) const {
        constexpr int rank = output_rank<ElementOf<X>, rank_of<X>>();
        const auto v = view(ids);
        const auto w = view(weights);
        if (options_.mode != BagMode::sum) throw ArgumentError(message(name(), ": weights need the mode sum"));
        if (w.shape() != v.shape())
            throw ShapeError(message(name(), ": expected weights of shape ", v.shape(), ", received ", w.shape()));
        const Block<const T> y = run(v, cache, pass, w.data());
        cache.out = y.shape;
        cache.trained = pass.training;
        return y.template as<rank>();
    }

    /// Throws DataError for an id outside the table, unless the option out_of_range gives it a row.
    Block<const T> run(const Block<const std::int32_t>& ids, Cache& cache, const Pass&,
                       const T* weights = nullptr) const {
        const Index bags = ids.rows(), n = ids.last();
        const std::int32_t* rows = this->rows_of(ids, options_.out_of_range, cache.mapped);
        Block<T> y{cache.y.need_zeros(bags * width()), ids.with_last(width())};
        if (ids.shape.rank() > 2) y.mask = ids.mask;
        std::int32_t* winners = options_.mode == BagMode::max ? cache.winners.need(y.size()) : nullptr;
        if (winners) std::fill_n(winners, y.size(), -1);
        for (Index b = 0; b < bags; ++b) {
            T* to = y.data + b * width();
            const T share = share_of(rows + b * n, n);
            for (Index i = b * n; i < (b + 1) * n; ++i) {
                const std::int32_t id = rows[i];
                if (!counts(id)) continue;
                if (winners)
                    take_maxima(id, to, winners + b * width());
                else
                    kernels::axpy<T>(weights ? weights[i] : share, row(id), to, width());
            }
        }
        cache.rows = rows;
        cache.weights = weights;
        cache.in = ids.shape;
        return y;
    }

    /// embeddings[id] += its share of dy; there is no gradient by an id.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool) const {
        SparseRows<T>& table = gradients.embeddings;
        const Index n = cache.in.back();
        for (Index b = 0; b < dy.rows(); ++b) {
            const T* from = dy.data + b * width();
            if (options_.mode == BagMode::max) {
                const std::int32_t* winner = cache.winners.data() + b * width();
                for (Index j = 0; j < width(); ++j)
                    if (winner[j] >= 0) table.row(winner[j])[j] += from[j];
                continue;
            }
            const T share = share_of(cache.rows + b * n, n);
            for (Index i = b * n; i < (b + 1) * n; ++i)
                if (counts(cache.rows[i]))
                    kernels::axpy<T>(cache.weights ? cache.weights[i] : share, from, table.row(cache.rows[i]), width());
        }
        return {};
    }
    /// dL/dweights[b, i] = <dy[b], embeddings[ids[b, i]]>, 0 for padding; after a training forward with weights.
    template <class DY>
    View<T, rank_of<DY>> backward_weights(const DY& dy, Cache& cache) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained && cache.weights);
        detail::check_gradient(name(), cache.out, d.shape());
        const Block<T> dw{cache.dweights.need(cache.in.size()), cache.in};
        for (Index i = 0; i < dw.size(); ++i)
            dw.data[i] = counts(cache.rows[i])
                             ? kernels::dot<T>(d.data() + i / dw.last() * width(), row(cache.rows[i]), width())
                             : T(0);
        return dw.template as<rank_of<DY>>();
    }

private:
    bool counts(std::int32_t id) const { return !options_.mask_zero || id != 0; }
    /// 1, or of a mean 1 / (ids that count).
    T share_of(const std::int32_t* ids, Index n) const {
        if (options_.mode != BagMode::mean) return T(1);
        const auto count = std::count_if(ids, ids + n, [&](std::int32_t id) { return counts(id); });
        return T(1) / static_cast<T>(std::max<std::ptrdiff_t>(count, 1));
    }
    /// A NaN is the maximum.
    void take_maxima(std::int32_t id, T* y, std::int32_t* winners) const {
        const T* x = row(id);
        for (Index j = 0; j < width(); ++j)
            if (winners[j] < 0 || (y[j] == y[j] && !(x[j] <= y[j]))) {
                y[j] = x[j];
                winners[j] = id;
            }
    }

    EmbeddingBagOptions options_;
};

EmbeddingBag(Index, Index) -> EmbeddingBag<float>;
EmbeddingBag(Index, Index, EmbeddingBagOptions) -> EmbeddingBag<float>;

DEEPREC_END
