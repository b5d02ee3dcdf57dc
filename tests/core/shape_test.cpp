#include <deeprec/core/shape.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Shape holds up to four extents", "[shape]") {
    const Shape none, matrix{3, 5};
    CHECK(none.rank() == 0);
    CHECK(none.size() == 1);
    CHECK(matrix.rank() == 2);
    CHECK(matrix[1] == 5);
    CHECK(matrix.back() == 5);
    CHECK(matrix.size() == 15);
    CHECK(Shape{2, 0}.size() == 0);
    CHECK(matrix == Shape{3, 5});
    CHECK_FALSE(matrix == Shape{3, 5, 1});
    CHECK(message(Shape{1, 2, 3, 4}) == "[1, 2, 3, 4]");
    CHECK(message(none) == "[]");
}

TEST_CASE("Shape says what is wrong", "[shape]") {
    CHECK_THROWS_WITH((Shape{1, 2, 3, 4, 5}), "Shape: at most 4 extents, received 5");
    CHECK_THROWS_WITH((Shape{2, -1}), "Shape: extents are not negative, received -1");
    CHECK_THROWS_AS((Shape{-1}), Error);
}
