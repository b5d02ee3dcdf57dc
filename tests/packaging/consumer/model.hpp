#pragma once

#include <deeprec/deeprec.hpp>

using Model = decltype(deeprec::Sequential{deeprec::Conv1D{4, 3, deeprec::relu}, deeprec::Flatten{},
                                           deeprec::Dense{1, deeprec::sigmoid}});

// Where this is a shared library, all else in it is hidden.
#define MODEL_API __attribute__((visibility("default")))

/// A model of [6, 2] samples.
MODEL_API Model make_model();
/// Throws deeprec::ShapeError.
MODEL_API void build_with_a_wrong_shape();
