/// Tables that the ranks of a TrainingWorld share out by row (core/table_shard.hpp): what a batch needs of other ranks.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN
namespace detail {

/// For each batch a rank asks the owners for the rows of its ids, once each however often the batch has them, works on
/// what came, and sends the gradients back; owners add those up in the order of the ranks.
///
/// With n_rs distinct ids of rank r that rank s owns, and K tables of D numbers a row together (of a
/// SequenceRecommender width + 1 with b, in 2 tables), a step of rank r sends to all s other than r
///
///     sum over s of 4 n_rs + sizeof(T) D n_sr + (sizeof(T) D + K) n_rs    bytes
///
/// ids, rows that others asked for, gradients with a byte that says which of them there are. A batch without training,
/// as of validation data, sends the first two.
template <class T>
class RowExchange {
public:
    /// The gradient [ids, width] of the rows of a table, of those that `touched` has.
    struct Gradient {
        const T* values;
        const std::uint8_t* touched;
    };

    /// Ids below `first` have no rows: 1 where id 0 is padding.
    explicit RowExchange(std::int32_t first) : first_(first) {}

    /// Gets the rows of `ids`, distinct ones, of each table of `list` that is shared out. All ranks call it, for no ids
    /// too. Throws DataError for an id that is in no table.
    void fetch(std::span<const std::int32_t> ids, const ParameterList<T>& list, TrainingWorld& world) {
        const auto ranks = static_cast<std::size_t>(world.size());
        tables_.clear();
        for (const Parameter<T>& p : list)
            if (p.shard) shard_ = p.shard, tables_.push_back({p.values, p.rows, p.shape[0], p.size() / p.shape[0]});
        rows_.resize(tables_.size());
        asked_.assign(ranks, {});
        std::vector<std::vector<std::byte>> give(ranks);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (ids[i] >= 0 && ids[i] < first_) continue;
            const auto owner = static_cast<std::size_t>(shard_.owner(ids[i]));
            asked_[owner].push_back(static_cast<Index>(i));
            append(give[owner], &ids[i], 1);
        }
        wanted_.assign(ranks, {});
        const auto wishes = world.exchange(std::move(give));
        give.assign(ranks, {});
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            wanted_[rank].resize(wishes[rank].size() / sizeof(std::int32_t));
            if (!wishes[rank].empty()) std::memcpy(wanted_[rank].data(), wishes[rank].data(), wishes[rank].size());
            for (std::int32_t& row : wanted_[rank]) {
                row = static_cast<std::int32_t>(place_of(row, rank));
                for (const Table& t : tables_) append(give[rank], t.values + row * t.width, t.width);
            }
        }
        const auto answers = world.exchange(std::move(give));
        for (std::size_t t = 0; t < tables_.size(); ++t)
            rows_[t].need(static_cast<Index>(ids.size()) * tables_[t].width);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            const std::byte* from = answers[rank].data();
            for (const Index i : asked_[rank])
                for (std::size_t t = 0; t < tables_.size(); ++t)
                    from = take(from, rows_[t].data() + i * tables_[t].width, tables_[t].width);
        }
    }
    /// What came of a table, [ids, width]; rows of ids without one have no meaning.
    const T* rows(std::size_t table) const { return rows_[table].data(); }

    /// The owners' gradients of the tables become the sum, over all ranks, of `factor` times those of the ids that were
    /// fetched, one Gradient a table. All ranks call it.
    void give_back(std::span<const Gradient> gradients, double factor, TrainingWorld& world) {
        std::vector<std::vector<std::byte>> give(asked_.size());
        for (std::size_t rank = 0; rank < asked_.size(); ++rank)
            for (const Index i : asked_[rank])
                for (std::size_t t = 0; t < tables_.size(); ++t) {
                    const Index width = tables_[t].width;
                    row_.assign(gradients[t].values + i * width, gradients[t].values + (i + 1) * width);
                    for (T& number : row_) number *= static_cast<T>(factor);
                    append(give[rank], gradients[t].touched + i, 1);
                    append(give[rank], row_.data(), width);
                }
        const auto got = world.exchange(std::move(give));
        for (const Table& t : tables_) t.gradient->setZero();
        for (std::size_t rank = 0; rank < got.size(); ++rank) {
            const std::byte* from = got[rank].data();
            for (const std::int32_t row : wanted_[rank])
                for (const Table& t : tables_) {
                    std::uint8_t touched = 0;
                    row_.resize(static_cast<std::size_t>(t.width));
                    from = take(take(from, &touched, 1), row_.data(), t.width);
                    if (touched) t.gradient->add(row, row_.data());
                }
        }
    }

private:
    struct Table {
        const T* values;
        SparseRows<T>* gradient;
        Index rows, width;
    };
    template <class X>
    static void append(std::vector<std::byte>& to, const X* from, Index count) {
        const auto* const bytes = reinterpret_cast<const std::byte*>(from);
        to.insert(to.end(), bytes, bytes + count * static_cast<Index>(sizeof(X)));
    }
    template <class X>
    static const std::byte* take(const std::byte* from, X* to, Index count) {
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(X));
        return from + count * static_cast<Index>(sizeof(X));
    }
    Index place_of(std::int32_t id, std::size_t rank) const {
        const Index place = shard_.place(id);
        if (id < 0 || shard_.owner(id) != shard_.rank || place >= tables_.front().rows)
            throw DataError(message("fit: rank ", rank, " asked for row ", id, ", which rank ", shard_.rank, " of ",
                                    shard_.ranks, " with ", tables_.front().rows, " rows does not have"));
        return place;
    }

    std::int32_t first_;
    TableShard shard_;
    std::vector<Table> tables_;
    std::vector<Buffer<T>> rows_;
    std::vector<std::vector<Index>> asked_;          // of each rank: places among the ids
    std::vector<std::vector<std::int32_t>> wanted_;  // by each rank: places in the own part of the tables
    std::vector<T> row_;
};

}  // namespace detail
DEEPREC_END
