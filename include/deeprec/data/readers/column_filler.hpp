/// The columns of rows of text, as columns of a table.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <deeprec/data/readers/fields.hpp>
#include <deeprec/data/readers/table_options.hpp>
#include <deeprec/data/tables/column.hpp>

DEEPREC_BEGIN

namespace detail {

/// `Rows` is a CsvReader or what is like it: columns by name, `next()`, fields by number, and a FieldReader `text()`.
template <class Rows>
std::size_t place_of(const Rows& in, const ColumnName& column) {
    if (!column.is_number()) return in.column(column.text());
    if (column.number() < 1 || column.number() > static_cast<int>(in.columns()))
        in.text().fail(Field{}, "expected a column from 1 to ", in.columns(), ", received ", column.number());
    return static_cast<std::size_t>(column.number()) - 1;
}

/// What a table of events or keys has besides ids and times. A row is read whole before any of it is kept.
class ColumnFiller {
public:
    /// Makes the columns of the table. Throws ArgumentError for a name that is there twice.
    ColumnFiller(const std::vector<ColumnOptions>& wanted, const std::vector<std::string>& missing,
                 std::vector<Column>& columns);
    /// Looks up the columns in the next file.
    template <class Rows>
    void open(const Rows& in) {
        for (One& one : all_) one.at = place_of(in, one.about.column);
    }
    /// Nothing where the field is empty or says so.
    template <class Rows>
    std::string_view value(const Rows& in, std::size_t at) const {
        const std::string_view text = in[at].text;
        for (const std::string& none : missing_)
            if (text == none) return {};
        return text;
    }
    /// Throws FormatError for a number that is none and a vector of another width.
    template <class Rows>
    void read(const Rows& in, std::vector<Column>& columns) {
        for (One& one : all_) {
            one.text = value(in, one.at);
            if (one.text.empty()) continue;
            if (one.about.kind == ColumnKind::number) one.number = in.template number<float>(in[one.at]);
            if (one.about.kind == ColumnKind::vector) read_vector(in, one, columns[one.to]);
        }
    }
    void append(std::vector<Column>& columns);

private:
    struct One {
        ColumnOptions about;
        std::size_t to, at = 0;
        std::string_view text{};
        float number = 0;
        std::vector<float> vector{};
    };
    /// part(text, its offset in the field) for each part that is not blank.
    template <class F>
    static void each_part(std::string_view text, char separator, const F& part) {
        for (std::size_t begin = 0; begin <= text.size();) {
            std::size_t end = std::min(text.find(separator, begin), text.size());
            const std::size_t next = end + 1;
            while (begin < end && text[begin] == ' ') ++begin;
            while (end > begin && text[end - 1] == ' ') --end;
            if (end > begin) part(text.substr(begin, end - begin), begin);
            begin = next;
        }
    }
    template <class Rows>
    static void read_vector(const Rows& in, One& one, const Column& column) {
        one.vector.clear();
        const Field& field = in[one.at];
        each_part(one.text, one.about.separator, [&](std::string_view text, std::size_t offset) {
            one.vector.push_back(in.template number<float>(Field{text, field.offset + offset}));
        });
        if (column.width() != 0 && column.width() != static_cast<Index>(one.vector.size()))
            in.text().fail(field, "expected ", column.width(), " numbers, as in the rows before, received ",
                           one.vector.size());
    }
    std::vector<One> all_;
    const std::vector<std::string>& missing_;
    std::vector<std::string_view> parts_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION ColumnFiller::ColumnFiller(const std::vector<ColumnOptions>& wanted,
                                            const std::vector<std::string>& missing, std::vector<Column>& columns)
    : missing_(missing) {
    std::unordered_set<std::string> names;
    for (const Column& column : columns) names.insert(column.name());
    for (const ColumnOptions& about : wanted) {
        const std::string& name = about.name.empty() ? about.column.text() : about.name;
        if (!names.insert(name).second)
            throw ArgumentError(message("columns: two have the name ", shown(name, "'"), "; give one a .name"));
        all_.push_back({about, columns.size()});
        char& separator = all_.back().about.separator;
        if (separator == 0) separator = about.kind == ColumnKind::vector ? ' ' : '|';
        columns.emplace_back(name, about.kind);
    }
}

DEEPREC_FUNCTION void ColumnFiller::append(std::vector<Column>& columns) {
    for (One& one : all_) {
        Column& column = columns[one.to];
        if (one.text.empty()) {
            column.add_missing();
            continue;
        }
        switch (one.about.kind) {
            case ColumnKind::category:
            case ColumnKind::text: column.add_text(one.text); break;
            case ColumnKind::number: column.add_number(one.number); break;
            case ColumnKind::vector: column.add_vector(one.vector); break;
            case ColumnKind::categories:
                parts_.clear();
                each_part(one.text, one.about.separator,
                          [&](std::string_view text, std::size_t) { parts_.push_back(text); });
                column.add_texts(parts_);
        }
    }
}
#endif

}  // namespace detail

DEEPREC_END
