/// Tables of events with the columns user, item, rating and time.
#include <deeprec/data/readers/interactions_csv.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(interactions_csv, bytes) {
    CsvColumns columns{.rating = "rating", .timestamp = "time"};
    const unsigned options = fuzz::choose(bytes, 64);
    columns.time_unit = static_cast<TimeUnit>(fuzz::choose(bytes, 6));
    if (options & 1) columns.separator = '\t';
    if (options & 2) columns.skip_incomplete = true;
    if (options & 4) columns.trim = true;
    if (options & 8) columns.decimal = ',';
    if (options & 16)
        columns.header = false, columns.user = "1", columns.item = "2", columns.rating = "3", columns.timestamp = "4";
    if (options & 32) columns.encoding = Encoding::windows1252;
    const Dataset data = read_interactions_csv(fuzz::files(bytes, {"events.csv"}), columns);
    data.interactions.check();
    fuzz::require(data.interactions.size() > 0 && data.items.size() == data.interactions.items.size());
}
