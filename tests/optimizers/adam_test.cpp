#include <deeprec/optimizers/adam.hpp>

#include <cmath>
#include <utility>
#include <vector>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Adam does as its formula, with and without AMSGrad", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch})
        for (const bool amsgrad : {false, true})
            rules::check<Adam>({.learning_rate = 0.01,
                                .beta_1 = 0.8,
                                .beta_2 = 0.9,
                                .epsilon = 1e-3,
                                .amsgrad = amsgrad,
                                .rule = rule},
                               {}, [=](double& w, double g, auto& s, double t) {
                                   s[0] = 0.8 * s[0] + 0.2 * g;
                                   s[1] = 0.9 * s[1] + 0.1 * g * g;
                                   s[2] = amsgrad ? std::max(s[1], s[2]) : s[1];
                                   const double c_1 = 1 - std::pow(0.8, t), c_2 = std::sqrt(1 - std::pow(0.9, t));
                                   w -= rule == UpdateRule::keras ? 0.01 * c_2 / c_1 * s[0] / (std::sqrt(s[2]) + 1e-3)
                                                                  : 0.01 / c_1 * s[0] / (std::sqrt(s[2]) / c_2 + 1e-3);
                               });
}

TEST_CASE("Adam's first step is the learning rate, against the sign of the gradient", "[optimizers]") {
    for (const UpdateRule rule : {UpdateRule::keras, UpdateRule::torch}) {
        Dense<double, Linear> layer{2};
        layer.build({3}, Seed{1});
        const Tensor<double, 2> before = layer.parameters().kernel;
        auto gradients = layer.zero_gradients();
        gradients.kernel.setConstant(-100);
        gradients.bias.setConstant(3);
        Adam optimizer{{.learning_rate = 0.01, .rule = rule}};
        optimizer.step(layer, gradients);
        for (Index i = 0; i < 6; ++i) CHECK(layer.parameters().kernel.data()[i] == Approx(before.data()[i] + 0.01));
        for (Index i = 0; i < 2; ++i) CHECK(layer.parameters().bias(i) == Approx(-0.01));
    }
}

TEST_CASE("Adam steps the rows of an embedding that were used, and keeps the others' moments", "[optimizers]") {
    Embedding<double> table{5, 3};
    table.build({2}, Seed{1});
    const auto row = [&](Index id) {
        const double* const first = &table.parameters().embeddings(id, 0);
        return std::vector<double>(first, first + 3);
    };
    const auto row_1 = row(1), row_3 = row(3);
    auto gradients = table.zero_gradients();
    Tensor<std::int32_t, 2> ids(1, 2);
    Embedding<double>::Cache cache;
    Tensor<double, 3> dy(1, 2, 3);
    dy.setConstant(1);
    const auto use = [&](std::int32_t a, std::int32_t b) {
        ids.setValues({{a, b}});
        for_each_parameter(std::as_const(table), gradients,
                           [](std::string_view, const auto&, auto& g) { g.setZero(); });
        table.forward(ids, cache, Training{});
        table.backward(dy, cache, gradients);
    };
    Adam optimizer{{.learning_rate = 0.1}};
    use(3, 3);
    optimizer.step(table, gradients);
    CHECK(row(1) == row_1);
    for (std::size_t j = 0; j < 3; ++j) CHECK(row(3)[j] == Approx(row_3[j] - 0.1));
    const auto after_one = row(3);
    use(1, 1);
    optimizer.step(table, gradients);
    CHECK(row(3) == after_one);  // Adam with a dense gradient of 0 would have moved it on
    CHECK(row(1) != row_1);
}

TEST_CASE("Adam on all rows of a table is Adam on the dense gradient", "[optimizers][threads]") {
    constexpr Index rows = 3000, width = 67;  // two chunks
    Embedding<double> table{rows, width};
    Dense<double> dense{width, linear, {.use_bias = false}};
    table.build({1}, Seed{1});
    dense.build({rows}, Seed{1});
    for_each_parameter(table, [](std::string_view, auto& p) { p.setConstant(1); });
    for_each_parameter(dense, [](std::string_view, auto& p) { p.setConstant(1); });
    auto sparse_gradients = table.zero_gradients();
    auto dense_gradients = dense.zero_gradients();
    const AdamOptions options{.learning_rate = 0.1, .weight_decay = 0.01};
    Adam sparse_adam{options, TableStep::all_rows}, dense_adam{options};
    ThreadPool pool(2);
    for (const std::int32_t row : {7, 2999, 7, 1500}) {
        sparse_gradients.embeddings.setZero();
        std::fill_n(sparse_gradients.embeddings.row(row), width, 0.5);
        dense_gradients.kernel = sparse_gradients.embeddings.dense();
        sparse_adam.step(table, sparse_gradients, &pool);
        dense_adam.step(dense, dense_gradients);
    }
    const auto &stepped = table.parameters().embeddings, &expected = dense.parameters().kernel;
    CHECK(stepped(7, 0) < 0.8);
    CHECK(stepped(7, 0) < stepped(1500, 0));
    Index wrong = 0;
    for (Index i = 0; i < stepped.size(); ++i) wrong += std::abs(stepped.data()[i] - expected.data()[i]) > 1e-14;
    CHECK(wrong == 0);
}

TEST_CASE("Adam names options without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Adam{{.learning_rate = -1}}; }) ==
          "Adam: expected learning_rate >= 0, received -1");
    CHECK(Adam{{.learning_rate = 0}}.learning_rate() == 0);  // where a schedule may begin, as set_learning_rate
    CHECK(message_of<ArgumentError>([] { Adam{{.beta_1 = 1}}; }) == "Adam: expected beta_1 in [0, 1), received 1");
    CHECK(message_of<ArgumentError>([] { Adam{{.beta_2 = -0.1}}; }) ==
          "Adam: expected beta_2 in [0, 1), received -0.1");
    CHECK(message_of<ArgumentError>([] { Adam{{.epsilon = -1}}; }) == "Adam: expected epsilon >= 0, received -1");
    CHECK(message_of<ArgumentError>([] { Adam{{.weight_decay = -1}}; }) ==
          "Adam: expected weight_decay >= 0, received -1");
    CHECK_THROWS_AS(Adam{{.beta_1 = std::nan("")}}, ArgumentError);
    CHECK(Adam{}.options().epsilon == 1e-7);
    CHECK(Adam{{.learning_rate = 0.5}}.learning_rate() == 0.5);
}
