/// One named column of a table, of one kind of values.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/data/tables/values.hpp>
#include <deeprec/data/vocabulary.hpp>

DEEPREC_BEGIN

/// What the values of a column are, and what one takes in memory.
enum class ColumnKind : std::uint8_t {
    category,    ///< one text of a few, by its id in a vocabulary: 4 bytes
    number,      ///< a float: 4 bytes
    text,        ///< any text: its bytes and 8 more
    categories,  ///< several of a few texts, as genres: 4 bytes each and 8 more
    vector       ///< floats, in each row as many: 4 bytes each
};
inline constexpr std::array<std::string_view, 5> column_kind_names{"category", "number", "text", "categories",
                                                                   "vector"};

/// One value of a row. Nothing, an empty text, list or vector, and a number that is NaN are missing.
using Cell = std::variant<std::monostate, std::string, double, std::vector<std::string>, std::vector<float>>;

namespace detail {
struct TableFile;
}

/// Values of one kind, one a row, rows from 0. Every kind has a missing value: id 0, NaN, an empty text or list, a
/// vector of NaN.
class Column {
public:
    /// Throws ArgumentError for an empty name or one that is not UTF-8.
    Column(std::string name, ColumnKind kind) : name_(std::move(name)), kind_(kind) {
        if (name_.empty() || detail::find_not_utf8(name_) != name_.npos)
            throw ArgumentError(message("Column: expected a name of UTF-8, received ", detail::shown(name_)));
    }

    const std::string& name() const { return name_; }
    /// What its values are.
    ColumnKind kind() const { return kind_; }
    /// Number of rows.
    Index size() const { return rows_; }
    /// Numbers of a vector; 0 for other kinds, and as long as all vectors are missing.
    Index width() const { return width_; }
    /// Texts of category and categories, by id from 1.
    const Vocabulary& values() const { return values_; }
    /// Memory of the values; vocabularies come on top.
    Index bytes() const { return ids_.bytes() + numbers_.bytes() + ends_.bytes() + bytes_.bytes(); }

    // Each throws DataError for a column of another kind and a row that is not there.

    /// Of a category: its id in values(), 0 = missing.
    std::int32_t id(Index row) const { return ids_[at(row, ColumnKind::category)]; }
    /// Of a number; NaN = missing.
    float number(Index row) const { return numbers_[at(row, ColumnKind::number)]; }
    /// Of a text, or the key of a category; empty = missing.
    std::string_view text(Index row) const {
        if (kind_ != ColumnKind::category) return text_at(at(row, ColumnKind::text));
        const std::int32_t key = id(row);
        return key == 0 ? std::string_view() : std::string_view(values_.key(key));
    }
    /// Of categories: ids in values(), in the order of the row.
    std::span<const std::int32_t> ids(Index row) const { return part(ids_, at(row, ColumnKind::categories)); }
    /// Of a vector: width() numbers; none = missing.
    std::span<const float> vector(Index row) const {
        const auto all = numbers_.all().subspan(static_cast<std::size_t>(at(row, ColumnKind::vector) * width_),
                                                static_cast<std::size_t>(width_));
        return all.empty() || std::isnan(all[0]) ? std::span<const float>() : all;
    }
    /// Whether the row has no value.
    bool missing(Index row) const;
    /// Of all rows, one after the other: ids of category and categories, numbers of number and vector, and where the
    /// ids of each row of categories end.
    std::span<const std::int32_t> all_ids() const { return ids_.all(); }
    /// Of a number one a row, of a vector width() a row.
    std::span<const float> all_numbers() const { return numbers_.all(); }
    /// Of categories: where the ids of row r end, and those of row r + 1 begin.
    std::span<const std::int64_t> all_ends() const { return ends_.all(); }

    /// Appends a row. Throws DataError, and appends nothing, for a cell of another kind, a number or vector that is not
    /// finite (or not as a float), a vector of another width than those before, and where missing vectors, which take
    /// as much memory as others, take above 64 MB and there are more than 128 for each that is there.
    void add(const Cell& cell);
    /// Appends a row without a value.
    void add_missing();
    /// As `add`, of a category or a text; of a number; of categories; of a vector.
    void add_text(std::string_view text);
    /// Of a number.
    void add_number(float x) {
        if (kind_ != ColumnKind::number) fail_kind(ColumnKind::number);
        if (std::isinf(x)) fail("a number that is finite as a float", message(x));
        numbers_.push_back(x);
        ++rows_;
    }
    /// Of categories.
    void add_texts(std::span<const std::string_view> texts);
    /// Of a vector; its width is that of the first.
    void add_vector(std::span<const float> x);
    /// These rows in this order; row -1 is a missing value. Same vocabulary.
    Column select(std::span<const Index> rows) const;

    /// Whether two rows have the same value.
    bool equal(Index a, Index b) const;
    /// Of the row's value; equal values have equal hashes.
    std::uint64_t hash(Index row) const;
    /// "price (number, 0.5 to 20, 3 missing)"
    std::string about() const;

private:
    friend struct detail::TableFile;
    Index at(Index row, ColumnKind kind) const {
        if (kind != kind_) fail_kind(kind);
        if (row < 0 || row >= rows_)
            throw DataError(
                message("Column ", detail::shown(name_, "'"), ": expected a row below ", rows_, ", received ", row));
        return row;
    }
    [[noreturn]] void fail_kind(ColumnKind wanted) const;
    [[noreturn]] void fail(std::string_view expected, const std::string& received) const {
        throw DataError(
            message("Column ", detail::shown(name_, "'"), ": expected ", expected, ", received ", received));
    }
    /// A few bytes of a file, one wide vector and many rows without, must not ask for gigabytes.
    void check_absent(Index absent, Index given, Index width) const {
        if (width > 0 && absent > std::max((Index{1} << 24) / width, 128 * given))
            fail("vectors in more than one row of 129",
                 message(given, " of ", width, " numbers in ", absent + given, " rows"));
    }
    void count_given() {
        given_ = 0;
        for (Index row = 0; kind_ == ColumnKind::vector && row < rows_; ++row) given_ += !vector(row).empty();
    }
    std::size_t begin(Index row) const { return row == 0 ? 0 : static_cast<std::size_t>(ends_[row - 1]); }
    template <class T>
    std::span<const T> part(const Values<T>& values, Index row) const {
        return values.all().subspan(begin(row), static_cast<std::size_t>(ends_[row]) - begin(row));
    }
    std::string_view text_at(Index row) const {
        const auto bytes = part(bytes_, row);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    void end_row(Index end) {
        ends_.push_back(end);
        ++rows_;
    }

    std::string name_;
    ColumnKind kind_;
    Index rows_ = 0, width_ = 0, given_ = 0;  // vectors that are not missing
    Vocabulary values_;
    Values<std::int32_t> ids_;    // category, categories
    Values<float> numbers_;       // number, vector
    Values<std::int64_t> ends_;   // of text in bytes_ and categories in ids_
    Values<std::uint8_t> bytes_;  // text
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION bool Column::missing(Index row) const {
    switch (kind_) {
        case ColumnKind::category: return id(row) == 0;
        case ColumnKind::number: return std::isnan(number(row));
        case ColumnKind::text: return text(row).empty();
        case ColumnKind::categories: return ids(row).empty();
        case ColumnKind::vector: break;
    }
    return vector(row).empty();
}

DEEPREC_FUNCTION void Column::fail_kind(ColumnKind wanted) const {
    const auto name = [](ColumnKind kind) { return std::string(column_kind_names[static_cast<std::size_t>(kind)]); };
    fail(name(wanted), name(kind_));
}

DEEPREC_FUNCTION void Column::add(const Cell& cell) {
    if (std::holds_alternative<std::monostate>(cell)) return add_missing();
    static constexpr std::array<std::string_view, 5> held{"nothing", "a text", "a number", "several texts",
                                                          "several numbers"};
    static constexpr std::array<std::size_t, 5> wanted{1, 2, 1, 3, 4};  // by kind
    const std::size_t kind = static_cast<std::size_t>(kind_);
    if (cell.index() != wanted[kind])
        fail(message(held[wanted[kind]], " (", column_kind_names[kind], ")"), std::string(held[cell.index()]));
    if (const auto* text = std::get_if<std::string>(&cell)) {
        add_text(*text);
    } else if (const auto* x = std::get_if<double>(&cell)) {
        const auto number = static_cast<float>(*x);
        if (std::isinf(number)) fail("a number that is finite as a float", message(*x));
        add_number(number);
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&cell)) {
        const std::vector<std::string_view> views(texts->begin(), texts->end());
        add_texts(views);
    } else {
        add_vector(std::get<std::vector<float>>(cell));
    }
}

DEEPREC_FUNCTION void Column::add_missing() {
    switch (kind_) {
        case ColumnKind::category: ids_.push_back(0); break;
        case ColumnKind::number: numbers_.push_back(std::numeric_limits<float>::quiet_NaN()); break;
        case ColumnKind::text: ends_.push_back(bytes_.size()); break;
        case ColumnKind::categories: ends_.push_back(ids_.size()); break;
        case ColumnKind::vector:
            check_absent(rows_ + 1 - given_, given_, width_);
            numbers_.own().insert(numbers_.own().end(), static_cast<std::size_t>(width_),
                                  std::numeric_limits<float>::quiet_NaN());
    }
    ++rows_;
}

DEEPREC_FUNCTION void Column::add_text(std::string_view text) {
    if (kind_ == ColumnKind::category) {
        ids_.push_back(text.empty() ? 0 : values_.add(text));
        ++rows_;
        return;
    }
    if (kind_ != ColumnKind::text) fail_kind(ColumnKind::text);
    bytes_.own().insert(bytes_.own().end(), text.begin(), text.end());
    end_row(bytes_.size());
}

DEEPREC_FUNCTION void Column::add_texts(std::span<const std::string_view> texts) {
    if (kind_ != ColumnKind::categories) fail_kind(ColumnKind::categories);
    for (const std::string_view text : texts)
        if (!text.empty()) ids_.push_back(values_.add(text));
    end_row(ids_.size());
}

DEEPREC_FUNCTION void Column::add_vector(std::span<const float> x) {
    if (kind_ != ColumnKind::vector) fail_kind(ColumnKind::vector);
    if (x.empty()) return add_missing();
    const Index n = static_cast<Index>(x.size());
    if (width_ != 0 && n != width_) fail(message(width_, " numbers, as in the rows before"), message(n));
    for (const float number : x)
        if (!std::isfinite(number)) fail("finite numbers", message(number));
    if (width_ == 0) {
        check_absent(rows_, 1, n);
        width_ = n;
        numbers_.own().assign(static_cast<std::size_t>(rows_ * n), std::numeric_limits<float>::quiet_NaN());
    }
    numbers_.own().insert(numbers_.own().end(), x.begin(), x.end());
    ++given_;
    ++rows_;
}

DEEPREC_FUNCTION Column Column::select(std::span<const Index> rows) const {
    Column chosen(name_, kind_);
    chosen.width_ = width_;
    chosen.values_ = values_;
    chosen.given_ = static_cast<Index>(rows.size());  // until they are counted: what is there may be spread out
    if (kind_ == ColumnKind::category) chosen.ids_.own().reserve(rows.size());
    if (kind_ == ColumnKind::number) chosen.numbers_.own().reserve(rows.size());
    for (const Index row : rows) {
        if (row == -1) {
            chosen.add_missing();
            continue;
        }
        switch (kind_) {
            case ColumnKind::category:
                chosen.ids_.push_back(id(row));
                ++chosen.rows_;
                break;
            case ColumnKind::number: chosen.add_number(number(row)); break;
            case ColumnKind::text: chosen.add_text(text(row)); break;
            case ColumnKind::categories: {
                const auto some = ids(row);
                chosen.ids_.own().insert(chosen.ids_.own().end(), some.begin(), some.end());
                chosen.end_row(chosen.ids_.size());
                break;
            }
            case ColumnKind::vector: chosen.add_vector(vector(row)); break;
        }
    }
    chosen.count_given();
    return chosen;
}

DEEPREC_FUNCTION bool Column::equal(Index a, Index b) const {
    switch (kind_) {
        case ColumnKind::category: return id(a) == id(b);
        case ColumnKind::number: return detail::equal(number(a), number(b)) || (missing(a) && missing(b));
        case ColumnKind::text: return text(a) == text(b);
        case ColumnKind::categories: return std::ranges::equal(ids(a), ids(b));
        case ColumnKind::vector: break;
    }
    return std::ranges::equal(vector(a), vector(b));
}

DEEPREC_FUNCTION std::uint64_t Column::hash(Index row) const {
    std::uint64_t hash = 0;
    const auto add = [&](std::uint64_t x) { hash = mix64(hash ^ x); };
    const auto add_float = [&](float x) { add(detail::equal(x, 0) ? 0 : std::bit_cast<std::uint32_t>(x)); };
    if (missing(row)) return hash;
    switch (kind_) {
        case ColumnKind::category: add(static_cast<std::uint64_t>(id(row))); break;
        case ColumnKind::number: add_float(number(row)); break;
        case ColumnKind::text:
            for (const char c : text(row)) add(static_cast<unsigned char>(c));
            break;
        case ColumnKind::categories:
            for (const std::int32_t id : ids(row)) add(static_cast<std::uint64_t>(id));
            break;
        case ColumnKind::vector:
            for (const float x : vector(row)) add_float(x);
    }
    return hash;
}

DEEPREC_FUNCTION std::string Column::about() const {
    Index absent = 0;
    float least = std::numeric_limits<float>::infinity(), most = -least;
    if (kind_ == ColumnKind::category) absent = std::ranges::count(ids_.all(), 0);
    for (const float x : kind_ == ColumnKind::number ? numbers_.all() : std::span<const float>()) {
        absent += std::isnan(x);
        least = x < least ? x : least;
        most = x > most ? x : most;
    }
    if (kind_ != ColumnKind::category && kind_ != ColumnKind::number)
        for (Index row = 0; row < rows_; ++row) absent += missing(row);
    std::string text = message(name_, " (", column_kind_names[static_cast<std::size_t>(kind_)]);
    if (kind_ == ColumnKind::category || kind_ == ColumnKind::categories)
        text += message(", ", values_.size(), " values");
    if (kind_ == ColumnKind::number && absent < rows_) text += message(", ", least, " to ", most);
    if (kind_ == ColumnKind::vector) text += message(", ", width_, " wide");
    if (absent > 0) text += message(", ", absent, " missing");
    return text + ")";
}
#endif

DEEPREC_END
