// What the two files of libtorch's column share.
#pragma once

#include <torch/torch.h>

#include "workloads.hpp"

namespace nn = torch::nn;

inline torch::Tensor tensor(const peers::Numbers& values, std::vector<std::int64_t> shape) {
    return torch::from_blob(const_cast<float*>(values.data()), shape, torch::kFloat32).clone();
}
inline torch::Tensor tensor(const std::vector<std::int32_t>& values, std::vector<std::int64_t> shape) {
    return torch::from_blob(const_cast<std::int32_t*>(values.data()), shape, torch::kInt32).to(torch::kInt64);
}
inline void assign(torch::Tensor parameter, const torch::Tensor& values) {
    const torch::NoGradGuard guard;
    parameter.copy_(values);
}
/// Training steps of sequence models (libtorch_sequences.cpp).
void run_sequences(const peers::Runner& run);
