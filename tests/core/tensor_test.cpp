#include <deeprec/core/tensor.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A view looks at the memory of a tensor", "[tensor]") {
    Tensor<float, 3> x(2, 3, 4);
    x.setZero();
    const auto v = view(x);
    static_assert(std::is_same_v<std::remove_const_t<decltype(v)>, View<const float, 3>>);
    CHECK(v.data() == x.data());
    CHECK(v.rows() == 6);
    CHECK(v.last() == 4);
    CHECK(v.shape() == Shape{2, 3, 4});
    CHECK_FALSE(v.mask);
    writable(x)(1, 2, 3) = 5;
    CHECK(v(1, 2, 3) == 5);
    CHECK(x.data()[23] == 5);

    float memory[6] = {1, 2, 3, 4, 5, 6};
    const Eigen::TensorMap<Tensor<float, 2>> map(memory, 2, 3);
    CHECK(view(map)(1, 0) == 4);
    static_assert(rank_of<decltype(map)> == 2);
    static_assert(std::is_same_v<ElementOf<Tensor<std::int32_t, 2>>, std::int32_t>);
}

TEST_CASE("A slice takes its part of the mask along", "[tensor]") {
    Tensor<float, 3> x(3, 2, 2);
    for (Index i = 0; i < 12; ++i) x.data()[i] = static_cast<float>(i);
    Tensor<std::uint8_t, 2> mask(3, 2);
    mask.setValues({{1, 0}, {0, 1}, {1, 1}});
    const auto part = masked(x, mask).slice(1, 3);
    CHECK(part.shape() == Shape{2, 2, 2});
    CHECK(part(0, 0, 0) == 4);
    CHECK(part.mask.keep == mask.data() + 2);
    CHECK(view(x).slice(1, 1).size() == 0);
}

TEST_CASE("A mask must fit its sequence", "[tensor]") {
    const Tensor<float, 3> x(3, 2, 2);
    const Tensor<std::uint8_t, 2> mask(3, 4);
    CHECK_THROWS_WITH(masked(x, mask), "masked: expected a mask of [3, 2], received [3, 4]");
}

TEST_CASE("Buffer allocates when it grows, is aligned, and never shrinks", "[tensor]") {
    Buffer<float> buffer;
    CHECK(support::allocations_in([&] { buffer.need(100); }) == 1);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    CHECK(support::allocations_in([&] {
              buffer.need(100);
              buffer.need(7);
              buffer.need_zeros(50);
          }) == 0);
    CHECK(buffer.capacity() == 100);
    CHECK(buffer.data()[49] == 0);
    CHECK(support::allocations_in([&] { buffer.need(101); }) == 1);
}

TEST_CASE("The allocation counter sees Eigen's tensors too", "[tensor]") {
    CHECK(support::allocations_in([] { Tensor<double, 2> x(3, 3); }) > 0);
}
