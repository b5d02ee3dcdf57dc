/// Files of sequences that are mapped: what is taken holds items of its own number, user by user.
#include <deeprec/data/tables/sequence_file.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(sequence_file, 0, bytes) {
    const Sequences sequences = load_sequences(fuzz::files(bytes, {"sequences"}));
    Index events = 0;
    for (std::int32_t user = 1; user <= sequences.users(); ++user)
        for (const std::int32_t item : sequences[user]) {
            fuzz::require(item >= 1 && item <= sequences.items());
            ++events;
        }
    fuzz::require(events == sequences.size());
}
