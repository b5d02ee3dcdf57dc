#include <deeprec/core/block.hpp>

#include <cstdint>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A block is a view of any rank", "[block]") {
    Tensor<float, 3> x(2, 3, 4);
    x(1, 2, 3) = 5;
    const Tensor<std::uint8_t, 2> keep(2, 3);
    const Block<const float> block(masked(x, keep));
    CHECK(block.data == x.data());
    CHECK(block.shape == Shape{2, 3, 4});
    CHECK(block.mask.keep == keep.data());
    CHECK(block.batch() == 2);
    CHECK(block.time() == 3);
    CHECK(block.last() == 4);
    CHECK(block.size() == 24);
    CHECK(block.rows() == 6);
    CHECK(block.with_last(7) == Shape{2, 3, 7});
    const View<const float, 3> back = block.as<3>();
    CHECK(back(1, 2, 3) == 5);
    CHECK(back.mask.keep == keep.data());
}

TEST_CASE("A block of ids has one row for each of its rank 1", "[block]") {
    const Tensor<std::int32_t, 1> ids(5);
    const Block block(view(ids));
    CHECK(block.rows() == 1);
    CHECK(block.last() == 5);
    CHECK(block.batch() == 5);
}

TEST_CASE("Blocks become read-only, and begin empty", "[block]") {
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    const Block<float> block{numbers, {2, 3}};
    const Block<const float> constant = block;
    CHECK(constant.data == numbers);
    CHECK(constant.shape == Shape{2, 3});
    block.data[5] = 9;
    CHECK(constant.as<2>()(1, 2) == 9);
    const Block<float> none;
    CHECK(none.data == nullptr);
    CHECK_FALSE(none.mask);
}
