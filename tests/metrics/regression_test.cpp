#include <deeprec/metrics/regression.hpp>

#include <cmath>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Errors by hand, with weights", "[metrics]") {
    Tensor<float, 1> p(3), y(3);
    p.setValues({1, 2, 7});
    y.setValues({1, 4, 4});
    const double weights[]{1, 2, 0};
    Mse mse;
    Mae mae;
    R2Score r2;
    RootMeanSquaredError rmse;
    CHECK(std::isnan(mse.result()));
    CHECK(std::isnan(r2.result()));
    mse.update(p, y);
    mae.update(p, y, weights);
    rmse.update(p, y);
    r2.update(p, y);
    CHECK(mse.result() == Approx(13.0 / 3));
    CHECK(mae.result() == Approx(4.0 / 3));
    CHECK(rmse.result() == Approx(std::sqrt(13.0 / 3)));
    CHECK(r2.result() == Approx(1 - 13.0 / 6));
    mse.reset();
    CHECK(std::isnan(mse.result()));
}

TEST_CASE("R2 of merged parts is that of the whole, far from zero too", "[metrics]") {
    Tensor<double, 1> p(6), y(6);
    p.setValues({1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 5, 1e8 + 5, 1e8 + 6});
    y.setValues({1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 4, 1e8 + 5, 1e8 + 6});
    R2Score whole, first, second, empty;
    whole.update(p, y);
    first.update(view(p).slice(0, 2), view(y).slice(0, 2));
    second.update(view(p).slice(2, 6), view(y).slice(2, 6));
    first.merge(second);
    first.merge(empty);
    CHECK(whole.result() == Approx(1 - 1 / 17.5));
    CHECK(first.result() == Approx(whole.result()));
}
