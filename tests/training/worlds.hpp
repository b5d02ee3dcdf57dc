/// Models and data for the tests of training: small, with every kind of layer that training treats differently.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include <deeprec/data/batch.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/models/two_tower.hpp>

namespace worlds {

using namespace deeprec;

/// Users under an LSTM with masks and dropout, items under a convolution.
inline auto two_tower() {
    TwoTower model{
        Sequential{Embedding{40, 6, {.mask_zero = true}}, LSTM{7}, Dropout{0.3}},
        Sequential{Embedding{30, 5}, Conv1D{6, 3, relu}, MaxPool1D{2}, Flatten{}, Dropout{0.2}},
        Sequential{Dense{9, relu}, Dropout{0.1}, Dense{1, sigmoid}},
    };
    model.build({{8}, {7}}, Seed{42});
    return model;
}
inline Tensor<std::int32_t, 2> ids(Index rows, Index steps, std::uint64_t limit, std::uint64_t seed) {
    Tensor<std::int32_t, 2> x(rows, steps);
    const RandomStream random(Seed{seed});
    for (Index i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(i), limit));
    return x;
}
/// Likes, where the last behaviour and the first token have something to do with it.
inline auto pairs(Index rows, std::uint64_t seed = 1) {
    const auto users = ids(rows, 8, 40, seed), items = ids(rows, 7, 30, seed + 1);
    Tensor<float, 2> y(rows, 1);
    for (Index r = 0; r < rows; ++r) y(r, 0) = (users(r, 7) % 2) == (items(r, 0) % 2) ? 1.0f : 0.0f;
    return TensorDataset{Pair{users, items}, y};
}
/// Points of [features] and whether they lie on the one side of a plane.
inline auto points(Index rows, Index features = 4, std::uint64_t seed = 1) {
    Tensor<float, 2> x(rows, features), y(rows, 1);
    fill_uniform(x, 1, Seed{seed});
    for (Index r = 0; r < rows; ++r) {
        float sum = 0.1f;
        for (Index j = 0; j < features; ++j) sum += (j % 2 ? 1.0f : -1.0f) * x(r, j);
        y(r, 0) = sum > 0 ? 1.0f : 0.0f;
    }
    return TensorDataset{x, y};
}
inline auto classifier(Index features = 4) {
    Sequential model{Dense{8, relu}, Dense{1, sigmoid}};
    model.build({features}, Seed{3});
    return model;
}
/// All parameters one after the other.
template <class Model>
std::vector<float> weights(const Model& model) {
    std::vector<float> all;
    for_each_parameter(model,
                       [&](std::string_view, const auto& p) { all.insert(all.end(), p.data(), p.data() + p.size()); });
    return all;
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
template <class T, int Rank>
std::vector<float> numbers(const Tensor<T, Rank>& x) {
    return {x.data(), x.data() + x.size()};
}

}  // namespace worlds
