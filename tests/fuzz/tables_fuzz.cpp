/// Tables: of events, items and users from CSV (the first bytes say which, and how it is written), and their own files.
#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/data/tables/table_file.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

namespace {
void look_at(const std::vector<Column>& columns, Index rows) {
    for (const Column& column : columns)
        for (Index row = 0; row < rows; ++row) (void)column.hash(row);
}
}  // namespace

FUZZ_SAFETENSORS(tables, 2, bytes) {
    const unsigned form = fuzz::choose(bytes, 4), options = fuzz::choose(bytes, 256);
    const std::vector<ColumnOptions> columns{{"event"},
                                             {"price", ColumnKind::number},
                                             {"note", ColumnKind::text},
                                             {"tags", ColumnKind::categories},
                                             {"image", ColumnKind::vector}};
    const BadRows bad_rows = options & 1 ? BadRows::skip : BadRows::error;
    if (form == 0) {
        const Tables tables = load_tables(fuzz::files(bytes, {"tables"}));
        tables.events.check();
        look_at(tables.events.columns, tables.events.size());
        look_at(tables.items.columns, tables.items.size());
        return look_at(tables.users.columns, tables.users.size());
    }
    if (form == 1) {
        const ItemTable items =
            read_items(fuzz::files(bytes, {"items.csv"}),
                       {.key = "item", .columns = columns, .missing = {"NULL"}, .bad_rows = bad_rows});
        return look_at(items.columns, items.size());
    }
    EventColumns how{.time = options & 2 ? "time" : "", .columns = columns, .bad_rows = bad_rows};
    if (options & 4) how.columns.clear(), how.type = "event", how.types = {{"view"}, {"buy", 5}};
    if (options & 8) how.rating = "price";
    how.duplicates = static_cast<Duplicates>(options / 16 % 4);
    how.min_item_events = options / 64 % 2;
    const EventTable events = read_events(fuzz::files(bytes, {"events.csv"}), how);
    events.check();
    look_at(events.columns, events.size());
    fuzz::require(events.size() > 0);
}
