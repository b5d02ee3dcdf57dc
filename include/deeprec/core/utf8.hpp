/// What is UTF-8 and what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

namespace detail {
/// Where text stops being well-formed UTF-8 (stray or missing continuation bytes, overlong forms, surrogates); npos
/// when all of it is.
inline std::size_t find_not_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
    for (std::size_t i = 0; i < text.size();) {
        std::uint64_t eight = 0;
        if (text.size() - i >= 8) std::memcpy(&eight, text.data() + i, 8);
        if (text.size() - i >= 8 && (eight & 0x8080808080808080u) == 0) {
            i += 8;
            continue;
        }
        const unsigned char lead = byte(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (lead < 0xc2 || lead > 0xf4 || byte(i + 1) < low || byte(i + 1) > high) return i;
        for (std::size_t k = 2; k <= more; ++k)
            if ((byte(i + k) & 0xc0) != 0x80) return i;
        i += more + 1;
    }
    return std::string_view::npos;
}

/// Appends a character below U+10000.
template <class Text>
void append_utf8(Text& out, unsigned code) {
    const auto byte = [&](unsigned b) { out += static_cast<char>(b); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xc0 | (code >> 6)), byte(0x80 | (code & 0x3f));
    byte(0xe0 | (code >> 12)), byte(0x80 | ((code >> 6) & 0x3f)), byte(0x80 | (code & 0x3f));
}

/// Without the byte order mark that some editors put before a text of UTF-8.
inline std::string_view without_byte_order_mark(std::string_view text) {
    return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}
}  // namespace detail

DEEPREC_END
