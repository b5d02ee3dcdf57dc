/// Text files line by line, with file, line and column in every complaint.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/core/utf8.hpp>

DEEPREC_BEGIN

/// How to read bytes above 127: UTF-8 only, or each line that is not UTF-8 as Latin-1 (older MovieLens files; some
/// copies of them have been converted, so the line decides).
enum class Encoding { utf8, utf8_or_latin1 };

/// One field of a line.
struct Field {
    std::string_view text;   ///< valid until the reader's next line
    std::size_t offset = 0;  ///< where it starts in the line, in bytes
    bool quoted = false;     ///< it stood in double quotes
};

namespace detail {
inline std::string latin1_to_utf8(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xc0 | (byte >> 6));
            out += static_cast<char>(0x80 | (byte & 0x3f));
        }
    }
    return out;
}
}  // namespace detail

/// Reads a file one line at a time. Line ends are LF or CRLF, the last one may be missing; blank lines and a UTF-8
/// byte order mark are skipped.
class TextReader {
public:
    /// Throws FileError if the file cannot be opened.
    explicit TextReader(std::filesystem::path path, Encoding encoding = Encoding::utf8)
        : path_(std::move(path)), encoding_(encoding), in_(path_, std::ios::binary) {
        if (!in_) throw FileError(message(path_.string(), ": cannot be opened"));
    }
    TextReader(const TextReader&) = delete;  // fields look into this object
    TextReader& operator=(const TextReader&) = delete;

    /// Goes to the next line that is not blank; false at the end of the file.
    /// Throws FormatError for bytes that are not in the encoding, FileError if reading fails.
    bool next() {
        while (std::getline(in_, line_)) {
            ++number_;
            if (!line_.empty() && line_.back() == '\r') line_.pop_back();
            if (number_ == 1 && line_.starts_with("\xef\xbb\xbf")) line_.erase(0, 3);
            if (line_.find_first_not_of(" \t") == std::string::npos) continue;
            if (const std::size_t bad = detail::find_not_utf8(line_); bad != std::string::npos) {
                if (encoding_ == Encoding::utf8)
                    fail({{}, bad}, "expected UTF-8, received byte ", static_cast<unsigned char>(line_[bad]) + 0);
                line_ = detail::latin1_to_utf8(line_);
            }
            return true;
        }
        if (in_.bad()) throw FileError(message(path_.string(), ": cannot be read"));
        ++number_;  // an error at the end of the file is on the line that is missing
        line_.clear();
        return false;
    }

    const std::filesystem::path& path() const { return path_; }
    /// Number of the current line, from 1.
    std::size_t number() const { return number_; }
    /// The current line as one field, and the empty field at its end.
    Field whole() const { return {line_, 0}; }
    Field end() const { return {std::string_view(line_).substr(line_.size()), line_.size()}; }

    /// The fields of the last split.
    const std::vector<Field>& fields() const { return fields_; }

    /// Cuts the line at the separators. There must be `count` fields (0: any number of them). Throws FormatError.
    const std::vector<Field>& split(std::string_view separator, std::size_t count = 0) {
        fields_.clear();
        const std::string_view line = line_;
        for (std::size_t begin = 0;;) {
            const std::size_t end = std::min(line.find(separator, begin), line.size());
            fields_.push_back({line.substr(begin, end - begin), begin});
            if (end == line.size()) break;
            begin = end + separator.size();
        }
        return counted(count);
    }

    /// The same for comma-separated values (RFC 4180): a field may stand in double quotes, which are doubled inside it.
    /// A quoted field must end on its line, so that a missing quote is found where it is missing.
    const std::vector<Field>& split_csv(std::size_t count = 0, char separator = ',') {
        fields_.clear();
        unquoted_.clear();
        unquoted_.reserve(line_.size());  // never grows below, or the fields would dangle
        const std::string_view line = line_;
        for (std::size_t begin = 0;;) {
            std::size_t end = begin;
            if (begin < line.size() && line[begin] == '"') {
                end = unquote(begin);
                if (end < line.size() && line[end] != separator)
                    fail({line.substr(end), end}, "expected '", separator, "' after the closing quote, received ",
                         detail::shown(line.substr(end)));
            } else {
                end = std::min(line.find(separator, begin), line.size());
                fields_.push_back({line.substr(begin, end - begin), begin});
            }
            if (end == line.size()) break;
            begin = end + 1;
        }
        return counted(count);
    }

    /// The number that a field is. Throws FormatError unless all of it is one number, finite and in the range of T.
    template <class T>
    T number(const Field& field) const {
        constexpr const char* kind = std::is_integral_v<T> ? "a whole number" : "a number";
        T value{};
        const char* const last = field.text.data() + field.text.size();
        const auto [end, error] = std::from_chars(field.text.data(), last, value);
        bool good = error == std::errc() && end == last;
        if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
        if (!good)
            fail(field, "expected ", kind, error == std::errc::result_out_of_range ? " in range" : "", ", received ",
                 detail::shown(field.text));
        return value;
    }

    /// The whole second that a time falls in: rounded down, before 1970 too. Throws as `number`, and beyond 9e15.
    std::int64_t seconds(const Field& field) const {
        const double time = number<double>(field);
        if (std::abs(time) > 9e15) fail(field, "expected seconds below 9e15, received ", time);
        return static_cast<std::int64_t>(std::floor(time));
    }

    /// Throws `E` with "path:line:column: " and the parts. The column counts characters from 1, as editors do.
    template <class E = FormatError, class... Parts>
    [[noreturn]] void fail(const Field& field, const Parts&... parts) const {
        const auto end = line_.begin() + static_cast<std::ptrdiff_t>(std::min(field.offset, line_.size()));
        const auto before = std::count_if(line_.begin(), end, [](char c) { return (c & 0xc0) != 0x80; });
        throw E(message(path_.string(), ":", std::max<std::size_t>(number_, 1), ":", before + 1, ": ", parts...));
    }

private:
    /// Appends the quoted field that begins there; returns the offset after its closing quote.
    std::size_t unquote(std::size_t begin) {
        const std::string_view line = line_;
        const std::size_t start = unquoted_.size();
        for (std::size_t i = begin + 1; i < line.size(); ++i) {
            if (line[i] != '"') {
                unquoted_ += line[i];
            } else if (i + 1 < line.size() && line[i + 1] == '"') {
                unquoted_ += line[i++];
            } else {
                fields_.push_back({std::string_view(unquoted_).substr(start), begin, true});
                return i + 1;
            }
        }
        fail({line.substr(begin), begin}, "expected a closing quote on this line, received ",
             detail::shown(line.substr(begin)));
    }
    const std::vector<Field>& counted(std::size_t count) const {
        if (count != 0 && fields_.size() < count) fail(end(), "expected ", count, " fields, received ", fields_.size());
        if (count != 0 && fields_.size() > count)
            fail(fields_[count], "expected ", count, " fields, received ", fields_.size());
        return fields_;
    }

    std::filesystem::path path_;
    Encoding encoding_;
    std::ifstream in_;
    std::string line_, unquoted_;
    std::vector<Field> fields_;
    std::size_t number_ = 0;
};

DEEPREC_END
