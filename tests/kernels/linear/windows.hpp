/// What the tests of gemm and gemm_tn share: windows of a convolution read in place, and the error bound.
#pragma once

#include "kernels/data.hpp"

#include <limits>

#include <deeprec/kernels/linear/gemm.hpp>

namespace deeprec::test {

/// Errors of a sum of k products of numbers in [-1, 1].
template <class T>
double bound(Index k) {
    return static_cast<double>(std::numeric_limits<T>::epsilon()) * (2.0 * static_cast<double>(k) + 8.0);
}

/// Where a batch of windows lies: [batch, time, features] read with kernel size, strides and dilation.
template <class T>
struct Windows {
    Index batch, time, features, size, strides, dilation;
    Index steps() const { return (time - (size - 1) * dilation - 1) / strides + 1; }
    Index numbers() const { return batch * time * features; }
    kernels::Rows<T> rows(const T* x) const {
        const Index row_stride = strides * features, all = batch * steps();
        if (dilation == 1) return {x, all, steps(), time * features, row_stride, 1, size * features, 0};
        return {x, all, steps(), time * features, row_stride, size, features, dilation * features};
    }
};

template <class T>
inline const Windows<T> some_windows[] = {{1, 50, 8, 3, 1, 1}, {3, 24, 8, 3, 1, 1}, {5, 9, 4, 3, 1, 1},
                                          {4, 20, 5, 4, 2, 1}, {4, 20, 5, 3, 1, 2}, {7, 9, 3, 2, 3, 4},
                                          {9, 3, 6, 3, 1, 1},  {6, 5, 1, 5, 1, 1},  {30, 13, 4, 2, 1, 1}};

}  // namespace deeprec::test
