/// Comma-separated values whose first line names the columns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/data/readers/text.hpp>

DEEPREC_BEGIN

/// Reads a CSV file row by row; columns are looked up by name once, then read by number.
///
///     CsvReader in{"ratings.csv"};
///     const auto user = in.column("userId"), stars = in.column("rating");
///     while (in.next()) use(in[user].text, in.number<float>(in[stars]));
class CsvReader {
public:
    /// Reads the header. Throws FileError if the file cannot be opened, FormatError if it is empty or names a column
    /// twice.
    explicit CsvReader(std::filesystem::path path, char separator = ',')
        : text_(std::move(path)), separator_(separator) {
        if (!text_.next()) text_.fail(text_.whole(), "expected a line of column names, received an empty file");
        for (const Field& field : text_.split_csv(0, separator_)) {
            if (std::find(names_.begin(), names_.end(), field.text) != names_.end())
                text_.fail(field, "expected different column names, received ", detail::shown(field.text), " twice");
            names_.emplace_back(field.text);
        }
    }

    /// The column of that name, if there is one.
    std::optional<std::size_t> find_column(std::string_view name) const {
        const auto found = std::find(names_.begin(), names_.end(), name);
        if (found == names_.end()) return std::nullopt;
        return static_cast<std::size_t>(found - names_.begin());
    }
    /// The column of that name. Throws FormatError, with the names that are there, if there is none; call it before the
    /// first row, so that the position in the message is the header's.
    std::size_t column(std::string_view name) const {
        if (const auto found = find_column(name)) return *found;
        std::string there;
        for (const std::string& other : names_) there += (there.empty() ? "" : ", ") + detail::shown(other);
        text_.fail(text_.end(), "expected a column \"", name, "\", received ", there);
    }

    /// Goes to the next row; false at the end. Throws FormatError unless it has as many fields as the header.
    bool next() {
        if (!text_.next()) return false;
        text_.split_csv(names_.size(), separator_);
        return true;
    }
    /// A field of the current row.
    const Field& operator[](std::size_t column) const { return text_.fields()[column]; }

    /// The lines under the rows: positions, numbers and errors.
    const TextReader& text() const { return text_; }
    template <class T>
    T number(const Field& field) const {
        return text_.number<T>(field);
    }

private:
    TextReader text_;
    char separator_;
    std::vector<std::string> names_;
};

DEEPREC_END
