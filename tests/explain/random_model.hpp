/// A model with everything that explanations must get through, one request, and what the answers are compared by.
#pragma once

#include <algorithm>
#include <vector>

#include <deeprec/explain/explanation.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/models/two_tower.hpp>

namespace deeprec::test {

/// With masks, dropout and a head of any kind; weights large enough to bend everything.
template <class Head>
auto random_model(Head head) {
    TwoTower model{Sequential{Embedding<double>{20, 5, {.mask_zero = true}}, Dropout<double>{0.5}, LSTM<double>{6}},
                   Sequential{Embedding<double>{15, 5}, Conv1D<double, ReLU>{6, 2, relu}, MaxPool1D<double>{2},
                              Flatten<double>{}, Dense<double>{6}},
                   head};
    model.build({{6}, {5}}, Seed{1});
    std::uint64_t seed = 9;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 0.7, Seed{seed++}); });
    return model;
}
inline Tensor<std::int32_t, 2> ids(std::initializer_list<std::int32_t> values) {
    Tensor<std::int32_t, 2> x(1, static_cast<Index>(values.size()));
    std::copy(values.begin(), values.end(), x.data());
    return x;
}
inline const auto user = ids({0, 0, 7, 3, 19, 3}), item = ids({14, 0, 2, 2, 9});

template <class Model>
double score(const Model& model, const Tensor<std::int32_t, 2>& u, const Tensor<std::int32_t, 2>& v) {
    typename Model::Cache cache;
    return static_cast<double>(model.forward(Pair{view(u), view(v)}, cache, Pass{}.on_logits()).data()[0]);
}
inline std::vector<Index> positions(std::vector<Contribution> list) {
    std::vector<Index> found;
    for (const Contribution& c : list) found.push_back(c.position);
    std::sort(found.begin(), found.end());
    return found;
}
inline bool descending(const std::vector<Contribution>& list) {
    return std::is_sorted(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
}

}  // namespace deeprec::test
