#include <deeprec/core/shown.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Messages show input on one line and in part", "[core]") {
    CHECK(detail::shown("abc") == "\"abc\"");
    CHECK(detail::shown("abc", "'") == "'abc'");
    CHECK(detail::shown(std::string_view("a\0\n", 3)) == "\"a\\x00\\x0a\"");
    CHECK(detail::shown(std::string(80, 'x')) == "\"" + std::string(80, 'x') + "\"");
    CHECK(detail::shown(std::string(90, 'x')) == "\"" + std::string(80, 'x') + "...\"");
    CHECK(detail::shown("caf\xc3\xa9", "'", 4) == "'caf...'");  // whole characters only
    CHECK(detail::shown("caf\xc3\xa9", "'", 5) == "'caf\xc3\xa9'");
    CHECK(detail::shown("caf\xe9 \xc3", "'") == "'caf\\xe9 \\xc3'");  // what is no character
}
