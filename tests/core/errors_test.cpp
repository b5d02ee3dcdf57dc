#include <deeprec/core/errors.hpp>

#include <sstream>

#include "support/catch.hpp"
#include "support/files.hpp"

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

TEST_CASE("Messages, of which files are made, do not go by the program's locale", "[errors]") {
    const support::German german;
    std::ostringstream theirs;
    theirs << 1234567;
    REQUIRE(theirs.str() == "1.234.567");
    CHECK(message("[", 1234567, ",", 0.5, "]") == "[1234567,0.5]");
}
