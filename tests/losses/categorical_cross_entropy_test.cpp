#include <deeprec/losses/categorical_cross_entropy.hpp>

#include <cmath>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;
using support::message_of;

namespace {
const auto one_hot = [](Index r, Index j) { return r % 4 == j ? 1.0 : 0.0; };
const auto soft = [](Index r, Index j) { return r % 4 == j ? 0.7 : 0.1; };
const auto number = [](Index r, Index) { return static_cast<double>(r % 4); };
}  // namespace

TEST_CASE("Categorical cross-entropies pass the battery", "[losses]") {
    for (const auto& weights : {std::vector<double>{}, std::vector<double>{1, 2, 0.5, 3}})
        for (const double s : {0.0, 0.2}) {
            const Reduction reduction = s > 0 ? Reduction::mean_with_sample_weight : Reduction::mean;
            battery::check_loss(CategoricalCrossEntropy{{true, s, reduction, weights}}, 4, {-4, 4}, soft);
            battery::check_loss(CategoricalCrossEntropy{{false, s, reduction, weights}}, 4, {0.1, 0.9}, soft);
            battery::check_large_logits(CategoricalCrossEntropy{{true, s, reduction, weights}}, 4, one_hot);
            const SparseCategoricalCrossEntropyOptions logits{true, 1, reduction, s, weights};
            battery::check_loss(SparseCategoricalCrossEntropy{logits}, 4, {-4, 4},
                                [](Index r, Index) { return r == 2 ? 1.0 : 3.0; });
            battery::check_loss(SparseCategoricalCrossEntropy{{false, -1, reduction, s, weights}}, 4, {0.1, 0.9},
                                number);
            battery::check_large_logits(SparseCategoricalCrossEntropy{logits}, 4, number);
        }
}

TEST_CASE("Class numbers and one-hot targets mean the same", "[losses]") {
    Tensor<double, 2> z(6, 4), y(6, 4);
    Tensor<std::int32_t, 1> classes(6);
    battery::fill(z, {-3, 3}, 5);
    for (Index r = 0; r < 6; ++r) {
        classes(r) = static_cast<std::int32_t>(r % 4);
        for (Index j = 0; j < 4; ++j) y(r, j) = one_hot(r, j);
    }
    CHECK(SparseCategoricalCrossEntropy{{.from_logits = true}}.forward(z, classes) ==
          CategoricalCrossEntropy{{.from_logits = true}}.forward(z, y));
}

TEST_CASE("Ignored classes neither cost nor count", "[losses]") {
    Tensor<double, 2> z(3, 2);
    Tensor<double, 1> y(3);
    battery::fill(z, {-2, 2}, 1);
    y.setValues({0, -100, 1});
    const SparseCategoricalCrossEntropy loss{{.from_logits = true}};
    const auto each = loss.per_sample(z, y);
    CHECK(each(1) == 0);
    CHECK(loss.forward(z, y) == Approx((each(0) + each(2)) / 2));
    CHECK(loss.gradient(z, y)(1, 0) == 0);
    const SparseCategoricalCrossEntropy weighted{
        {.from_logits = true, .reduction = Reduction::mean_with_sample_weight, .class_weight = {2, 3}}};
    CHECK(weighted.forward(z, y) == Approx((2 * each(0) + 3 * each(2)) / 5));
}

TEST_CASE("Targets without sign are ignored for their own number only", "[losses]") {
    Tensor<double, 2> z(1, 200);
    Tensor<std::uint8_t, 1> y(1);
    z.setZero();
    y.setValues({156});  // -100 modulo 256
    CHECK(SparseCategoricalCrossEntropy{{.from_logits = true}}.forward(z, y) == Approx(std::log(200)));
    CHECK(SparseCategoricalCrossEntropy{{.from_logits = true, .ignore_class = 156}}.forward(z, y) == 0);
    CHECK(message_of<DataError>([&] { SparseCategoricalCrossEntropy{}.forward(Tensor<double, 2>(1, 3), y); }) ==
          "SparseCategoricalCrossEntropy: expected a class from 0 to 2, received 156");
}

TEST_CASE("Categorical cross-entropies name what they cannot use", "[losses]") {
    const Tensor<double, 2> z = Tensor<double, 2>(1, 3).setZero();
    Tensor<double, 1> y(1);
    const SparseCategoricalCrossEntropy loss;
    for (const double wrong : {3.0, -1.0, 0.5}) {
        y(0) = wrong;
        CHECK(message_of<DataError>([&] { loss.forward(z, y); }) ==
              message("SparseCategoricalCrossEntropy: expected a class from 0 to 2, received ", wrong));
    }
    CHECK(message_of<ShapeError>([&] { loss.forward(z, Tensor<double, 1>(2)); }) ==
          "SparseCategoricalCrossEntropy: expected 1 targets of 1 numbers for a prediction of shape [1, 3], received "
          "[2]");
    CHECK(message_of<ShapeError>([&] {
              CategoricalCrossEntropy{{.class_weight = {1, 2}}}.forward(z, z);
          }) == "CategoricalCrossEntropy: expected 2 classes, as many as class weights, received 3");
    CHECK(message_of<ArgumentError>([] {
              CategoricalCrossEntropy{{.class_weight = {1, -2}}};
          }) == "CategoricalCrossEntropy: expected class weights >= 0, received -2");
}

TEST_CASE("A model that ends in softmax is trained through its logits", "[losses]") {
    CHECK(CategoricalCrossEntropy::takes_logits<Softmax>);
    CHECK(SparseCategoricalCrossEntropy::takes_logits<Softmax>);
    CHECK(!CategoricalCrossEntropy::takes_logits<Sigmoid>);
}

TEST_CASE("A class of weight 0 still smooths, as in PyTorch", "[losses]") {
    Tensor<double, 2> z(1, 3), y(1, 1);
    z.setValues({{1, 2, 0}});
    y(0, 0) = 0;
    const SparseCategoricalCrossEntropy loss{
        {.from_logits = true, .reduction = Reduction::sum, .label_smoothing = 0.1, .class_weight = {0, 1, 2}}};
    CHECK(loss.forward(z, y) == Approx(0.174093929778).epsilon(1e-10));
    const auto gradient = loss.gradient(z, y);
    CHECK(gradient(0, 0) == Approx(0.0244728).epsilon(1e-5));
    CHECK(gradient(0, 1) == Approx(0.0331908).epsilon(1e-5));
    CHECK(gradient(0, 2) == Approx(-0.0576636).epsilon(1e-5));
}
