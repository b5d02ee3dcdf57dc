/// What every test reads anyway, compiled once (see tests/CMakeLists.txt). Nothing may rely on it being there.
#include <nlohmann/json.hpp>
#include <xsimd/xsimd.hpp>

#include "support/catch.hpp"
