/// Input as an error message may show it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include <deeprec/core/utf8.hpp>

DEEPREC_BEGIN

namespace detail {
/// In quotes, on one line, and about `most` bytes at most: whole characters of UTF-8, then dots. Bytes that are none, and
/// control characters, as numbers.
inline std::string shown(std::string_view text, std::string_view quote = "\"", std::size_t most = 80) {
    std::size_t length = std::min(text.size(), most);
    while (length < text.size() && length > 0 && (text[length] & 0xc0) == 0x80) --length;
    std::string out(quote);
    const auto number = [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        out += std::string("\\x") + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15];
    };
    for (std::string_view rest = text.substr(0, length); !rest.empty();) {
        const std::size_t good = std::min(find_not_utf8(rest), rest.size());
        for (const char c : rest.substr(0, good))
            if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)
                out += c;
            else
                number(c);
        if (good < rest.size()) number(rest[good]);
        rest.remove_prefix(std::min(good + 1, rest.size()));
    }
    return out.append(length < text.size() ? "..." : "").append(quote);
}
}  // namespace detail

DEEPREC_END
