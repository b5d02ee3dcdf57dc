/// Input as an error message may show it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include <deeprec/core/utf8.hpp>

DEEPREC_BEGIN

namespace detail {
/// In quotes, on one line, and about `most` bytes at most: whole characters of UTF-8, then dots. What is not UTF-8 is
/// shown byte by byte, so that messages always are.
inline std::string shown(std::string_view text, std::string_view quote = "\"", std::size_t most = 80) {
    std::size_t length = std::min(text.size(), most);
    while (length < text.size() && length > 0 && (text[length] & 0xc0) == 0x80) --length;
    const bool utf8 = find_not_utf8(text.substr(0, length)) == std::string_view::npos;
    std::string out(quote);
    for (const char c : text.substr(0, length)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f && (utf8 || byte < 0x80))
            out += c;
        else
            out += std::string("\\x") + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15];
    }
    return out.append(length < text.size() ? "..." : "").append(quote);
}
}  // namespace detail

DEEPREC_END
