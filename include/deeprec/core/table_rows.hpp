/// Rows of tables that ranks share out, for the layers of a pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// What the passes over one batch read of tables of which this process has a part (core/table_shard.hpp): layers ask
/// for rows (`ask`), somebody gets them, and passes that have them (Pass::tables) read them (`find`).
class TableRows {
public:
    /// The rows of one table that are asked for.
    struct Table {
        const void* own;                  ///< the part that is here, by which its layer knows it
        std::vector<std::int32_t> ids{};  ///< of the rows; once sorted, ascending and each once
        const void* rows = nullptr;       ///< [ids, width], in the table's scalar

        /// The place of a row among `ids`, -1 where nobody asked for it.
        std::int32_t place(std::int32_t id) const {
            const auto at = std::lower_bound(ids.begin(), ids.end(), id);
            return at != ids.end() && *at == id ? static_cast<std::int32_t>(at - ids.begin()) : -1;
        }
    };

    /// From now on rows of another batch are asked for.
    void clear() {
        for (Table& table : tables_) table.ids.clear(), table.rows = nullptr;
    }
    /// Asks for these rows of the table whose part here is `own`.
    void ask(const void* own, const std::int32_t* ids, Index count) {
        Table& table = table_of(own);
        table.ids.insert(table.ids.end(), ids, ids + count);
    }
    /// What was asked for of a table.
    Table& sorted(const void* own) {
        Table& table = table_of(own);
        std::sort(table.ids.begin(), table.ids.end());
        table.ids.erase(std::unique(table.ids.begin(), table.ids.end()), table.ids.end());
        return table;
    }
    /// Null for a table that nobody got.
    const Table* find(const void* own) const {
        for (const Table& table : tables_)
            if (table.own == own) return &table;
        return nullptr;
    }

private:
    Table& table_of(const void* own) {
        for (Table& table : tables_)
            if (table.own == own) return table;
        return tables_.emplace_back(Table{own});
    }

    std::vector<Table> tables_;
};

DEEPREC_END
