/// Scalar twins: what each kernel means, as plain loops that tests and benchmarks call, in the folders of the kernels
/// themselves. Same arguments as there, but for packed operands and what
/// an Epilogue holds.
#pragma once

#include <deeprec/kernels/reference/linear/attention.hpp>
#include <deeprec/kernels/reference/linear/gemm.hpp>
#include <deeprec/kernels/reference/linear/gemm_tn.hpp>
#include <deeprec/kernels/reference/linear/pairs.hpp>
#include <deeprec/kernels/reference/linear/pooling.hpp>
#include <deeprec/kernels/reference/linear/winograd.hpp>
#include <deeprec/kernels/reference/ranking/quantized_scan.hpp>
#include <deeprec/kernels/reference/ranking/sampled_losses.hpp>
#include <deeprec/kernels/reference/ranking/softmax_cross_entropy.hpp>
#include <deeprec/kernels/reference/recurrent/gru.hpp>
#include <deeprec/kernels/reference/recurrent/lstm.hpp>
#include <deeprec/kernels/reference/recurrent/simple_rnn.hpp>
#include <deeprec/kernels/reference/simd/activations.hpp>
#include <deeprec/kernels/reference/simd/batch_norm.hpp>
#include <deeprec/kernels/reference/simd/layer_norm.hpp>
#include <deeprec/kernels/reference/simd/softmax.hpp>
#include <deeprec/kernels/reference/simd/transpose.hpp>
#include <deeprec/kernels/reference/simd/vector.hpp>
