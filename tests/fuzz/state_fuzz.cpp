/// States of trainings: one that is taken goes on for an epoch.
#include "fuzz/fuzz.hpp"
#include "fuzz/safetensors_mutator.hpp"
#include "fuzz/training.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(0)

FUZZ(bytes) { fuzz::train(fuzz::files(bytes, {"last.state"}).parent_path(), 3); }
