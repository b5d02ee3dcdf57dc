#include <deeprec/losses/hinge.hpp>

#include "support/loss_battery.hpp"

using namespace deeprec;

TEST_CASE("Hinges pass the battery", "[losses]") {
    const auto signs = [](Index r, Index j) { return (r + j) % 2 ? 1.0 : -1.0; };
    const auto one_hot = [](Index r, Index j) { return r % 3 == j ? 1.0 : 0.0; };
    for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
        battery::check_loss(Hinge{reduction}, 3, {-3, 3}, signs);
        battery::check_loss(SquaredHinge{reduction}, 3, {-3, 3}, signs);
        battery::check_loss(CategoricalHinge{reduction}, 3, {-3, 3}, one_hot);
    }
    battery::check_large_logits(SquaredHinge{}, 3, one_hot);
    battery::check_large_logits(CategoricalHinge{}, 3, one_hot);
}

TEST_CASE("A target of 0 means -1 to a hinge", "[losses]") {
    Tensor<double, 2> p(2, 1), y(2, 1);
    p.setConstant(0.25);
    y.setValues({{0}, {-1}});
    const auto each = Hinge{}.per_sample(p, y);
    CHECK(each(0) == 1.25);
    CHECK(each(1) == 1.25);
}

TEST_CASE("Corners and ties of hinges, as Keras has them on PyTorch", "[losses]") {
    Tensor<double, 2> p(1, 1), y(1, 1), scores(1, 3), one_hot(1, 3);
    p.setConstant(1);
    y.setConstant(1);
    CHECK(Hinge{}.gradient(p, y)(0, 0) == -0.5);
    CHECK(SquaredHinge{}.gradient(p, y)(0, 0) == 0);
    scores.setValues({{1, 0.5, 0.5}});
    one_hot.setValues({{1, 0, 0}});
    const auto tied = CategoricalHinge{}.gradient(scores, one_hot);
    CHECK(tied(0, 0) == -1);
    CHECK(tied(0, 1) == 0.5);
    CHECK(tied(0, 2) == 0.5);
}
