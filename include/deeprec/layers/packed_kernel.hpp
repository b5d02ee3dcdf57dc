/// Rows of a dense kernel in the form that the products read.
#pragma once

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/linear/gemm_tn.hpp>

DEEPREC_BEGIN

/// A private copy of kernel rows W [rows, units] of a layer, packed for x W and for dz W^T; renewed by `pack` whenever
/// the weights change. Inputs are [n, rows] with `stride` numbers from row to row.
template <class T>
class PackedKernel {
public:
    /// Packs a kernel [rows, units] in the order in which products read it.
    void pack(const T* kernel, Index rows, Index units) {
        rows_ = rows;
        units_ = units;
        kernels::pack<T>(kernel, units, rows, units, forward_.need(kernels::packed_size<T>(rows, units)));
        kernels::pack_transposed<T>(kernel, units, units, rows, backward_.need(kernels::packed_size<T>(units, rows)));
    }
    Index rows() const { return rows_; }
    Index units() const { return units_; }

    /// y [n, units] = activation(x W + bias), or with `accumulate` activation(y + x W + bias).
    void forward(const T* x, Index n, Index stride, T* y, const kernels::Epilogue<T>& epilogue = {},
                 bool accumulate = false) const {
        kernels::gemm<T>(kernels::matrix_rows(x, n, rows_, stride), forward_.data(), units_, y, units_, epilogue,
                         accumulate);
    }
    /// dx [n, rows] (with `stride`) = dz W^T.
    void backward(const T* dz, Index n, T* dx, Index stride) const {
        kernels::gemm<T>(kernels::matrix_rows(dz, n, units_, units_), backward_.data(), rows_, dx, stride);
    }
    /// dW [rows, units] += x^T dz.
    void add_gradient(const T* x, Index n, Index stride, const T* dz, T* kernel_gradient) const {
        kernels::gemm_tn<T>(kernels::matrix_rows(x, n, rows_, stride), dz, units_, units_, kernel_gradient, units_);
    }

private:
    Index rows_ = 0, units_ = 0;
    Buffer<T> forward_, backward_;
};

DEEPREC_END
