#include <deeprec/losses/pairwise.hpp>

#include <cmath>

#include "support/loss_battery.hpp"

using namespace deeprec;

namespace {
const auto candidates = [](Index r, Index j) { return j == r % 3 ? 1.0 : j == 3 ? -1.0 : 0.0; };
}

TEST_CASE("Pairwise losses pass the battery", "[losses]") {
    for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
        battery::check_loss(Bpr{reduction}, 5, {-3, 3}, candidates);
        battery::check_loss(PairwiseHinge{{0.7, reduction}}, 5, {-3, 3}, candidates);
        battery::check_loss(Bpr{reduction}, 4, {-3, 3}, [](Index, Index j) { return j % 2 ? 1.0 : 0.0; });
    }
    battery::check_large_logits(Bpr{}, 5, candidates);
    battery::check_large_logits(PairwiseHinge{}, 5, candidates);
}

TEST_CASE("Pairs by hand; what is left out is in none", "[losses]") {
    Tensor<double, 2> z(2, 4), y(2, 4);
    z.setValues({{2, 1, 4, 100}, {1, 2, 3, 4}});
    y.setValues({{1, 0, 0, -1}, {1, 1, 1, 1}});
    const auto each = Bpr{}.per_sample(z, y);
    CHECK(each(0) == Approx((std::log1p(std::exp(-1)) + std::log1p(std::exp(2))) / 2));
    CHECK(each(1) == 0);  // no negative
    CHECK(PairwiseHinge{}.per_sample(z, y)(0) == 1.5);
    CHECK(Bpr{}.gradient(z, y)(0, 3) == 0);
    CHECK(Bpr{}.gradient(z, y)(1, 0) == 0);
}
