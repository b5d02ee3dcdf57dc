/// Operands of the kernels that bring rows or columns to mean 0 and variance 1.
#pragma once

#include <cstdint>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN
namespace kernels {

/// gamma and beta [n], either may be null, and what is added to a variance.
template <class T>
struct NormParameters {
    const T *gamma, *beta;
    T epsilon;
};

/// Where gradients go, each may be null: dgamma and dbeta [n], which are added to, and dx.
template <class T>
struct NormGradient {
    T *dgamma, *dbeta, *dx;
};

/// rows of n numbers, of which `counted` have keep != 0 (null = all): the others are no part of mean and variance.
struct CountedRows {
    Index rows, n;
    const std::uint8_t* keep = nullptr;
    Index counted = 0;  ///< 0 where mean and variance are not of these rows
};

}  // namespace kernels
DEEPREC_END
