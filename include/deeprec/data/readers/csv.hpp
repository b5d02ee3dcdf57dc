/// Comma-separated values, with a line that names the columns or without.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/data/readers/text.hpp>
#include <deeprec/data/vocabulary.hpp>

DEEPREC_BEGIN

namespace detail {
/// The names of a file's columns, found in the same time however many there are.
class ColumnNames {
public:
    /// The next column. False, without adding it, where another has the name; columns without a name are never found.
    bool add(std::string_view name) {
        if (!name.empty()) {
            if (names_.find(name)) return false;
            names_.add(name);
            column_.push_back(size_);
        }
        if (size_ < most_listed) list_ += (size_ == 0 ? "" : ", ") + shown(name);
        ++size_;
        return true;
    }
    std::optional<std::size_t> find(std::string_view name) const {
        const auto id = name.empty() ? std::nullopt : names_.find(name);
        return id ? std::optional(column_[static_cast<std::size_t>(*id) - 1]) : std::nullopt;
    }
    std::size_t size() const { return size_; }
    /// For messages: the first of them in quotes.
    std::string list() const { return size_ > most_listed ? message(list_, ", ... (", size_, " columns)") : list_; }

private:
    static constexpr std::size_t most_listed = 20;
    Vocabulary names_;
    std::vector<std::size_t> column_;  // of each name
    std::string list_;
    std::size_t size_ = 0;
};
}  // namespace detail

/// Reads a CSV file row by row; columns are looked up by name once, then read by number.
///
///     CsvReader in{"ratings.csv"};
///     const auto user = in.column("userId"), stars = in.column("rating");
///     while (in.next()) use(in[user].text, in.number<float>(in[stars]));
class CsvReader {
public:
    /// Reads the header, or counts the columns of the first row where there is none. Throws FileError if the file
    /// cannot be opened, FormatError if it is empty or names a column twice (columns without a name may be several).
    explicit CsvReader(std::filesystem::path path, const CsvFormat& format = {})
        : text_(std::move(path), format.encoding, format.line_end), format_(format) {
        if (!text_.next())
            text_.fail(text_.whole(), "expected ", format.header ? "a line of column names" : "rows",
                       ", received an empty file");
        for (const Field& field : text_.split_csv(0, format_)) {
            if (!format.header) {
                names_.add(std::to_string(names_.size() + 1));
            } else if (!names_.add(field.text)) {
                text_.fail(field, "expected different column names, received ", detail::shown(field.text), " twice",
                           header_hint());
            }
        }
        first_row_ = !format.header;
    }
    CsvReader(std::filesystem::path path, char separator)
        : CsvReader(std::move(path), CsvFormat{.separator = separator}) {}

    /// The column of that name, if there is one; without a header the columns are called "1", "2", ...
    std::optional<std::size_t> find_column(std::string_view name) const { return names_.find(name); }
    /// The column of that name. Throws FormatError, with the names that are there, if there is none; call it before the
    /// first row, so that the position in the message is the header's.
    std::size_t column(std::string_view name) const {
        if (const auto found = find_column(name)) return *found;
        text_.fail(text_.end(), "expected a column \"", name, "\", received ", names_.list(), header_hint());
    }

    /// How many columns there are.
    std::size_t columns() const { return names_.size(); }

    /// Goes to the next row; false at the end. Throws FormatError unless it has as many fields as the header.
    bool next() {
        if (first_row_) {
            first_row_ = false;
            return true;
        }
        if (!text_.next()) return false;
        text_.split_csv(names_.size(), format_);
        return true;
    }
    /// A field of the current row.
    const Field& operator[](std::size_t column) const { return text_.fields()[column]; }

    /// The lines under the rows: positions and errors.
    const TextReader& text() const { return text_; }
    /// A field as a number, with the decimal sign of the format. Throws FormatError, with its place, for another text.
    template <class T>
    T number(const Field& field) const {
        return text_.number<T>(field, format_.decimal);
    }

private:
    /// What may be wrong with the first line.
    std::string header_hint() const {
        const std::string_view line = text_.whole().text;
        if (names_.size() == 1)
            for (const char other : {';', '\t', '|', ','})
                if (other != format_.separator && line.find(other) != line.npos)
                    return message("; is it separator = '", other == '\t' ? "\\t" : std::string(1, other), "'?");
        for (const Field& field : text_.fields()) {
            const bool blank = field.text.starts_with(' ') || field.text.ends_with(' ');
            if (blank && !format_.trim) return "; blanks around fields go with trim = true";
            const bool number = !field.text.empty() && field.text.find_first_not_of("0123456789.-+") == line.npos;
            if (number && format_.header)
                return "; a file without a header is read with header = false and columns \"1\", \"2\", ...";
        }
        return {};
    }

    TextReader text_;
    CsvFormat format_;
    detail::ColumnNames names_;
    bool first_row_ = false;  // it was read to count the columns
};

DEEPREC_END
