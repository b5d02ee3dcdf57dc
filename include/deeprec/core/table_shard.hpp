/// Which rows of a table a process keeps where several share one out.
#pragma once

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Row r of a table belongs to rank r mod `ranks`, where it is row r / `ranks`. Neighbouring rows have other owners, so
/// that popular ids, which come first in many tables, are work for all. `.shard = {world.rank(), world.size()}`.
struct TableShard {
    int rank = 0;   ///< of this process
    int ranks = 1;  ///< 1: the table is whole

    /// Whether there are rows that this rank does not have.
    explicit operator bool() const { return ranks > 1; }
    /// How many of the first `all` rows this rank has.
    Index rows(Index all) const { return (all + ranks - 1 - rank) / ranks; }
    /// The rank that has the row.
    int owner(Index row) const { return static_cast<int>(row % ranks); }
    /// Where the owner has a row.
    Index place(Index row) const { return row / ranks; }
    /// Which row is at a place of this rank.
    Index row(Index place) const { return place * ranks + rank; }
    bool operator==(const TableShard&) const = default;
};

DEEPREC_END
