/// One vector for a bag of ids.
#pragma once

#include <deeprec/layers/embedding_table.hpp>

DEEPREC_BEGIN

enum class BagMode { sum, mean, max };
inline constexpr std::array<std::string_view, 3> bag_mode_names{"sum", "mean", "max"};

struct EmbeddingBagOptions {
    BagMode mode = BagMode::mean;
    bool mask_zero = false;  ///< id 0 is padding: no part of the sum, mean or maximum
    OutOfRange out_of_range = OutOfRange::error;
    Initializer embeddings_initializer = RandomUniform{0.05};
};

/// y[b, :] = sum, mean or maximum of embeddings[ids[b, i], :] over i, as PyTorch's EmbeddingBag: a set of genres or
/// tags.
///
/// Shapes: ids [B, n] of std::int32_t in [0, input_dim), others as the option out_of_range says -> y [B, output_dim];
/// `embeddings` [input_dim, output_dim] (uniform in [-0.05, 0.05)). A bag of padding gives 0. Of tied maxima the first
/// gets the gradient, which is a SparseRows. A sum can have a weight [B, n] for each id: `forward(ids, weights,
/// cache)`, whose gradient `backward_weights` gives.
template <class T = float>
class EmbeddingBag : public detail::EmbeddingTable<T> {
    using Table = detail::EmbeddingTable<T>;
    using Table::row, Table::width;

public:
    using typename Table::Gradients;
    struct Cache {
        const std::int32_t* ids = nullptr;
        const T* weights = nullptr;
        Index batch = 0, n = 0;
        Buffer<std::int32_t> mapped, winners;  // winners: the id that is the maximum of each element of y, -1 = none
        Buffer<T> y, dweights;
    };

    /// Throws ArgumentError unless both sizes are positive.
    EmbeddingBag(Index input_dim, Index output_dim, EmbeddingBagOptions options = {})
        : Table(name(), input_dim, output_dim), options_(options) {}

    static constexpr std::string_view name() { return "EmbeddingBag"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(std::is_same_v<Element, std::int32_t>, "EmbeddingBag: the input must be ids of std::int32_t");
        static_assert(Rank == any_rank || Rank == 2, "EmbeddingBag: the input must be [batch, n] ids, rank 2");
        return 2;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 1, "[n]");
        this->build_table(options_.embeddings_initializer, seed);
        return {width()};
    }

    /// Throws DataError for an id outside the table, unless the option out_of_range gives it a row.
    template <class X, class Mode = Inference>
    View<T, 2> forward(const X& ids, Cache& cache, Mode = {}) const {
        output_rank<ElementOf<X>, rank_of<X>>();
        return run(view(ids), nullptr, cache, Mode::training);
    }
    /// Throws ArgumentError unless the mode is sum, ShapeError unless ids and weights have one shape.
    template <class X, class W, class Mode = Inference>
        requires(!std::is_same_v<W, Cache>)
    View<T, 2> forward(const X& ids, const W& weights, Cache& cache, Mode = {}) const {
        output_rank<ElementOf<X>, rank_of<X>>();
        const auto v = view(ids);
        const auto w = view(weights);
        if (options_.mode != BagMode::sum) throw ArgumentError("EmbeddingBag: weights need the mode sum");
        if (w.shape() != v.shape())
            throw ShapeError(message("EmbeddingBag: expected weights of shape ", v.shape(), ", received ", w.shape()));
        return run(v, w.data(), cache, Mode::training);
    }

    /// embeddings[id] += its share of dy; there is no gradient by an id.
    template <InputGradient Want = InputGradient::compute, class DY>
    NoGradient backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        check(d, cache);
        SparseRows<T>& rows = gradients.embeddings;
        for (Index b = 0; b < cache.batch; ++b) {
            const T* from = d.data() + b * width();
            if (options_.mode == BagMode::max) {
                const std::int32_t* winner = cache.winners.data() + b * width();
                for (Index j = 0; j < width(); ++j)
                    if (winner[j] >= 0) rows.row(winner[j])[j] += from[j];
                continue;
            }
            const T share = share_of(cache.ids + b * cache.n, cache.n);
            for (Index i = b * cache.n; i < (b + 1) * cache.n; ++i)
                if (counts(cache.ids[i]))
                    kernels::axpy<T>(cache.weights ? cache.weights[i] : share, from, rows.row(cache.ids[i]), width());
        }
        return {};
    }
    /// dL/dweights[b, i] = <dy[b], embeddings[ids[b, i]]>, 0 for padding; after a training forward with weights.
    template <class DY>
    View<T, 2> backward_weights(const DY& dy, Cache& cache) const {
        const auto d = view(dy);
        check(d, cache);
        detail::check_trained(name(), cache.weights);
        View<T, 2> dw{cache.dweights.need(cache.batch * cache.n), {cache.batch, cache.n}};
        for (Index i = 0; i < dw.size(); ++i)
            dw.data()[i] = counts(cache.ids[i])
                               ? kernels::dot<T>(d.data() + i / cache.n * width(), row(cache.ids[i]), width())
                               : T(0);
        return dw;
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        Table::visit_sizes(visitor, self);
        visitor.choice("mode", self.options_.mode, bag_mode_names);
        visitor("mask_zero", self.options_.mask_zero);
        visitor.choice("out_of_range", self.options_.out_of_range, out_of_range_names);
    }

private:
    bool counts(std::int32_t id) const { return !options_.mask_zero || id != 0; }
    /// 1, or of a mean 1 / (ids that count).
    T share_of(const std::int32_t* ids, Index n) const {
        if (options_.mode != BagMode::mean) return T(1);
        const auto count = std::count_if(ids, ids + n, [&](std::int32_t id) { return counts(id); });
        return T(1) / static_cast<T>(std::max<std::ptrdiff_t>(count, 1));
    }
    void check(const View<const T, 2>& dy, const Cache& cache) const {
        detail::check_trained(name(), cache.ids);
        detail::check_gradient(name(), Shape{cache.batch, width()}, dy);
    }
    View<T, 2> run(const View<const std::int32_t, 2>& ids, const T* weights, Cache& cache, bool training) const {
        const Index batch = ids.extent(0), n = ids.extent(1);
        const std::int32_t* rows = this->rows_of(name(), ids, options_.out_of_range, cache.mapped);
        View<T, 2> y{cache.y.need_zeros(batch * width()), {batch, width()}};
        std::int32_t* winners = options_.mode == BagMode::max ? cache.winners.need(y.size()) : nullptr;
        if (winners) std::fill_n(winners, y.size(), -1);
        for (Index b = 0; b < batch; ++b) {
            T* to = y.data() + b * width();
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
        cache.ids = training ? rows : nullptr;
        cache.weights = weights;
        cache.batch = batch;
        cache.n = n;
        return y;
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
