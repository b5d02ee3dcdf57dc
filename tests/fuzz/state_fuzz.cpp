/// States of trainings: one that is taken goes on for an epoch.
#include "fuzz/fuzz.hpp"
#include "fuzz/training.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(state, 0, bytes) { fuzz::train(fuzz::files(bytes, {"last.state"}).parent_path(), 3); }
