#include <deeprec/losses/kl_divergence.hpp>

#include "support/loss_battery.hpp"

using namespace deeprec;

TEST_CASE("KLDivergence passes the battery", "[losses]") {
    const auto soft = [](Index r, Index j) { return r % 3 == j ? 0.8 : 0.1; };
    battery::check_loss(KLDivergence{}, 3, {0.1, 0.9}, soft);
    battery::check_loss(KLDivergence{Reduction::sum}, 3, {0.1, 0.9}, soft);
}

TEST_CASE("A distribution does not diverge from itself", "[losses]") {
    Tensor<double, 2> p(1, 2);
    p.setValues({{0.25, 0.75}});
    CHECK(KLDivergence{}.forward(p, p) == 0);
    Tensor<double, 2> y(1, 2);
    y.setValues({{1, 0}});
    CHECK(KLDivergence{}.forward(p, y) == Approx(std::log(4)).epsilon(1e-5));
}
