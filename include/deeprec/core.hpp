/// The room core/: tensors, shapes, fields and parameters, errors, random numbers, threads.
#pragma once

#include <deeprec/core/block.hpp>
#include <deeprec/core/buffer.hpp>
#include <deeprec/core/equal.hpp>
#include <deeprec/core/errors.hpp>
#include <deeprec/core/field_taps.hpp>
#include <deeprec/core/fields.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/inputs.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/moving_average.hpp>
#include <deeprec/core/order.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/pass.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/record.hpp>
#include <deeprec/core/sample_weights.hpp>
#include <deeprec/core/shape.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/core/tasks.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/core/utf8.hpp>
#include <deeprec/core/window.hpp>
