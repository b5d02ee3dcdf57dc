#include <deeprec/core/tensor.hpp>

#include <cstdint>
#include <limits>
#include <utility>

#include <unsupported/Eigen/CXX11/Tensor>

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

TEST_CASE("The allocation counter sees tensors, Eigen's too", "[tensor]") {
    CHECK(support::allocations_in([] { Tensor<double, 2> x(3, 3); }) == 1);
    CHECK(support::allocations_in([] { Eigen::Tensor<double, 2> x(3, 3); }) > 0);
}

TEST_CASE("A new tensor is aligned and zero, row-major and empty by default", "[tensor]") {
    Tensor<double, 3> x(2, 3, 4);
    CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
    for (Index i = 0; i < 24; ++i) CHECK(x.data()[i] == 0);
    CHECK(x.dimensions() == std::array<Index, 3>{2, 3, 4});
    x(1, 0, 2) = 7;
    CHECK(x.data()[14] == 7);
    CHECK(std::as_const(x)(std::size_t{1}, 0, Index{2}) == 7);

    const Tensor<float, 2> empty;
    CHECK(empty.size() == 0);
    CHECK(empty.dimension(1) == 0);
    CHECK(Tensor<float, 2>(0, 5).dimension(1) == 5);
    static_assert(Tensor<float, 2>::NumDimensions == 2 && Tensor<float, 2>::NumIndices == 2);
    static_assert(std::is_nothrow_move_constructible_v<Tensor<float, 2>>);
    static_assert(!std::is_copy_assignable_v<View<float, 2>>);
}

TEST_CASE("A tensor is a value", "[tensor]") {
    Tensor<std::int32_t, 2> x(2, 2);
    x.setValues({{1, 2}, {3, 4}});
    Tensor<std::int32_t, 2> y = x;
    y(0, 0) = 9;
    CHECK(x(0, 0) == 1);
    CHECK(y(1, 1) == 4);

    const std::int32_t* memory = y.data();
    const Tensor<std::int32_t, 2> z = std::move(y);
    CHECK(z.data() == memory);
    CHECK(y.size() == 0);  // NOLINT(bugprone-use-after-move): promised
    CHECK(y.dimension(0) == 0);

    Tensor<std::int32_t, 2> w(3, 2);
    CHECK(support::allocations_in([&] { w = x; }) == 0);
    CHECK(w.dimensions() == x.dimensions());
    CHECK(w(1, 0) == 3);
    const auto& itself = w;
    w = itself;
    CHECK(w(1, 1) == 4);
    w = view(x).slice(1, 2);
    CHECK(w.dimension(0) == 1);
    CHECK(w(0, 1) == 4);
    w = view(w).slice(0, 0);
    CHECK(w.size() == 0);
}

TEST_CASE("Resizing to as many elements keeps them, to others gives zeros", "[tensor]") {
    Tensor<float, 2> x(2, 3);
    x.setValues({{1, 2, 3}, {4, 5, 6}});
    const float* memory = x.data();
    CHECK(support::allocations_in([&] { x.resize(3, 2); }) == 0);
    CHECK(x.data() == memory);
    CHECK(x(2, 1) == 6);
    CHECK(support::allocations_in([&] {
              x.resize(1, 3);
              x.resize(2, 3);
          }) == 0);
    for (Index i = 0; i < 6; ++i) CHECK(x.data()[i] == 0);
    x.resize(std::array<Index, 2>{7, 5});
    CHECK(x.size() == 35);
    CHECK(x(6, 4) == 0);
}

TEST_CASE("Sizes that are negative or that memory cannot hold are refused", "[tensor]") {
    const Index huge = std::numeric_limits<Index>::max();
    CHECK_THROWS_WITH((Tensor<float, 2>(3, -1)), "Tensor: extents are not negative, received [3, -1]");
    CHECK_THROWS_WITH((Tensor<float, 1>(huge)), "Tensor: [9223372036854775807] is more than memory can hold");
    CHECK_THROWS_AS((Tensor<double, 2>(Index{1} << 32, Index{1} << 31)), ShapeError);
    CHECK_THROWS_AS((Tensor<double, 3>(0, huge, 2)), ShapeError);  // rows() of it would overflow
    Tensor<float, 2> x(1, 2);
    x.setValues({{1, 2}});
    CHECK_THROWS_AS(x.resize(huge, huge), ShapeError);
    CHECK(x(0, 1) == 2);
    CHECK_THROWS_WITH(x.setValues({{1, 2, 3}}), "Tensor::setValues: expected 2 values on axis 1, received 3");
    CHECK_THROWS_WITH(x.setValues({{1, 2}, {3, 4}}), "Tensor::setValues: expected 1 values on axis 0, received 2");
}

TEST_CASE("Eigen's tensors and ours look at the same memory", "[tensor]") {
    using Matrix = Eigen::Tensor<float, 2, Eigen::RowMajor>;
    Tensor<float, 2> x(2, 3);
    x.setValues({{1, 2, 3}, {4, 5, 6}});
    Eigen::TensorMap<Matrix> map = x.map();
    CHECK(map.data() == x.data());
    Tensor<float, 2> y(2, 3);
    y.map() = map * 2.0f + std::as_const(x).map();
    CHECK(y(1, 2) == 18);
    writable(y).map() = view(x).map().abs();
    CHECK(y(1, 2) == 6);

    const Matrix eigen = x.map();
    CHECK(view(eigen)(1, 0) == 4);
    CHECK(view(map).data() == x.data());
    CHECK(view(x.map()).shape() == Shape{2, 3});
    static_assert(rank_of<Matrix> == 2);
    static_assert(std::is_same_v<ElementOf<Eigen::TensorMap<const Matrix>>, float>);
}
