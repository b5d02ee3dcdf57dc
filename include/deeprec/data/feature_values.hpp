/// What features are, and the values that rows and tables have of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/item_tokens.hpp>
#include <deeprec/data/sessions.hpp>
#include <deeprec/data/tables/tables.hpp>

DEEPREC_BEGIN

/// What is made of a value.
enum class FeatureKind {
    id,        ///< a key, as of a user: one text; a min_count of 2 trains the row of unseen ones
    category,  ///< one of a few values: one text
    hashed,    ///< a text of too many values for a vocabulary: one of `buckets` rows by its hash
    bag,       ///< a set of texts, as genres: for EmbeddingBag with mask_zero
    tokens,    ///< texts in order, as the words of a title: for Embedding with mask_zero
    number,    ///< a number, for Dense
    bucket,    ///< a number as the id of one of `buckets` parts of its range, each with as many training rows
    gap,       ///< seconds since the user's event before, as `time_gap_id` (1 = there is none), for Embedding
    hour,      ///< of the day in UTC, 1 + 0 to 23
    weekday,   ///< in UTC, 1 Monday to 7 Sunday
    vector     ///< numbers, as many in each row, for Dense
};
inline constexpr std::array<std::string_view, 11> feature_kind_names{
    "id", "category", "hashed", "bag", "tokens", "number", "bucket", "gap", "hour", "weekday", "vector"};

/// One feature: `{.name = "city", .kind = FeatureKind::hashed, .buckets = 1000}`.
struct Feature {
    std::string name;                          ///< of the field that the model reads
    FeatureKind kind = FeatureKind::category;  ///< what is made of a value
    Index buckets = 0;    ///< of hashed and bucket
    Index length = 0;     ///< of bag and tokens, ids a row; 0 = the most that a training row has
    Index min_count = 0;  ///< values that fewer training rows have share the row of unseen ones; 0 = 1 for ids, else 2
    std::string field{};  ///< the column of the table, or the part of a FeatureRow; empty = of the same name
    bool log = false;     ///< of a number: x becomes sign(x) log(1 + |x|) before it is scaled
    bool missing = false;  ///< of what has ids: a row without a value has an id of its own, the last, not padding

    /// The field that it is made of.
    const std::string& source() const {
        static const std::string time = "time";
        const bool of_time = kind == FeatureKind::hour || kind == FeatureKind::weekday;
        return !field.empty() ? field : of_time ? time : name;
    }
};

/// A text, a number (NaN is missing), several texts or several numbers. Nothing and empty ones are missing.
using FeatureValue = Cell;
/// What is known of one user or item, by feature. What is not there is missing. A gap is its seconds; hour and
/// weekday are of the seconds in "time".
struct FeatureRow : std::map<std::string, FeatureValue, std::less<>> {
    /// `{"type", "cart"}`, `{"age", 31}`: whole numbers are numbers too.
    struct Part {
        Part(std::string field, FeatureValue of) : name(std::move(field)), value(std::move(of)) {}
        template <std::integral N>
        Part(std::string field, N number) : name(std::move(field)), value(static_cast<double>(number)) {}
        std::string name;    ///< of the feature's column
        FeatureValue value;  ///< a text, a number or several of these
    };
    FeatureRow() = default;
    /// Of two parts of one name the first counts.
    FeatureRow(std::initializer_list<Part> parts) {
        for (const Part& part : parts) emplace(part.name, part.value);
    }
};

namespace detail {

/// What rows have of one feature, in the form that its kind needs.
struct FeatureValues {
    Index rows = 0;
    const Vocabulary* texts = nullptr;   ///< what `ids` are of; id 0 is missing
    std::span<const std::int32_t> ids;   ///< one a row, or several up to `ends`
    std::span<const std::int64_t> ends;  ///< of each row in `ids`
    std::vector<double> numbers;         ///< of number and bucket; NaN is missing
    double rounding = 256 * std::numeric_limits<double>::epsilon();  ///< numbers as near as that, relative, are equal
    std::vector<std::int32_t> codes;     ///< of times: what embeddings look up
    std::vector<float> vectors;          ///< [rows, width]; a row that begins with NaN is missing
    Index width = 0;

    /// Takes the rows one by one: `add` each, then `look`.
    void add(const Feature& about, const FeatureValue& value);
    void look() {
        if (!own_texts_) return;
        texts = own_texts_.get();
        ids = own_ids_;
        ends = own_ends_;
    }
    /// The column that the feature is of. Throws DataError for a column of a kind that the feature cannot be of.
    static FeatureValues of(const Feature& about, const Column& column);
    /// Of the events' users, items, times and columns, which are given by name too: "user", "item" and "time" are
    /// fields.
    static FeatureValues of(const Feature& about, const EventTable& events, const ColumnsByName& columns);
    /// "key" is a field too.
    static FeatureValues of(const Feature& about, const KeyedTable& table, const ColumnsByName& columns);

private:
    void add_texts(std::span<const std::string_view> some);
    static FeatureValues of_ids(const Feature& about, std::span<const std::int32_t> ids, const Vocabulary& texts);

    std::unique_ptr<Vocabulary> own_texts_;  // what is looked at where no table has it
    std::vector<std::int32_t> own_ids_;
    std::vector<std::int64_t> own_ends_;
};

inline std::string_view kind_name(const Feature& f) { return feature_kind_names[static_cast<std::size_t>(f.kind)]; }
inline bool is_time(FeatureKind kind) {
    return kind == FeatureKind::gap || kind == FeatureKind::hour || kind == FeatureKind::weekday;
}
inline bool is_many(FeatureKind kind) { return kind == FeatureKind::bag || kind == FeatureKind::tokens; }
inline bool has_texts(FeatureKind kind) { return kind <= FeatureKind::tokens; }
/// Whether a model reads it as numbers, not as ids.
inline bool has_numbers(FeatureKind kind) { return kind == FeatureKind::number || kind == FeatureKind::vector; }

[[noreturn]] inline void fail_kind(const Feature& about, const std::string& expected) {
    throw DataError(message("FeatureSpec: '", about.name, "' of kind ", kind_name(about), " expected ", expected));
}
/// What an embedding of the kind looks up. Throws ArgumentError for a gap below 0.
inline std::int32_t time_code(FeatureKind kind, std::int64_t seconds) {
    if (kind == FeatureKind::gap) return time_gap_id(seconds);
    const std::int64_t day = floor_divided(seconds, 86400);
    if (kind == FeatureKind::hour) return 1 + static_cast<std::int32_t>((seconds - day * 86400) / 3600);
    return 1 + static_cast<std::int32_t>(day + 3 - 7 * floor_divided(day + 3, 7));  // 1970 began on a Thursday
}

#if DEEPREC_BODIES
DEEPREC_FUNCTION void FeatureValues::add_texts(std::span<const std::string_view> some) {
    if (!own_texts_) own_texts_ = std::make_unique<Vocabulary>();
    for (const std::string_view text : some)
        if (!text.empty()) own_ids_.push_back(own_texts_->add(text));
    own_ends_.push_back(static_cast<std::int64_t>(own_ids_.size()));
}

DEEPREC_FUNCTION void FeatureValues::add(const Feature& about, const FeatureValue& value) {
    ++rows;
    const bool missing = std::holds_alternative<std::monostate>(value);
    if (has_texts(about.kind)) {
        const auto* many = std::get_if<std::vector<std::string>>(&value);
        const auto* one = std::get_if<std::string>(&value);
        if (!missing && is_many(about.kind) && !many) fail_kind(about, "several texts, received one value");
        if (!missing && !is_many(about.kind) && !one) fail_kind(about, "one text, received another value");
        std::vector<std::string_view> views;
        if (many) views.assign(many->begin(), many->end());
        if (one) views = {*one};
        return add_texts(views);
    }
    if (about.kind == FeatureKind::vector) {
        const auto* x = std::get_if<std::vector<float>>(&value);
        if (!missing && !x) fail_kind(about, "several numbers, received another value");
        const Index n = x ? static_cast<Index>(x->size()) : 0;
        if (n > 0 && width == 0) {
            width = n;
            vectors.assign(static_cast<std::size_t>((rows - 1) * width), std::numeric_limits<float>::quiet_NaN());
        }
        if (n > 0 && n != width) fail_kind(about, message(width, " numbers, as in the rows before, received ", n));
        for (Index i = 0; i < width; ++i)
            vectors.push_back(n > 0 ? (*x)[static_cast<std::size_t>(i)] : std::numeric_limits<float>::quiet_NaN());
        return;
    }
    const double* number = std::get_if<double>(&value);
    if (!missing && (!number || std::isinf(*number)))
        fail_kind(about, number ? "a finite number, received an infinite one" : "a number, received text");
    const double x = missing ? std::numeric_limits<double>::quiet_NaN() : *number;
    if (!is_time(about.kind)) return numbers.push_back(x);
    if (std::abs(x) > 9e15) fail_kind(about, message("seconds below 9e15, received ", x));
    codes.push_back(std::isnan(x) ? 0 : time_code(about.kind, static_cast<std::int64_t>(std::floor(x))));
}

DEEPREC_FUNCTION FeatureValues FeatureValues::of_ids(const Feature& about, std::span<const std::int32_t> ids,
                                                     const Vocabulary& texts) {
    if (!has_texts(about.kind)) fail_kind(about, "another field than '" + about.source() + "', which has texts");
    FeatureValues values;
    values.rows = static_cast<Index>(ids.size());
    values.texts = &texts;
    values.ids = ids;
    return values;
}

DEEPREC_FUNCTION FeatureValues FeatureValues::of(const Feature& about, const Column& column) {
    FeatureValues values;
    values.rows = column.size();
    const bool one = has_texts(about.kind) && !is_many(about.kind);
    const bool number = about.kind == FeatureKind::number || about.kind == FeatureKind::bucket;
    if (column.kind() == ColumnKind::category && has_texts(about.kind))
        return of_ids(about, column.all_ids(), column.values());
    if (column.kind() == ColumnKind::categories && is_many(about.kind)) {
        values = of_ids(about, column.all_ids(), column.values());
        values.rows = column.size();
        values.ends = column.all_ends();
        return values;
    }
    if (column.kind() == ColumnKind::text && (one || about.kind == FeatureKind::tokens)) {
        for (Index row = 0; row < column.size(); ++row) {
            const std::string_view text = column.text(row);
            if (one) {
                values.add_texts({&text, 1});
                continue;
            }
            const std::vector<std::string> words = title_words(text);
            values.add_texts(std::vector<std::string_view>(words.begin(), words.end()));
        }
        values.look();
        return values;
    }
    if (column.kind() == ColumnKind::number && number) {
        values.numbers.assign(column.all_numbers().begin(), column.all_numbers().end());
        values.rounding = 2 * static_cast<double>(std::numeric_limits<float>::epsilon());
        return values;
    }
    if (column.kind() == ColumnKind::vector && about.kind == FeatureKind::vector) {
        values.vectors.assign(column.all_numbers().begin(), column.all_numbers().end());
        values.width = column.width();
        return values;
    }
    fail_kind(about, message("another column than '", column.name(), "', which is of kind ",
                             column_kind_names[static_cast<std::size_t>(column.kind())]));
}

DEEPREC_FUNCTION FeatureValues FeatureValues::of(const Feature& about, const EventTable& events,
                                                 const ColumnsByName& columns) {
    if (is_time(about.kind)) {
        if (!about.field.empty() && about.field != "time") fail_kind(about, "the field time, received " + about.field);
        if (events.time.empty() && events.size() > 0) fail_kind(about, "events with times, received none of them");
        FeatureValues values;
        values.rows = events.size();
        values.codes.assign(static_cast<std::size_t>(events.size()), 1);
        if (about.kind != FeatureKind::gap) {
            for (Index row = 0; row < events.size(); ++row)
                values.codes[static_cast<std::size_t>(row)] = time_code(about.kind, events.time[row]);
            return values;
        }
        const std::vector<Index> order = events.by_user_and_time();
        for (std::size_t i = 1; i < order.size(); ++i)
            if (events.user[order[i]] == events.user[order[i - 1]])
                values.codes[static_cast<std::size_t>(order[i])] =
                    time_gap_id(seconds_between(events.time[order[i - 1]], events.time[order[i]]));
        return values;
    }
    if (about.source() == "user") return of_ids(about, events.user.all(), events.users);
    if (about.source() == "item") return of_ids(about, events.item.all(), events.items);
    return of(about, columns.at(about.source()));
}

DEEPREC_FUNCTION FeatureValues FeatureValues::of(const Feature& about, const KeyedTable& table,
                                                 const ColumnsByName& columns) {
    if (is_time(about.kind)) fail_kind(about, "a table of events");
    if (about.source() != "key") return of(about, columns.at(about.source()));
    std::vector<std::int32_t> own(static_cast<std::size_t>(table.size()));
    std::iota(own.begin(), own.end(), 1);
    FeatureValues values = of_ids(about, own, table.keys);
    values.own_ids_ = std::move(own);  // a vector that moves keeps its numbers where they are
    return values;
}
#endif
}  // namespace detail

DEEPREC_END
