// Padding is no data: with more of it every score keeps its bits, whatever the tower, and with nothing else the scores
// are those of somebody or something of whom nothing is known.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/masked.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/ranking/sequence_index.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"

using namespace deeprec;
using Ids = std::vector<std::int32_t>;

namespace {

const std::vector<Ids> histories{{}, {4}, {7, 2}, {1, 9, 3, 3, 8, 5, 2}};

template <class Model>
void randomize(Model& model) {  // biases too, and the vector of padding
    std::uint64_t seed = 5;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 1, Seed{seed++}); });
    model.parameters_changed();
}

/// Scores of the histories with one item, all padded on the left to `steps`; items in rows of `tokens`.
template <class Model>
std::vector<float> scores(const Model& model, Index steps, Index tokens) {
    const std::vector<Ids> items{{5, 6}, {}, {3}, {1, 2}};  // the second has no attributes
    std::vector<Query> queries;
    for (const Ids& history : histories) queries.push_back({1, history, 1});
    const auto users = pad_last(queries, steps);
    Tensor<std::int32_t, 2> bags(static_cast<Index>(items.size()), tokens);
    bags.setZero();
    for (std::size_t i = 0; i < items.size(); ++i)
        std::copy(items[i].begin(), items[i].end(), &bags(static_cast<Index>(i), 0));
    typename Model::Cache cache;
    const auto y = model.forward(users, bags, cache);
    return {y.data(), y.data() + y.size()};
}

template <class Tower>
void check_two_tower(Tower tower) {
    TwoTower model{std::move(tower), Sequential{EmbeddingBag{8, 6, {.mask_zero = true}}, Dense{6}}, Dot{}};
    model.build({{7}, {2}}, Seed{1});
    randomize(model);
    const std::vector<float> least = scores(model, 7, 2);
    for (const float score : least) CHECK(std::isfinite(score));
    CHECK(least[3] != least[2]);
    for (const auto& [steps, tokens] : {std::pair<Index, Index>{8, 2}, {7, 5}, {31, 9}}) {
        CAPTURE(steps, tokens);
        const std::vector<float> more = scores(model, steps, tokens);
        CHECK(std::memcmp(more.data(), least.data(), least.size() * sizeof(float)) == 0);
    }
}

template <class Tower>
void check_recommender(Tower tower) {
    SequenceRecommender model{9, std::move(tower), {.width = 6, .scale = 3, .attributes = sequences::attributes(9)}};
    model.build(7, Seed{1});
    randomize(model);
    const SequenceIndex index{model, 7};
    std::vector<Query> queries;
    for (const Ids& history : histories) queries.push_back({1, history, 1});
    std::vector<float> together(queries.size() * 10), alone(10);
    index(queries, std::span(together));  // the short ones padded to the longest
    for (std::size_t q = 0; q < queries.size(); ++q) {
        CAPTURE(q);
        index(queries[q], std::span(alone));
        CHECK(std::memcmp(alone.data(), together.data() + 10 * q, 10 * sizeof(float)) == 0);
        for (const float score : alone) CHECK(std::isfinite(score));
    }
    for (std::size_t item = 1; item < 10; ++item) CHECK(together[item] == model.bias()[item]);  // nothing is known
}

}  // namespace

TEST_CASE("More padding changes no score of two towers", "[padding]") {
    check_two_tower(Sequential{Embedding{10, 4, {.mask_zero = true}}, LSTM{6}});
    check_two_tower(Sequential{Embedding{10, 4, {.mask_zero = true}}, GRU{5, return_sequences}, GRU{6}});
    check_two_tower(Sequential{
        Embedding{10, 4, {.mask_zero = true}}, Masked{Conv1D{5, 3, relu, {.padding = Padding::causal}}},
        Masked{Conv1D{6, 2, relu, {.padding = Padding::causal, .dilation_rate = 2}}}, GlobalAveragePool1D{}});
}

TEST_CASE("A tower that reads padding is noticed", "[padding]") {
    const auto tower = [](Index ids) {
        return Sequential{Embedding{ids, 4, {.mask_zero = true}}, Conv1D{6, 3, relu, {.padding = Padding::causal}},
                          GlobalAveragePool1D{}};
    };
    TwoTower model{tower(10), tower(8), Dot{}};
    model.build({{7}, {2}}, Seed{1});
    randomize(model);
    CHECK(scores(model, 7, 2) != scores(model, 8, 2));
    CHECK(scores(model, 7, 2) != scores(model, 7, 3));
}

TEST_CASE("More padding changes no score of a sequence recommender", "[padding]") {
    check_recommender(sequences::cnn_tower(6));
    check_recommender(sequences::rnn_tower(6));
}
