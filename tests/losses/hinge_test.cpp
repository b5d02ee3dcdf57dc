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
