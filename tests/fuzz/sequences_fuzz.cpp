/// Sequences, and negatives for them.
#include <deeprec/data/readers/negatives.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(sequences, bytes) {
    const unsigned options = fuzz::choose(bytes, 4);
    const auto file = fuzz::files(bytes, {"sequences.txt", "negatives.txt"});
    const Dataset data = read_sequences(file, {(options & 1) != 0, (options & 2) != 0});
    data.interactions.check();
    fuzz::require(data.interactions.size() > 0);
    const Sequences negatives = read_negatives(file.parent_path() / "negatives.txt", data.interactions);
    fuzz::require(negatives.users() == data.interactions.users.size());
}
