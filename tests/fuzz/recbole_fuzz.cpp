/// RecBole's atomic files: events and items, and features by id.
#include <deeprec/data/readers/recbole.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(recbole, bytes) {
    const bool features = fuzz::choose(bytes, 2) != 0;
    if (features) {
        Vocabulary known;
        for (const char* key : {"a", "b", "c"}) known.add(key);
        fuzz::require(read_recbole_features(fuzz::files(bytes, {"x.user"}), "id", known).size() == 4);
        return;
    }
    const Dataset data = read_recbole(fuzz::files(bytes, {"x.inter", "x.item"}));
    data.interactions.check();
    fuzz::require(data.items.size() == data.interactions.items.size());
}
