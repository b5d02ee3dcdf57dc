#include <deeprec/core/errors.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("All errors are deeprec::Error and std::runtime_error", "[errors]") {
    CHECK_THROWS_AS(throw ShapeError("x"), Error);
    CHECK_THROWS_AS(throw ArgumentError("x"), Error);
    CHECK_THROWS_AS(throw FormatError("x"), Error);
    CHECK_THROWS_AS(throw DataError("x"), Error);
    CHECK_THROWS_AS(throw NumericError("x"), Error);
    CHECK_THROWS_AS(throw FileError("x"), std::runtime_error);
    CHECK(message("Dense: units is ", 3, ' ', 0.5) == "Dense: units is 3 0.5");
}
