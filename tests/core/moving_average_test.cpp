#include <deeprec/core/moving_average.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A moving average moves a state by what was added, weighted by rows", "[core]") {
    Tensor<double, 1> state(2);
    state.setValues({1, 10});
    MovingAverage<double> average(2, 0.75);
    average.move(state);  // nothing was added
    CHECK(state(0) == 1);
    CHECK(state(1) == 10);

    const double first[] = {4, 2}, second[] = {7, 5};
    MovingAverage<double> other(2, 0.75);
    average.add(first, 2, 2);
    other.add(second, 1, 1);
    average.add(other);
    average.move(state);  // the mean of the rows is (2 * 4 + 7) / 3 and (2 * 2 + 5) / 3
    CHECK(state(0) == Approx(0.75 * 1 + 0.25 * 5));
    CHECK(state(1) == Approx(0.75 * 10 + 0.25 * 3));

    average.setZero();
    average.move(state);
    CHECK(state(0) == Approx(2));
}

TEST_CASE("The weight of a statistic can be its degrees of freedom", "[core]") {
    Tensor<double, 1> state(1);
    state.setZero();
    MovingAverage<double> average(1, 0);
    const double biased[] = {6};
    average.add(biased, 4, 3);
    average.move(state);
    CHECK(state(0) == Approx(8));  // 6 * 4 / 3
    average.setZero();
    average.add(biased, 1, 0);  // one row says nothing about a variance
    average.move(state);
    CHECK(state(0) == Approx(8));
}
