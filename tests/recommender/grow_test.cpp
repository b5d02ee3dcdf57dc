#include <deeprec/recommender/grow.hpp>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/adam.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
template <class Model>
std::map<std::string, std::vector<float>> values_of(const Model& model) {
    std::map<std::string, std::vector<float>> values;
    for_each_parameter(model, [&](std::string_view name, const auto& p) {
        values[std::string(name)].assign(p.data(), p.data() + p.size());
    });
    return values;
}
/// The optimizer's state, by parameter: slots one after the other.
template <class Model, class Optimizer>
std::map<std::string, std::vector<float>> state_of(const Model& model, Optimizer& optimizer) {
    std::map<std::string, std::vector<float>> state;
    optimizer.each_state(parameter_list(model), [&](const std::string& path, const float* numbers, Index count) {
        state[path].assign(numbers, numbers + count);
    });
    return state;
}
/// One step with a gradient in every row.
template <class Model, class Optimizer>
void step(Model& model, Optimizer& optimizer) {
    auto gradients = model.zero_gradients();
    for (const auto& p : parameter_list(model, gradients)) {
        const std::vector<float> g(static_cast<std::size_t>(p.size()), 0.25f);
        if (p.rows)
            for (Index row = 0; row < p.shape[0]; ++row) p.rows->add(static_cast<std::int32_t>(row), g.data());
        else if (p.gradient)
            std::copy(g.begin(), g.end(), p.gradient);
    }
    optimizer.step(model, gradients);
}
/// Old numbers are the first of the new ones, in each of two slots of the state; new state is 0.
template <class Model>
void check_grown(const std::map<std::string, std::vector<float>>& old,
                 const std::map<std::string, std::vector<float>>& old_state, const Model& model, Adam& optimizer,
                 const std::map<std::string, Index>& more) {
    const auto values = values_of(model), state = state_of(model, optimizer);
    REQUIRE(values.size() == old.size());
    for (const auto& [name, before] : old) {
        const auto& now = values.at(name);
        const std::size_t n = before.size(), added = static_cast<std::size_t>(more.count(name) ? more.at(name) : 0);
        REQUIRE(now.size() == n + added);
        CHECK(std::equal(before.begin(), before.end(), now.begin()));
        const auto &moments = state.at(name), &moments_before = old_state.at(name);
        REQUIRE(moments.size() == 2 * now.size());
        for (const std::size_t slot : {0u, 1u}) {
            const auto from = moments.begin() + static_cast<std::ptrdiff_t>(slot * now.size());
            CHECK(std::equal(from, from + static_cast<std::ptrdiff_t>(n),
                             moments_before.begin() + static_cast<std::ptrdiff_t>(slot * n)));
            CHECK(std::all_of(from + static_cast<std::ptrdiff_t>(n), from + static_cast<std::ptrdiff_t>(now.size()),
                              [](float x) { return x == 0; }));
        }
    }
}
}  // namespace

TEST_CASE("Embeddings get rows, and the others and their moments keep their bits", "[grow]") {
    TwoTower model{Sequential{Embedding{5, 3}, Flatten{}}, Sequential{Embedding{4, 3}, Flatten{}}, Dot{}};
    model.build({{1}, {1}}, Seed{2});
    Adam adam;
    step(model, adam);
    const auto old = values_of(model), state = state_of(model, adam);
    grow(model, adam, {{"user.0", 7}, {"item.0", 4}}, Seed{9});
    check_grown(old, state, model, adam, {{"user.0.embeddings", 6}});
    const auto values = values_of(model).at("user.0.embeddings");
    CHECK(std::all_of(values.begin() + 15, values.end(), [](float x) { return x != 0 && std::abs(x) <= 0.05f; }));
    step(model, adam);  // goes on with all rows
    CHECK(adam.iterations() == 2);
    Tensor<std::int32_t, 2> user(1, 1), item(1, 1);
    user(0, 0) = 6;
    decltype(model)::Cache cache;
    CHECK(model.forward(user, item, cache).size() == 1);
    const support::TemporaryDirectory directory;
    save(model, directory.path() / "m");
    CHECK(values_of(load<decltype(model)>(directory.path() / "m")) == values_of(model));

    CHECK(message_of<ArgumentError>([&] {
              grow(model, adam, {{"user.1", 9}});
          }) == "grow: expected the path of an embedding, received \"user.1\"");
    CHECK(message_of<ArgumentError>([&] {
              grow(model, adam, {{"user.0", 6}});
          }) == "grow: expected at least the 7 rows that \"user.0\" has, received 6");
    const auto before = values_of(model);
    CHECK_THROWS_AS(grow(model, adam, {{"user.0", Index{1} << 60}}), ShapeError);
    CHECK(values_of(model) == before);
    user(0, 0) = 7;  // the layer knows that it has no more rows
    CHECK_THROWS_AS(model.forward(user, item, cache), DataError);
}

TEST_CASE("A sequence model gets items to be trained", "[grow]") {
    SequenceRecommenderOptions options{.width = 4, .scale = 3};
    options.attributes.assign(7, {1, 2});
    SequenceRecommender model{6, Sequential{GRU{4, return_sequences}}, options};
    model.build(5, Seed{3});
    Adam adam;
    step(model, adam);
    const auto old = values_of(model), state = state_of(model, adam);
    const std::vector<float> vectors(model.vectors(), model.vectors() + 7 * 4);
    grow(model, adam, 8, {{2}, {}}, Seed{4});
    CHECK(model.items() == 8);
    CHECK(!model.has_cold());
    CHECK(std::equal(vectors.begin(), vectors.end(), model.vectors()));
    check_grown(old, state, model, adam, {{"items", 8}, {"bias", 2}});
    const auto rows = values_of(model).at("items");  // item 7 starts as its attributes say, item 8 has none
    CHECK(std::all_of(rows.begin() + 7 * 4, rows.begin() + 8 * 4, [](float x) { return x == 0; }));
    CHECK(std::none_of(rows.begin() + 8 * 4, rows.end(), [](float x) { return x == 0; }));
    step(model, adam);
    CHECK(message_of<ArgumentError>([&] { grow(model, adam, 7); }) ==
          "grow: expected at least the 8 items that the model has, received 7");
    CHECK_THROWS_AS(grow(model, adam, 9, {{3}}), ArgumentError);
    CHECK_THROWS_AS(model.add_items(-1), ArgumentError);
    CHECK_THROWS_AS(model.add_items(std::numeric_limits<std::int32_t>::max()), ArgumentError);
}
