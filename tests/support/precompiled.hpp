/// What every test reads anyway, compiled once (see tests/CMakeLists.txt). Nothing may rely on it being there.
#include <nlohmann/json.hpp>
#include <xsimd/xsimd.hpp>

#include "support/catch.hpp"

// Where deeprec::compiled is linked: without its list a test would make all that it has again, unoptimised.
#ifdef DEEPREC_COMPILED
#include <deeprec/compiled.hpp>
#endif
