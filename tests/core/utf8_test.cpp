#include <deeprec/core/utf8.hpp>

#include <string>

#include "support/catch.hpp"

using namespace deeprec;

namespace {
std::string encoded(unsigned code) {
    const auto byte = [](unsigned b) { return std::string(1, static_cast<char>(b)); };
    const auto more = [&](unsigned shift) { return byte(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xc0 | (code >> 6)) + more(0);
    if (code < 0x10000) return byte(0xe0 | (code >> 12)) + more(6) + more(0);
    return byte(0xf0 | (code >> 18)) + more(12) + more(6) + more(0);
}
}  // namespace

TEST_CASE("UTF-8 is every character but surrogates, and nothing else", "[utf8]") {
    long wrong = 0;
    for (unsigned code = 0; code < 0x120000; ++code) {
        const bool character = code < 0x110000 && (code < 0xd800 || code > 0xdfff);
        const std::string text = "ab" + encoded(code) + "c";
        wrong += detail::find_not_utf8(text) != (character ? text.npos : 2);
        if (code < 0x10000) {
            std::string appended = "ab";
            detail::append_utf8(appended, code);
            wrong += appended + "c" != text;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("what is cut short, too long or stray is no UTF-8", "[utf8]") {
    for (const std::string bad : {"\x80", "\xbf", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe2\x82", "\xe0\x9f\xbf",
                                  "\xf0\x9f\x98", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xff"}) {
        CAPTURE(bad.size());
        CHECK(detail::find_not_utf8(bad) == 0);
        CHECK(detail::find_not_utf8("x" + bad + "x") == 1);
    }
    CHECK(detail::find_not_utf8("") == std::string::npos);
    CHECK(detail::without_byte_order_mark("\xef\xbb\xbf"
                                          "a") == "a");
    CHECK(detail::without_byte_order_mark("a\xef\xbb\xbf") == "a\xef\xbb\xbf");
}
