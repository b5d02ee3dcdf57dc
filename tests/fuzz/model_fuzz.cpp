/// Files of models of six kinds (the first byte says which), a forward pass after each that loads.
#include "fuzz/fuzz.hpp"
#include "support/saved_models.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(model, 1, bytes) {
    const unsigned kind = fuzz::choose(bytes, support::saved_kinds);
    support::with_kind(static_cast<int>(kind), [&](const auto& make) {
        SafetensorsReader file(std::make_unique<std::istringstream>(std::string(bytes)), "file");
        support::pass_through(load<decltype(make())>(file));
    });
}
