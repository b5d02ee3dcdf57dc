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
#include <deeprec/models/branches.hpp>
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

/// What is known of the events of the histories: a type, 0 = missing, and a number with its flag for missing.
FieldsOfSequence event_fields(const Record& events, std::size_t query, Index length) {
    const Index begin = static_cast<Index>(query) * 10;
    return {view(events).slice(begin, begin + length), {}};
}
Record known_events(bool missing = false) {
    Tensor<std::int32_t, 1> type(40);
    Tensor<float, 2> price(40, 2);
    for (Index i = 0; i < 40; ++i) {
        type(i) = 1 + static_cast<std::int32_t>(i) % 3;
        price(i, 0) = 0.3f * static_cast<float>(i % 7) - 1;
        price(i, 1) = 0;
    }
    if (missing) type(21) = 0, price(21, 0) = 0, price(21, 1) = 1;  // the second event of the third history
    return Record{{"type", type}, {"price", price}};
}

/// Scores of two towers of named fields; the events stand at the end of `steps` steps.
template <class Model>
std::vector<float> field_scores(const Model& model, Index steps, bool missing = false) {
    const Record known = known_events(missing);
    const auto events = view(known);
    const auto users = static_cast<Index>(histories.size());
    Tensor<std::int32_t, 2> ids(users, steps), types(users, steps);
    Tensor<float, 3> prices(users, steps, 2);
    ids.setZero(), types.setZero(), prices.setZero();
    for (Index u = 0; u < users; ++u) {
        const Ids& history = histories[static_cast<std::size_t>(u)];
        for (Index t = 0; t < std::ssize(history); ++t) {
            const Index row = u * 10 + t, at = steps - std::ssize(history) + t;
            ids(u, at) = history[static_cast<std::size_t>(t)];
            types(u, at) = events.get<std::int32_t>(*events.find("type")).data[row];
            std::copy_n(events.get<float>(*events.find("price")).data + 2 * row, 2, &prices(u, at, 0));
        }
    }
    Tensor<std::int32_t, 1> brands(users);
    brands.setValues({5, 0, 3, 1});
    typename Model::Cache cache;
    const auto y =
        model.forward(Record{{"item", ids}, {"type", types}, {"price", prices}}, Record{{"brand", brands}}, cache);
    return {y.data(), y.data() + y.size()};
}

/// Scores of item 1 ... 9 by a recommender that reads fields of the events.
template <class Model>
std::vector<float> step_scores(const Model& model, const Record& events, bool together) {
    const SequenceIndex index{model, 7};
    std::vector<FieldsOfSequence> fields;
    for (std::size_t q = 0; q < histories.size(); ++q)
        fields.push_back(event_fields(events, q, std::ssize(histories[q])));
    std::vector<Query> queries;
    for (std::size_t q = 0; q < histories.size(); ++q) queries.push_back({1, histories[q], 1, &fields[q]});
    std::vector<float> scores(queries.size() * 10);
    if (together)
        index(queries, std::span(scores));
    else
        for (std::size_t q = 0; q < queries.size(); ++q) index(queries[q], std::span(scores).subspan(10 * q, 10));
    return scores;
}

/// Whether rows [from, to) of the four are equal, bit for bit.
bool same_rows(const std::vector<float>& a, const std::vector<float>& b, std::size_t from, std::size_t to) {
    const std::size_t width = a.size() / histories.size();
    return a.size() == b.size() &&
           std::memcmp(a.data() + from * width, b.data() + from * width, (to - from) * width * sizeof(float)) == 0;
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

TEST_CASE("More padding and a missing value change no score of other users where towers read fields", "[padding]") {
    const auto check = [](auto tower) {
        TwoTower model{Sequential{Branches{field("item", Embedding{10, 4, {.mask_zero = true}}),
                                           field("type", Embedding{4, 3}), field("price", Dense{2})},
                                  std::move(tower)},
                       Branches{field("brand", Embedding{8, 6})}, Dot{}};
        model.build({{{"item", {7}}, {"type", {7}}, {"price", {7, 2}}}, {{"brand", {}}}}, Seed{1});
        randomize(model);
        const std::vector<float> least = field_scores(model, 7);
        for (const float score : least) CHECK(std::isfinite(score));
        for (const Index steps : {8, 31}) CHECK(same_rows(field_scores(model, steps), least, 0, 4));
        const std::vector<float> missing = field_scores(model, 9, true);
        CHECK((same_rows(missing, least, 0, 2) && same_rows(missing, least, 3, 4)));
        CHECK(missing[2] != least[2]);
    };
    check(LSTM{6});
    check(Sequential{Masked{Conv1D{6, 3, relu, {.padding = Padding::causal}}}, GlobalAveragePool1D{}});
}

TEST_CASE("More padding and a missing value change no score of other users of a recommender with fields", "[padding]") {
    const auto check = [](auto tower) {
        SequenceRecommender model{
            9,
            std::move(tower),
            {.width = 6, .scale = 3, .step = Branches{field("type", Embedding{4, 2}), field("price", Dense{4})}}};
        model.build(7, Seed{1}, {{"type", {}}, {"price", {2}}});
        randomize(model);
        const Record known = known_events(), missing = known_events(true);
        const std::vector<float> together = step_scores(model, known, true);  // the short ones padded to the longest
        CHECK(same_rows(together, step_scores(model, known, false), 0, 4));
        const std::vector<float> other = step_scores(model, missing, true);
        CHECK((same_rows(other, together, 0, 2) && same_rows(other, together, 3, 4)));
        CHECK_FALSE(same_rows(other, together, 2, 3));
        CHECK(same_rows(other, step_scores(model, missing, false), 0, 4));
    };
    check(sequences::cnn_tower(6));
    check(sequences::rnn_tower(6));
}
