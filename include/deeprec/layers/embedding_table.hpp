/// What layers on ids share: the table, and which row an id has.
#pragma once

#include <array>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// What ids outside [0, input_dim) are: a DataError, or items that are not known and share the last row of the table,
/// which no known id should have. Over a Vocabulary: `Embedding{items.size() + 2, 64, {.out_of_range =
/// OutOfRange::last_row}}`. The row learns where training has such ids.
enum class OutOfRange { error, last_row };
inline constexpr std::array<std::string_view, 2> out_of_range_names{"error", "last_row"};

namespace detail {

/// `embeddings` [input_dim, output_dim]; its gradient is a SparseRows.
template <class L, class T>
class EmbeddingTable : public BasicLayer<L, T, std::int32_t> {
public:
    struct Parameters {
        Tensor<T, 2> embeddings;
    };
    struct Gradients {
        SparseRows<T> embeddings;
    };

    void check() const {
        check_positive(L::name(), "input_dim", input_dim_);
        check_positive(L::name(), "output_dim", output_dim_);
    }
    const Parameters& parameters() const { return parameters_; }

protected:
    EmbeddingTable() = default;
    EmbeddingTable(Index input_dim, Index output_dim) : input_dim_(input_dim), output_dim_(output_dim) { check(); }
    void table_fields(Fields<T>& f, Gradients& g, const Initializer& initializer, const TableShard& shard = {}) {
        f.option("input_dim", input_dim_);
        f.option("output_dim", output_dim_);
        f.parameter("embeddings", parameters_.embeddings, {shard.rows(input_dim_), output_dim_}, initializer,
                    g.embeddings);
        f.shared_out(shard, input_dim_);
    }
    /// Throws ArgumentError for the part of a rank that cannot have one.
    void check_shard(const TableShard& shard, const Initializer& initializer) const {
        if (shard.rank < 0 || shard.rank >= shard.ranks || (shard && shard.ranks > input_dim_))
            throw ArgumentError(message(L::name(),
                                        ": expected the shard of a rank below the number of ranks, of which ",
                                        "each has a row, received that of rank ", shard.rank, " of ", shard.ranks,
                                        " for ", input_dim_, " rows"));
        if (shard && !fills_by_element(initializer))
            throw ArgumentError(message(L::name(),
                                        ": a table that ranks share out starts uniform, normal or constant, ",
                                        "received an initializer that needs all rows"));
    }
    /// Of a table that ranks share out: the rows that were got for this pass, with the places of the ids among them.
    const TableRows::Table& got_rows(const std::int32_t* ids, Index n, const TableRows* tables, const TableShard& shard,
                                     std::int32_t* places) const {
        const TableRows::Table* const table = tables ? tables->find(parameters_.embeddings.data()) : nullptr;
        bool all = table != nullptr;
        for (Index i = 0; all && i < n; ++i) all = (places[i] = table->place(ids[i])) >= 0;
        if (!all)
            throw ArgumentError(message(L::name(), ": it has the part of rank ", shard.rank, " of ", shard.ranks,
                                        " of its table, which fit trains with a world of so many ranks; expected a ",
                                        "whole model, as save(world, model, path) writes it"));
        return *table;
    }

    Index width() const { return output_dim_; }
    const T* row(std::int32_t id) const { return parameters_.embeddings.data() + id * output_dim_; }
    /// The ids as numbers of rows: themselves, or in `mapped` where some are outside of the table.
    const std::int32_t* rows_of(const Block<const std::int32_t>& ids, OutOfRange outside,
                                Buffer<std::int32_t>& mapped) const {
        const Index n = ids.size(), size = parameters_.embeddings.size() > 0 ? input_dim_ : 0;
        const Index bad = kernels::find_out_of_range(ids.data, n, size);
        if (bad == n) return ids.data;
        if (size == 0) throw ArgumentError(message(L::name(), ": the layer has no table; build it first"));
        if (outside == OutOfRange::error)
            throw DataError(message(L::name(), ": id ", ids.data[bad], " at [", bad / ids.last(), ", ",
                                    bad % ids.last(), "] is outside the table of ", input_dim_, " rows"));
        std::int32_t* rows = mapped.need(n);
        const auto last = static_cast<std::int32_t>(input_dim_ - 1);
        for (Index i = 0; i < n; ++i) rows[i] = ids.data[i] < 0 ? last : std::min(ids.data[i], last);
        return rows;
    }

private:
    Index input_dim_ = 0, output_dim_ = 0;
    Parameters parameters_;
};

}  // namespace detail
DEEPREC_END
