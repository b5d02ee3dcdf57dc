#pragma once

#include <deeprec/deeprec.hpp>

using Model = decltype(deeprec::Sequential{deeprec::Conv1D{4, 3, deeprec::relu}, deeprec::Flatten{},
                                           deeprec::Dense{1, deeprec::sigmoid}});

/// A model of [6, 2] samples.
Model make_model();
