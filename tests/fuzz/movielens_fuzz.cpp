/// The four forms of MovieLens, as read_dataset meets them (the first byte says which).
#include <deeprec/data/readers/read_dataset.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(movielens, bytes) {
    const unsigned form = fuzz::choose(bytes, 4);
    const auto file = form == 0   ? fuzz::files(bytes, {"ratings.csv", "movies.csv"})
                      : form == 1 ? fuzz::files(bytes, {"u.data", "u.item", "u.genre", "u.user"})
                      : form == 2 ? fuzz::files(bytes, {"ratings.dat", "movies.dat", "users.dat"})
                                  : fuzz::files(bytes, {"table.csv"});
    const Dataset data = read_dataset(file);
    data.interactions.check();
    fuzz::require(data.interactions.size() > 0 && data.items.size() == data.interactions.items.size());
    for (std::int32_t item = 1; item <= data.items.size(); ++item) data.label(item);
}
