/// Everything of deeprec that needs Eigen and xsimd only.
#pragma once

#include <deeprec/core/errors.hpp>
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/inputs.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/core/window.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/version.hpp>
