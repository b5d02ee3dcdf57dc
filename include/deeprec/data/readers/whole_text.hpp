/// A file of text in one piece.
#pragma once

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include <deeprec/data/readers/text.hpp>

DEEPREC_BEGIN

namespace detail {
/// The text of a file, without a byte order mark. Throws FileError for what cannot be opened or read (a directory too),
/// FormatError for what is no text of UTF-8 or more than 4 GiB.
inline std::string read_whole_text(const std::filesystem::path& file) {
    return within_memory(file, [&] {
        std::ifstream in(file, std::ios::binary);
        if (!in) throw FileError(message(file.string(), ": cannot be opened"));
        constexpr std::size_t longest = std::size_t{1} << 32;
        std::string text;
        std::array<char, 1 << 16> part;
        while (in.read(part.data(), part.size()), in.gcount() > 0) {
            const std::string_view read(part.data(), static_cast<std::size_t>(in.gcount()));
            text += read;
            if (const std::string_view other = not_text(text); !other.empty())
                throw FormatError(message(file.string(), ":1:1: expected text, received ", other));
            if (text.size() > longest || read.find('\0') != read.npos)  // at once: a device has no end
                throw FormatError(message(file.string(), ":1:1: expected text of at most ", longest,
                                          " bytes, received ", text.size() > longest ? "more" : "a byte 0"));
        }
        if (in.bad()) throw FileError(message(file.string(), ": cannot be read"));
        text.erase(0, text.size() - without_byte_order_mark(text).size());
        if (const std::size_t bad = find_not_utf8(text); bad != text.npos) {
            const auto at = text.begin() + static_cast<std::ptrdiff_t>(bad);
            const std::size_t line = bad == 0 ? 0 : text.rfind('\n', bad - 1) + 1;  // npos + 1 = 0
            throw FormatError(message(file.string(), ":", 1 + std::count(text.begin(), at, '\n'), ":",
                                      1 + std::count_if(text.begin() + static_cast<std::ptrdiff_t>(line), at,
                                                        [](char c) { return (c & 0xc0) != 0x80; }),
                                      ": expected UTF-8, received byte ", static_cast<unsigned char>(*at) + 0));
        }
        return text;
    });
}
}  // namespace detail

DEEPREC_END
