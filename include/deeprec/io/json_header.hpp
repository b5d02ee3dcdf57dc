/// The JSON that a safetensors header may contain, and no more: objects of strings and of tensor entries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/core/utf8.hpp>

DEEPREC_BEGIN

namespace detail {

/// Reads the parts of a JSON text one after the other; depth is bounded because the caller asks for each part.
/// Every function throws FormatError with `where` and the place when the text has something else.
class JsonReader {
public:
    JsonReader(std::string_view text, std::string where) : text_(text), where_(std::move(where) + ": header, byte ") {}
    /// For a whole file: complaints name line and column instead of the byte of a header.
    static JsonReader of_file(std::string_view text, const std::string& path) {
        JsonReader reader(text, {});
        reader.where_ = path + ":";
        reader.by_line_ = true;
        return reader;
    }

    /// member(key) for each member of an object; `member` reads the value.
    template <class F>
    void object(F&& member) {
        each('{', '}', [&] {
            const std::string key = string();
            expect(':');
            member(key);
        });
    }
    /// element() for each element of an array; `element` reads it.
    template <class F>
    void array(F&& element) {
        each('[', ']', element);
    }
    /// A string with its escapes resolved; UTF-8.
    std::string string();
    /// A number without sign, fraction or exponent that fits 63 bits.
    std::int64_t number();
    /// Nothing but blanks may follow.
    void end() {
        skip_space();
        if (at_ < text_.size()) fail(by_line_ ? "the end of the file" : "the end of the header");
    }
    [[noreturn]] void fail(std::string_view expected) const;

private:
    std::string place() const;
    template <class F>
    void each(char open, char close, F&& part) {
        expect(open);
        if (take(close)) return;
        do part();
        while (take(','));
        expect(close);
    }
    void skip_space() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
    }
    bool take(char c) {
        skip_space();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!take(c)) fail(std::string("'") + c + "'");
    }
    char next(std::string_view expected) {
        if (at_ == text_.size()) fail(expected);
        return text_[at_++];
    }
    void escape(std::string& out);
    std::uint32_t hex();

    std::string_view text_;
    std::string where_;
    std::size_t at_ = 0;
    bool by_line_ = false;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::string JsonReader::string() {
    expect('"');
    const std::size_t begin = at_;
    std::string out;
    for (;;) {
        const char c = next("a closing quote");
        if (c == '"') {
            const std::size_t bad = find_not_utf8(text_.substr(begin, at_ - 1 - begin));
            if (bad == std::string_view::npos) return out;
            at_ = begin + bad;
            fail("UTF-8");
        }
        if (static_cast<unsigned char>(c) < 0x20) fail("no control character in a string");
        if (c == '\\')
            escape(out);
        else
            out += c;
    }
}

DEEPREC_FUNCTION std::int64_t JsonReader::number() {
    skip_space();
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const std::size_t begin = at_;
    std::int64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        const int digit = text_[at_] - '0';
        if (value > (most - digit) / 10) fail("a number below 2^63");
        value = 10 * value + digit;
        ++at_;
    }
    if (at_ == begin) fail("a whole number that is not negative");
    if (text_[begin] == '0' && at_ > begin + 1) fail("a number without leading zeros");
    return value;
}

DEEPREC_FUNCTION void JsonReader::fail(std::string_view expected) const {
    throw FormatError(message(where_, place(), ": expected ", expected, ", received ",
                              at_ < text_.size() ? shown(text_.substr(at_), "'", 8) : "its end"));
}

DEEPREC_FUNCTION std::string JsonReader::place() const {
    if (!by_line_) return std::to_string(at_);
    const std::string_view before = text_.substr(0, at_);
    const auto line_begin = before.rfind('\n') + 1;                 // npos + 1 = 0
    const auto starts = [](char c) { return (c & 0xc0) != 0x80; };  // of a character of UTF-8
    return message(1 + std::count(before.begin(), before.end(), '\n'), ":",
                   1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(), starts));
}

DEEPREC_FUNCTION void JsonReader::escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    const char c = next("an escape");
    if (const auto i = names.find(c); i != std::string_view::npos) {
        out += values[i];
        return;
    }
    if (c != 'u') fail("an escape of JSON");
    std::uint32_t code = hex();
    if (code >= 0xdc00 && code < 0xe000) fail("the first half of a surrogate pair");
    if (code >= 0xd800 && code < 0xdc00) {
        if (next("\\u") != '\\' || next("\\u") != 'u') fail("the second half of a surrogate pair");
        const std::uint32_t low = hex();
        if (low < 0xdc00 || low >= 0xe000) fail("the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
    const auto more = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xc0 | (code >> 6)), more(0);
    if (code < 0x10000) return byte(0xe0 | (code >> 12)), more(6), more(0);
    byte(0xf0 | (code >> 18)), more(12), more(6), more(0);
}

DEEPREC_FUNCTION std::uint32_t JsonReader::hex() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = next("four hexadecimal digits");
        const auto digit =
            std::string_view("0123456789abcdef").find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
        if (digit == std::string_view::npos) fail("four hexadecimal digits");
        value = 16 * value + static_cast<std::uint32_t>(digit);
    }
    return value;
}
#endif

/// A JSON string in quotes.
inline std::string json_quoted(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (byte < 0x20)
            ((out += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
        else
            out += c;
    }
    return out + '"';
}

}  // namespace detail

DEEPREC_END
