#include <deeprec/training/regularizers.hpp>

#include <utility>
#include <vector>

#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/predict.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using support::message_of;

TEST_CASE("L1 and L2 have Keras' factors, penalties and gradients", "[training]") {
    CHECK(L1{}.l1 == 0.01);
    CHECK(L2{}.l2 == 0.01);
    const std::vector<double> w{3, 0, -4};
    std::vector<double> g{1, 1, 1};
    const L1L2 both{0.5, 0.25};
    CHECK(both.penalty(w.data(), 3) == 0.5 * 7 + 0.25 * 25);
    both.add_gradient(w.data(), g.data(), 3);
    CHECK(g == std::vector<double>{1 + 0.5 + 1.5, 1, 1 - 0.5 - 2});
}

TEST_CASE("A regularizer applies to whole parts of a name", "[training]") {
    const Regularizer kernel{"kernel", L2{}}, one{"head.1.kernel", L2{}};
    CHECK(kernel.applies_to("kernel"));
    CHECK(kernel.applies_to("user.0.kernel"));
    CHECK(!kernel.applies_to("user.0.recurrent_kernel"));
    CHECK(!kernel.applies_to("user.0.bias"));
    CHECK(one.applies_to("head.1.kernel"));
    CHECK(!one.applies_to("head.11.kernel"));
}

TEST_CASE("fit adds penalties to loss, val_loss and gradient", "[training]") {
    const auto train = points(30), valid = points(10, 4, 9);
    const auto fitted = [&](std::vector<Regularizer> regularizers) {
        auto model = classifier();
        SGD optimizer{{.learning_rate = 0.5}};
        const History history =
            fit(model, train, BinaryCrossEntropy{}, optimizer,
                {.batch_size = 30, .validation = &valid, .threads = 1, .regularizers = std::move(regularizers)});
        return std::pair{model, history};
    };
    const auto before = classifier();
    const auto plain = fitted({}), penalised = fitted({{"kernel", L2{0.1}}, {"1.kernel", L1{0.2}}});
    double penalty = 0, val_penalty = 0;
    std::vector<float> start;
    for_each_parameter(
        before, [&](std::string_view, const auto& w) { start.insert(start.end(), w.data(), w.data() + w.size()); });
    std::size_t at = 0;
    std::vector<float> expected = weights(plain.first);
    for_each_parameter(penalised.first, [&](std::string_view name, const auto& w) {
        for (Index i = 0; i < w.size(); ++i, ++at) {
            if (!name.ends_with("kernel")) continue;
            const bool second = name == "1.kernel";
            const float l1 = second ? 0.2f : 0.0f;
            penalty += 0.1 * start[at] * start[at] + l1 * std::abs(start[at]);
            val_penalty += 0.1 * w.data()[i] * w.data()[i] + l1 * std::abs(w.data()[i]);
            expected[at] -= 0.5f * (0.2f * start[at] + (start[at] > 0 ? l1 : -l1));
        }
    });
    const auto got = weights(penalised.first);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-6));
    CHECK(penalised.second.series("loss")[0] == Approx(plain.second.series("loss")[0] + penalty));
    const double val_loss = BinaryCrossEntropy{}.forward(predict(penalised.first, valid.inputs()), valid.targets());
    CHECK(penalised.second.series("val_loss")[0] == Approx(val_loss + val_penalty));
}

TEST_CASE("A sparse gradient has the penalty of the rows that it touches", "[training]") {
    Tensor<double, 2> table(3, 2);
    table.setValues({{1, 2}, {3, -4}, {5, 6}});
    SparseRows<double> gradient(3, 2);
    gradient.row(1)[0] = 10;
    Parameter<double> parameter;
    parameter.values = table.data();
    parameter.shape = {3, 2};
    parameter.rows = &gradient;
    CHECK(deeprec::detail::add_penalties(ParameterList<double>{parameter}, {{0, L2{0.5}}}) == 0.5 * 25);
    REQUIRE(gradient.ids().size() == 1);
    CHECK(gradient.values(0)[0] == 13);
    CHECK(gradient.values(0)[1] == -4);
}

TEST_CASE("fit names penalties without meaning", "[training]") {
    auto model = classifier();
    SGD optimizer;
    const auto data = points(10);
    const BinaryCrossEntropy loss;
    CHECK(message_of<ArgumentError>([&] {
              fit(model, data, loss, optimizer, {.regularizers = {{"kernl", L2{}}}});
          }) == "fit: no parameter's name ends in 'kernl'");
    CHECK(message_of<ArgumentError>([&] {
              fit(model, data, loss, optimizer, {.regularizers = {{"kernel", L2{-1}}}});
          }) == "fit: expected factors >= 0 for the penalty of 'kernel', received 0 and -1");
}
