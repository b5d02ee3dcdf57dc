#include <deeprec/explain/field_path.hpp>

#include <cmath>
#include <cstdio>

#include <deeprec/data/batch.hpp>
#include <deeprec/explain/explain.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

constexpr Index steps = 6;
constexpr std::int32_t groups = 4, ids = 30;

/// Person r likes item r if and only if the item's group, 1..4, stands at a step of one of two fields. Everything else
/// is noise, after up to two steps of padding; half of those who do not like it have one of the other groups, so that a
/// group cannot be told from the absence of the others.
struct World {
    Tensor<std::int32_t, 2> viewed, bought;
    Tensor<float, 3> price;
    Tensor<std::int32_t, 1> group;
    Tensor<float, 2> likes;
    std::vector<std::pair<std::string, Index>> cause;

    World(Index rows, std::uint64_t seed)
        : viewed(rows, steps), bought(rows, steps), price(rows, steps, 1), group(rows), likes(rows, 1) {
        const RandomStream random(Seed{seed});
        std::uint64_t next = 0;
        const auto draw = [&](Index low, Index high) {
            return static_cast<std::int32_t>(
                low + static_cast<Index>(random.below(next++, static_cast<std::uint64_t>(high - low + 1))));
        };
        for (Index r = 0; r < rows; ++r) {
            const Index padding = draw(0, 2);
            for (Index t = padding; t < steps; ++t) {
                viewed(r, t) = draw(groups + 1, ids);
                bought(r, t) = draw(groups + 1, ids);
                price(r, t, 0) = static_cast<float>(random.uniform(next++, -1, 1));
            }
            group(r) = draw(1, groups);
            const bool like = draw(0, 1) == 1, view = draw(0, 1) == 1;
            cause.emplace_back(view ? "viewed" : "bought", draw(padding, steps - 1));
            const std::int32_t other = 1 + (group(r) - 1 + draw(1, groups - 1)) % groups;
            if (like || draw(0, 1) == 1) (view ? viewed : bought)(r, cause.back().second) = like ? group(r) : other;
            likes(r, 0) = like ? 1.0f : 0.0f;
        }
    }
    Record users() const { return {{"viewed", viewed}, {"bought", bought}, {"price", price}}; }
    Record items() const { return {{"group", group}}; }
};

}  // namespace

TEST_CASE("contributions of fields add up, through parts within parts", "[explain][branches]") {
    TwoTower model{
        Branches{Sequential{Branches{field("item", Embedding<double>{7, 3, {.mask_zero = true}}),
                                     field("tags", EmbeddingBag<double>{5, 2}), field("price", Dense<double, Tanh>{2})},
                            LSTM<double>{4}},
                 field("age", Dense<double, Tanh>{2}), field("country", Embedding<double>{3, 2})},
        Sequential{Embedding<double>{9, 4}, GlobalAveragePool1D<double>{}, Dense<double>{8}}, BasicDot<double>{}};
    model.build({{{"item", {4}}, {"tags", {4, 2}}, {"price", {4, 1}}, {"age", {1}}, {"country", {}}}, {3}}, Seed{1});
    std::uint64_t seed = 9;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 0.9, Seed{seed++}); });
    Tensor<std::int32_t, 2> item(1, 4), tokens(1, 3);
    Tensor<std::int32_t, 3> tags(1, 4, 2);
    Tensor<double, 3> price(1, 4, 1);
    Tensor<double, 2> age(1, 1);
    Tensor<std::int32_t, 1> country(1);
    item.setValues({{0, 3, 6, 2}});
    tokens.setValues({{4, 0, 8}});
    tags.setValues({{{0, 0}, {1, 2}, {0, 4}, {0, 0}}});
    price.setValues({{{0.0}, {0.5}, {0.0}, {-0.7}}});
    age.setValues({{0.4}});
    country(0) = 2;
    const Record user{{"item", item}, {"tags", tags}, {"price", price}, {"age", age}, {"country", country}};
    const Explanation why = explain(model, user, tokens);
    decltype(model)::Cache cache;
    CHECK(why.score == Approx(model.forward(Pair{view(user), view(tokens)}, cache)(0, 0)).epsilon(1e-12));
    CHECK(std::abs(why.score - why.baseline) > 1e-3);
    CHECK(why.sum() == Approx(why.score - why.baseline).epsilon(1e-9));
    CHECK(std::abs(why.residual) <= 0.01 * std::abs(why.score - why.baseline));
    std::vector<std::string> found;
    for (const Contribution& c : why.events) found.push_back(message(c.field, " ", c.position, " ", c.id));
    std::sort(found.begin(), found.end());
    CHECK(found == std::vector<std::string>{"age 0 0", "country 0 2", "item 1 3", "item 2 6", "item 3 2", "price 1 0",
                                            "price 3 0", "tags 1 0", "tags 2 0"});
    CHECK(why.tokens.size() == 2);
    CHECK(why.tokens[0].field.empty());
    const Record two{{"item", Tensor<std::int32_t, 2>(2, 4)},
                     {"tags", Tensor<std::int32_t, 3>(2, 4, 2)},
                     {"price", Tensor<double, 3>(2, 4, 1)},
                     {"age", Tensor<double, 2>(2, 1)},
                     {"country", Tensor<std::int32_t, 1>(2)}};
    CHECK_THROWS_WITH(explain(model, two, tokens), "explain: expected one sample, received 2");
}

TEST_CASE("the field and the step that caused a like rank first", "[explain][branches]") {
    TwoTower model{Sequential{Branches{field("viewed", Embedding{ids + 1, 8}), field("bought", Embedding{ids + 1, 8}),
                                       field("price", Dense{2})},
                              Conv1D{16, 1, relu}, GlobalMaxPool1D{}},
                   Sequential{Branches{field("group", Embedding{groups + 1, 8})}, Dense{8}},
                   Sequential{Dense{32, relu}, Dense{1, sigmoid}}};
    model.build({{{"viewed", {steps}}, {"bought", {steps}}, {"price", {steps, 1}}}, {{"group", {}}}}, Seed{42});
    const World train(4000, 1), world(200, 2);
    Adam optimizer{{.learning_rate = 5e-3}};
    fit(model, TensorDataset{Pair{train.users(), train.items()}, train.likes}, BinaryCrossEntropy{}, optimizer,
        {.epochs = 12, .batch_size = 64, .threads = 1, .seed = 7});
    const Record users = world.users(), items = world.items();
    int understood = 0, first = 0, liked = 0;
    for (Index r = 0; r < users.size(); ++r) {
        if (world.likes(r, 0) == 0) continue;
        ++liked;
        const Explanation why = explain(model, users.slice(r, r + 1), items.slice(r, r + 1));
        CHECK(why.sum() == Approx(why.score - why.baseline).epsilon(1e-6));
        if (why.score <= 0) continue;
        ++understood;
        const auto& best = why.events.front();
        first += std::pair(best.field, best.position) == world.cause[static_cast<std::size_t>(r)];
    }
    std::printf("explain: %d likes, %d predicted; the true field and step first in %d\n", liked, understood, first);
    REQUIRE(liked > 80);
    CHECK(understood >= 0.95 * liked);
    CHECK(first >= 0.95 * understood);
}
