/// A vector for each id.
#pragma once

#include <deeprec/layers/embedding_table.hpp>

DEEPREC_BEGIN

struct EmbeddingOptions {
    bool mask_zero = false;  ///< id 0 is padding: the output carries the mask (id != 0)
    OutOfRange out_of_range = OutOfRange::error;
    Initializer embeddings_initializer = RandomUniform{0.05};
};

/// y[b, t, :] = embeddings[ids[b, t], :], as Keras' Embedding.
///
/// Shapes: ids [B, T] of std::int32_t in [0, input_dim), others as the option out_of_range says -> y [B, T,
/// output_dim]; `embeddings` [input_dim, output_dim] (uniform in [-0.05, 0.05)). The gradient is a SparseRows: repeated
/// ids add up, and with mask_zero row 0 still has one, as in Keras. `Embedding{20000, 64, {.mask_zero = true}}`.
template <class T = float>
class Embedding : public detail::EmbeddingTable<T> {
    using Table = detail::EmbeddingTable<T>;
    using Table::row, Table::width;

public:
    using typename Table::Gradients;
    struct Cache {
        const std::int32_t* rows = nullptr;
        Shape shape;  // of y
        Buffer<std::int32_t> mapped;
        Buffer<std::uint8_t> keep;
        Buffer<T> y;
    };

    /// Throws ArgumentError unless both sizes are positive.
    Embedding(Index input_dim, Index output_dim, EmbeddingOptions options = {})
        : Table(name(), input_dim, output_dim), options_(options) {}

    static constexpr std::string_view name() { return "Embedding"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(std::is_same_v<Element, std::int32_t>, "Embedding: the input must be ids of std::int32_t");
        static_assert(Rank == any_rank || Rank == 2, "Embedding: the input must be [batch, time] ids, rank 2");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 1, "[time]");
        this->build_table(options_.embeddings_initializer, seed);
        return {in[0], width()};
    }

    /// Throws DataError for an id outside the table, unless the option out_of_range gives it a row.
    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto ids = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index n = ids.size();
        const std::int32_t* rows = this->rows_of(name(), ids, options_.out_of_range, cache.mapped);
        View<T, 3> y{cache.y.need(n * width()), {ids.extent(0), ids.extent(1), width()}};
        kernels::gather_rows<T>(row(0), width(), rows, n, y.data());
        if (options_.mask_zero) {
            std::uint8_t* keep = cache.keep.need(n);
            for (Index i = 0; i < n; ++i) keep[i] = ids.data()[i] != 0;
            y.mask = Mask{keep};
        }
        cache.rows = Mode::training ? rows : nullptr;
        if constexpr (Mode::training) cache.shape = y.shape();
        return y;
    }

    /// embeddings[id] += dy of each place of the id; there is no gradient by an id.
    template <InputGradient Want = InputGradient::compute, class DY>
    NoGradient backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.rows);
        detail::check_gradient(name(), cache.shape, d);
        for (Index i = 0; i < d.rows(); ++i) gradients.embeddings.add(cache.rows[i], d.data() + i * width());
        return {};
    }

    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        Table::visit_sizes(visitor, self);
        visitor("mask_zero", self.options_.mask_zero);
        visitor.choice("out_of_range", self.options_.out_of_range, out_of_range_names);
    }

private:
    EmbeddingOptions options_;
};

DEEPREC_END
