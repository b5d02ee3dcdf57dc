/// Text files line by line, with file, line and column in every complaint.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/data/readers/csv_format.hpp>
#include <deeprec/data/readers/fields.hpp>
#include <deeprec/io/within_memory.hpp>

DEEPREC_BEGIN

/// Reads a file one line at a time. Line ends are LF or CRLF, the last one may be missing; blank lines and a UTF-8
/// byte order mark are skipped.
class TextReader final : public FieldReader {
public:
    /// Longest line, and longest row of a table, in bytes.
    static constexpr std::size_t max_line = std::size_t{1} << 28;

    /// Throws FileError if the file cannot be opened.
    explicit TextReader(std::filesystem::path path, Encoding encoding = Encoding::utf8, char line_end = '\n')
        : path_(std::move(path)), encoding_(encoding), line_end_(line_end), in_(path_, std::ios::binary) {
        if (!in_) throw FileError(message(path_.string(), ": cannot be opened"));
    }
    TextReader(const TextReader&) = delete;  // fields look into this object
    TextReader& operator=(const TextReader&) = delete;

    /// Goes to the next line that is not blank; false at the end of the file.
    /// Throws FormatError for a file that is no text (compressed, UTF-16, ...: named in the message), bytes that are
    /// not in the encoding or a line above max_line, FileError if reading fails.
    bool next() {
        return detail::within_memory(path_, [&] {
            do {
                number_ = lines_ + 1;  // an error at the end of the file is on the line that is missing
                line_.clear();
                if (!append_line()) return false;
            } while (line_.find_first_not_of(" \t") == std::string::npos);
            if (number_ == 1 && line_end_ == '\n')
                if (const std::size_t cr = line_.find('\r'); cr != std::string::npos)
                    fail({{}, cr}, "expected lines that end in LF or CRLF, received a CR alone; ",
                         "a file of such lines is read with line_end = '\\r'");
            return true;
        });
    }

    /// Of the file that it reads.
    const std::filesystem::path& path() const { return path_; }
    using FieldReader::number;
    /// Number of the current line, from 1; of a row of several lines, of its first.
    std::size_t number() const { return number_; }
    /// The current line as one field, and the empty field at its end.
    Field whole() const { return {line_, 0}; }
    Field end() const { return {std::string_view(line_).substr(line_.size()), line_.size()}; }

    /// The fields of the last split.
    const std::vector<Field>& fields() const { return fields_; }

    /// Cuts the line at the separators. There must be `count` fields (0: any number of them). Throws FormatError.
    const std::vector<Field>& split(std::string_view separator, std::size_t count = 0) {
        return detail::within_memory(path_, [&]() -> const std::vector<Field>& {
            fields_.clear();
            const std::string_view line = line_;
            for (std::size_t begin = 0;;) {
                const std::size_t end = std::min(line.find(separator, begin), line.size());
                fields_.push_back({line.substr(begin, end - begin), begin});
                if (end == line.size()) break;
                begin = end + separator.size();
            }
            return counted(count);
        });
    }

    /// The same for a row of a table (RFC 4180): a field may stand in double quotes, which are doubled inside it, and
    /// then have separators and line ends. Throws as `split` and `next`, and where a quote is not closed.
    const std::vector<Field>& split_csv(std::size_t count, const CsvFormat& format) {
        return detail::within_memory(path_, [&]() -> const std::vector<Field>& {
            const bool quotes = format.quotes.value_or(format.separator != '\t');
            pieces_.clear();
            unquoted_.clear();
            for (std::size_t begin = 0;;) {
                const std::size_t start = format.trim ? skip_blanks(begin, format.separator) : begin;
                std::size_t end = start;
                if (quotes && start < line_.size() && line_[start] == '"') {
                    end = unquote(start, format);
                    if (format.trim) end = skip_blanks(end, format.separator);
                    if (end < line_.size() && line_[end] != format.separator) fail_after_quote(start, end, format);
                } else {
                    end = std::min(line_.find(format.separator, start), line_.size());
                    std::size_t last = end;
                    while (format.trim && last > start && is_blank(line_[last - 1])) --last;
                    pieces_.push_back({start, start, last - start, false});
                }
                if (end == line_.size()) break;
                begin = end + 1;
            }
            if (format.trailing_separator && pieces_.size() == count + 1 && pieces_.back().size == 0 &&
                !pieces_.back().quoted)
                pieces_.pop_back();
            fields_.clear();
            for (const Piece& piece : pieces_)
                fields_.push_back({std::string_view(piece.quoted ? unquoted_ : line_).substr(piece.begin, piece.size),
                                   piece.offset, piece.quoted});
            if (count != 0 && fields_.size() == count + 1 && fields_.back().text.empty())
                fail<detail::RowError>(fields_.back(), "expected ", count, " fields, received ", fields_.size(),
                     "; lines that end in a separator are read with trailing_separator = true");
            return counted(count);
        });
    }
    const std::vector<Field>& split_csv(std::size_t count = 0, char separator = ',') {
        return split_csv(count, CsvFormat{.separator = separator});
    }

    /// "path:line:column" of a field. The column counts characters from 1, as editors do.
    std::string place(const Field& field) const override {
        const auto at = line_.begin() + static_cast<std::ptrdiff_t>(std::min(field.offset, line_.size()));
        const auto lines = std::count(line_.begin(), at, line_end_);
        const auto from = std::find(std::make_reverse_iterator(at), line_.rend(), line_end_).base();
        const auto before = std::count_if(from, at, [](char c) { return (c & 0xc0) != 0x80; });
        return message(path_.string(), ":", std::max<std::size_t>(number_, 1) + static_cast<std::size_t>(lines), ":",
                       before + 1);
    }
private:
    struct Piece {  // a field, whose text is in line_ or unquoted_, which may grow until the row is whole
        std::size_t offset, begin, size;
        bool quoted;
    };
    std::size_t skip_blanks(std::size_t at, char separator) const {
        while (at < line_.size() && is_blank(line_[at]) && line_[at] != separator) ++at;
        return at;
    }
    /// Fills the buffer; false at the end of the file.
    bool refill() {
        const bool first = buffer_.empty();
        buffer_.resize(std::size_t{1} << 16);
        in_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
        if (in_.bad()) throw FileError(message(path_.string(), ": cannot be read"));
        at_ = 0;
        end_ = static_cast<std::size_t>(in_.gcount());
        if (first) {
            const std::string_view start(buffer_.data(), end_);
            if (const std::string_view other = detail::not_text(start); !other.empty())
                fail({}, "expected text, received ", other);
            at_ = start.size() - detail::without_byte_order_mark(start).size();
        }
        return at_ < end_;
    }
    /// Appends the next line to line_, without its end; false at the end of the file.
    bool append_line() {
        const std::size_t start = line_.size();
        bool any = false;
        for (const void* found = nullptr; !found && (at_ < end_ || refill());) {
            const char* const from = buffer_.data() + at_;
            found = std::memchr(from, line_end_, end_ - at_);
            const std::size_t size =
                found ? static_cast<std::size_t>(static_cast<const char*>(found) - from) : end_ - at_;
            if (line_.size() + size > max_line)
                fail({}, "expected lines of at most ", max_line, " bytes, received a longer one");
            if (const void* zero = std::memchr(from, 0, size)) {  // at once: binary files may have no lines
                line_.append(from, static_cast<const char*>(zero));
                fail({{}, line_.size()}, "expected text, received a byte 0: the file is binary, or UTF-16; convert it ",
                     "first, as with iconv -f UTF-16LE -t UTF-8");
            }
            line_.append(from, size);
            at_ += size + (found ? 1 : 0);
            any = true;
        }
        if (!any) return false;
        ++lines_;
        ends_in_cr_ = line_end_ == '\n' && line_.size() > start && line_.back() == '\r';
        if (ends_in_cr_) line_.pop_back();
        decode(start);
        return true;
    }
    /// Makes what stands in line_ from there on UTF-8.
    void decode(std::size_t start) {
        const std::string_view line = std::string_view(line_).substr(start);
        const std::size_t high = detail::find_not_utf8(line);
        std::size_t bad = line.npos;
        std::string text;
        switch (encoding_) {
            case Encoding::utf8: bad = high; break;
            case Encoding::utf8_or_latin1:
                if (high != line.npos) text = detail::latin1_to_utf8(line);
                break;
            case Encoding::latin1: text = detail::latin1_to_utf8(line); break;
            case Encoding::windows1252: text = detail::windows1252_to_utf8(line, bad); break;
        }
        if (bad != line.npos) {
            const bool utf8 = encoding_ == Encoding::utf8;
            fail({{}, start + bad}, "expected ", utf8 ? "UTF-8" : "Windows-1252", ", received byte ",
                 static_cast<unsigned char>(line[bad]) + 0,
                 utf8 ? "; other files are read with encoding = Encoding::windows1252 or latin1" : "");
        }
        if (!text.empty()) line_.replace(start, line_.npos, text);
    }

    /// Appends the quoted field that begins there, and the lines that it needs; returns the offset after its closing
    /// quote.
    std::size_t unquote(std::size_t begin, const CsvFormat& format) {
        const std::size_t start = unquoted_.size();
        for (std::size_t i = begin + 1;; ++i) {
            if (i == line_.size()) append_row(begin);
            const char c = line_[i], following = i + 1 < line_.size() ? line_[i + 1] : '\0';
            if (c == '"' && following != '"') {
                pieces_.push_back({begin, start, unquoted_.size() - start, true});
                return i + 1;
            }
            i += c == '"' || (format.backslash_escapes && c == '\\' && (following == '"' || following == '\\'));
            unquoted_ += line_[i];
        }
    }
    /// The row goes on in the next line, because the quote that opened there is open.
    void append_row(std::size_t opened) {
        const std::size_t size = line_.size();
        line_ += ends_in_cr_ ? "\r" : "";
        line_ += line_end_;
        if (append_line()) return;
        line_.resize(size);
        fail({{}, opened}, "expected a closing quote, received none up to the end of the file, after ",
             detail::shown(std::string_view(line_).substr(opened)),
             "; text in which quotes are letters is read with quotes = false");
    }
    [[noreturn]] void fail_after_quote(std::size_t opened, std::size_t end, const CsvFormat& format) const {
        const auto at = line_.begin() + static_cast<std::ptrdiff_t>(opened);
        const auto breaks = std::count(at, line_.begin() + static_cast<std::ptrdiff_t>(end), line_end_);
        const auto line = number_ + static_cast<std::size_t>(std::count(line_.begin(), at, line_end_));
        const char* const option = line_[end - 2] == '\\' && !format.backslash_escapes
                                       ? "; quotes written as \\\" are read with backslash_escapes = true"
                                   : is_blank(line_[end]) ? "; blanks around fields go with trim = true"
                                                          : "; text in which quotes are letters with quotes = false";
        fail({{}, end}, "expected '", format.separator, "' after the closing quote",
             breaks > 0 ? message(" of the field that opens on line ", line) : "", ", received ",
             detail::shown(std::string_view(line_).substr(end)), option);
    }
    const std::vector<Field>& counted(std::size_t count) const {
        if (count == 0 || fields_.size() == count) return fields_;
        const Field at = fields_.size() < count ? end() : fields_[count];
        if (line_.find(line_end_) != std::string::npos)  // an open quote may have swallowed rows
            fail(at, "expected ", count, " fields, received ", fields_.size());
        fail<detail::RowError>(at, "expected ", count, " fields, received ", fields_.size());
    }

    std::filesystem::path path_;
    Encoding encoding_;
    char line_end_;
    std::ifstream in_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;  // what is left of the buffer
    std::string line_, unquoted_;
    bool ends_in_cr_ = false;
    std::vector<Piece> pieces_;
    std::vector<Field> fields_;
    std::size_t number_ = 0, lines_ = 0;
};

DEEPREC_END
