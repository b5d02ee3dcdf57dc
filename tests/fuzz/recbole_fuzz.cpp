/// RecBole's atomic files: events and items, as tables too, and features by id.
#include <deeprec/data/readers/dataset_tables.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(recbole, bytes) {
    const auto what = fuzz::choose(bytes, 3);
    if (what == 2) {
        const Tables all = read_recbole_tables(fuzz::files(bytes, {"x.inter", "x.item", "x.user"}));
        all.events.check(), all.items.check(), all.users.check();
        fuzz::require(all.items.size() == all.events.items.size() && all.users.size() == all.events.users.size());
        return;
    }
    if (what == 1) {
        Vocabulary known;
        for (const char* key : {"a", "b", "c"}) known.add(key);
        fuzz::require(read_recbole_features(fuzz::files(bytes, {"x.user"}), "id", known).size() == 4);
        return;
    }
    const Dataset data = read_recbole(fuzz::files(bytes, {"x.inter", "x.item"}));
    data.interactions.check();
    fuzz::require(data.items.size() == data.interactions.items.size());
}
