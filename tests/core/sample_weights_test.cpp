#include <deeprec/core/sample_weights.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Weights of samples and of steps", "[core]") {
    const float numbers[]{1, 2, 3, 4, 5, 6};
    const SampleWeights<float> none{}, by_sample{numbers, 1}, by_step{numbers, 3};
    CHECK(!none);
    CHECK(none(1, 2) == 1);
    CHECK(by_sample(1, 2) == 2);
    CHECK(by_step(1, 2) == 6);
    CHECK(none.from(1)(0, 0) == 1);
    CHECK(by_sample.from(1)(0, 2) == 2);
    CHECK(by_step.from(1)(0, 2) == 6);
}

TEST_CASE("Weights from tensors and pointers", "[core]") {
    Tensor<double, 2> by_step(2, 3), column(2, 1);
    by_step.setValues({{1, 2, 3}, {4, 5, 6}});
    column.setValues({{1}, {2}});
    CHECK(sample_weights("x", by_step, 2, 3)(1, 1) == 5);
    CHECK(sample_weights("x", column, 2, 3)(1, 1) == 2);
    CHECK(sample_weights("x", column.data(), 2, 3)(1, 1) == 2);
    CHECK(sample_weights("x", nullptr, 2, 3)(1, 1) == 1);
    CHECK(message_of<ShapeError>([&] { sample_weights("x", by_step, 3, 2); }) ==
          "x: expected weights of [3], [3, 1] or [3, 2], received [2, 3]");
    CHECK(message_of<ShapeError>([&] { sample_weights("x", by_step, 2, 1); }) ==
          "x: expected weights of [2] or [2, 1], received [2, 3]");
    by_step(1, 0) = -1;
    const auto weights = sample_weights("x", by_step, 2, 3);
    CHECK(message_of<DataError>([&] { check_sample_weights("x", weights, 2, 3, {}); }) ==
          "x: expected finite weights >= 0, received -1 at [1, 0]");
    const std::uint8_t keep[]{1, 1, 1, 0, 1, 1};
    CHECK_NOTHROW(check_sample_weights("x", weights, 2, 3, Mask{keep}));
}

TEST_CASE("Steps of predictions", "[core]") {
    const std::uint8_t keep[]{1, 1};
    const float numbers[6]{};
    CHECK(steps_of(View<const float, 1>{numbers, {6}}) == 1);
    CHECK(steps_of(View<const float, 2>{numbers, {2, 3}}) == 1);
    CHECK(steps_of(View<const float, 2>{numbers, {1, 2}, Mask{keep}}) == 2);
    CHECK(steps_of(View<const float, 3>{numbers, {1, 2, 3}}) == 2);
}
