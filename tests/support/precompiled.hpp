/// What every test reads anyway, compiled once (see tests/CMakeLists.txt). Nothing may rely on it being there.
#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <unsupported/Eigen/CXX11/Tensor>
#include <xsimd/xsimd.hpp>

#include "support/catch.hpp"
