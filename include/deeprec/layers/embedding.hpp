/// A vector for each id.
#pragma once

#include <deeprec/layers/embedding_table.hpp>

DEEPREC_BEGIN

/// Of Embedding: `Embedding{1000, 64, {.mask_zero = true}}`.
struct EmbeddingOptions {
    bool mask_zero = false;                       ///< id 0 is padding: the output carries the mask (id != 0)
    OutOfRange out_of_range = OutOfRange::error;  ///< what ids that the table does not have are
    Initializer embeddings_initializer = RandomUniform{0.05};  ///< first values of the table
    TableShard shard{};  ///< which rows are here, of a table that ranks share; all
};

/// y[..., :] = embeddings[ids[...], :], as Keras' Embedding.
///
/// Shapes: ids [B, ...] of std::int32_t in [0, input_dim), of up to three axes, others as the option out_of_range says
/// -> y [B, ..., output_dim]; `embeddings` [input_dim, output_dim] (uniform in [-0.05, 0.05)). Ids are [B, T] mostly,
/// [B] for one a sample, [B, T, n] for several a step. The gradient is a SparseRows: repeated ids add up, and with
/// mask_zero row 0 still has one, as in Keras. The mask is that of ids [B, T]; with other ranks there is none.
/// `Embedding{20000, 64, {.mask_zero = true}}`.
///
/// `.shard = {world.rank(), world.size()}` shares the table out by row: each of N ranks has 1/N of the values, of the
/// gradient and of the optimizer's state, and `build` makes no more than that, to the bits of the whole. `fit` of a
/// Sequential or TwoTower with that world gets the rows of each batch from their owners; what else runs the layer
/// throws ArgumentError. It has no part in a file: `save(world, model, path)` writes the whole table.
template <class T = float>
class Embedding : public detail::EmbeddingTable<Embedding<T>, T> {
    using Table = detail::EmbeddingTable<Embedding, T>;
    using Table::row, Table::width;

public:
    using Scalar = T;
    using typename Table::Gradients;
    struct Cache : LayerCache {
        const std::int32_t* rows = nullptr;
        Index got = 0;  // rows of other ranks and this one, of a table that they share out
        Buffer<std::int32_t> mapped;
        Buffer<std::uint8_t> keep;
        Buffer<T> y;
    };
    DEEPREC_LAYER("Embedding", ids, Rank + 1)
    static constexpr bool asks = true;

    Embedding() = default;
    /// Throws ArgumentError unless both sizes are positive, and for a shard that no rank has.
    Embedding(Index input_dim, Index output_dim, EmbeddingOptions options = {})
        : Table(input_dim, output_dim), options_(options) {
        check();
    }

    void check() const {
        Table::check();
        this->check_shard(options_.shard, options_.embeddings_initializer);
    }
    Shape prepare(const Shape& in) const {
        if (in.rank() > 2) throw ShapeError(message("Embedding: expected samples of at most 2 axes, received ", in));
        Shape out = in;
        out.push_back(width());
        return out;
    }
    void fields(Fields<T>& f, Gradients& g) {
        this->table_fields(f, g, options_.embeddings_initializer, options_.shard);
        f.option("mask_zero", options_.mask_zero);
        f.choice("out_of_range", options_.out_of_range, out_of_range_names);
    }

    /// Throws DataError for an id outside the table, unless the option out_of_range gives it a row.
    Block<const T> run(const Block<const std::int32_t>& ids, Cache& cache, const Pass& pass) const {
        const Index n = ids.size();
        const std::int32_t* rows = this->rows_of(ids, options_.out_of_range, cache.mapped);
        const T* table = row(0);
        if (options_.shard) {
            std::int32_t* const places = cache.mapped.need(n);
            const TableRows::Table& got = this->got_rows(rows, n, pass.tables, options_.shard, places);
            table = static_cast<const T*>(got.rows), rows = places;
            cache.got = static_cast<Index>(got.ids.size());
        }
        Shape shape = ids.shape;
        shape.push_back(width());
        Block<T> y{cache.y.need(n * width()), shape};
        kernels::gather_rows<T>(table, width(), rows, n, y.data);
        if (options_.mask_zero && ids.shape.rank() == 2) {
            std::uint8_t* keep = cache.keep.need(n);
            for (Index i = 0; i < n; ++i) keep[i] = ids.data[i] != 0;
            y.mask = Mask{keep};
        }
        cache.rows = rows;
        return y;
    }
    /// embeddings[id] += dy of each place of the id; there is no gradient by an id.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool) const {
        if (options_.shard) gradients.embeddings.reach(cache.got);
        for (Index i = 0; i < dy.rows(); ++i) gradients.embeddings.add(cache.rows[i], dy.data + i * width());
        return {};
    }
    /// Asks for the rows that a pass over these ids reads, of a table that ranks share out.
    void ask(const Block<const std::int32_t>& ids, TableRows& tables) const {
        if (!options_.shard) return;
        Buffer<std::int32_t> mapped;
        tables.ask(row(0), this->rows_of(ids, options_.out_of_range, mapped), ids.size());
    }

private:
    EmbeddingOptions options_;
};

Embedding(Index, Index)->Embedding<float>;
Embedding(Index, Index, EmbeddingOptions)->Embedding<float>;

DEEPREC_END
