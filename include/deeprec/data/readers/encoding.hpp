/// What the bytes of a file are: which text, or which other thing than text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <deeprec/core/utf8.hpp>

DEEPREC_BEGIN

/// How to read bytes above 127.
enum class Encoding {
    utf8,            ///< UTF-8 only
    utf8_or_latin1,  ///< each line that is not UTF-8 as Latin-1 (older MovieLens files; some copies are converted)
    latin1,          ///< ISO 8859-1
    windows1252      ///< Latin-1 with quotes, dashes and the euro in 0x80 to 0x9f
};

namespace detail {
/// The characters of Windows-1252 from 0x80 to 0x9f; 0 where it has none.
inline constexpr std::array<std::uint16_t, 32> windows1252_characters{
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

inline std::string latin1_to_utf8(std::string_view text) {
    std::string out;
    for (const char c : text) append_utf8(out, static_cast<unsigned char>(c));
    return out;
}
/// Stops before a byte that Windows-1252 has no character for; `bad` is its place, npos if there is none.
inline std::string windows1252_to_utf8(std::string_view text, std::size_t& bad) {
    std::string out;
    bad = std::string_view::npos;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = static_cast<unsigned char>(text[i]);
        if (code >= 0x80 && code < 0xa0) code = windows1252_characters[code - 0x80];
        if (code == 0 && text[i] != 0) {
            bad = i;
            break;
        }
        append_utf8(out, code);
    }
    return out;
}

/// What a file is by its first bytes, and how it becomes text; empty if it may be text.
inline std::string_view not_text(std::string_view start) {
    struct Signature {
        std::string_view bytes, name;
    };
    using namespace std::string_view_literals;
    static constexpr Signature known[]{
        {"\x1f\x8b", "a gzip file; unpack it first, as with gunzip"},
        {"PK\x03\x04", "a zip file (or a spreadsheet, which is one); unpack it first, as with unzip"},
        {"\xff\xfe\0\0"sv, "UTF-32 text; convert it first, as with iconv -f UTF-32 -t UTF-8"},
        {"\0\0\xfe\xff"sv, "UTF-32 text; convert it first, as with iconv -f UTF-32 -t UTF-8"},
        {"\xff\xfe", "UTF-16 text; convert it first, as with iconv -f UTF-16 -t UTF-8"},
        {"\xfe\xff", "UTF-16 text; convert it first, as with iconv -f UTF-16 -t UTF-8"},
        {"BZh91AY&SY", "a bzip2 file; unpack it first, as with bunzip2"},
        {"\xfd"
         "7zXZ\0"sv,
         "an xz file; unpack it first, as with unxz"},
        {"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first, as with unzstd"},
        {"7z\xbc\xaf\x27\x1c", "a 7z file; unpack it first"},
        {"PAR1\x15", "a Parquet file; write it as CSV first"},
        {"ARROW1", "an Arrow or Feather file; write it as CSV first"},
        {"\x93NUMPY", "a file of NumPy; write it as CSV first"},
        {"\x80\x04\x95", "a pickle of Python; write it as CSV first"},
        {"\x80\x05\x95", "a pickle of Python; write it as CSV first"},
        {"SQLite format 3\0"sv, "a database of SQLite; write a table of it as CSV first"},
        {"\x89HDF\r\n\x1a\n", "an HDF5 file; write a table of it as CSV first"},
        {"\xd0\xcf\x11\xe0", "an old spreadsheet or document; save it as CSV first"},
    };
    for (const Signature& signature : known)
        if (start.starts_with(signature.bytes)) return signature.name;
    return {};
}
}  // namespace detail

DEEPREC_END
