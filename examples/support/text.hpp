// Texts of a terminal that line up.
#pragma once

#include <string>
#include <string_view>

namespace text {

// Columns that UTF-8 takes, near enough: characters but those that combine with the one before; wide ones take two.
inline std::size_t width(std::string_view text) {
    std::size_t columns = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) == 0x80 || byte == 0xcc) continue;
        columns += byte >= 0xf0 || (byte >= 0xe3 && byte <= 0xed) ? 2 : 1;
    }
    return columns;
}

// Cut or filled up to so many columns.
inline std::string fit(std::string text, std::size_t columns) {
    bool cut = false;
    while (width(text) > columns - (cut ? 1 : 0)) {
        while ((static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
        text.pop_back();
        cut = true;
    }
    if (cut) text += "…";
    return text + std::string(columns - width(text), ' ');
}

}  // namespace text
