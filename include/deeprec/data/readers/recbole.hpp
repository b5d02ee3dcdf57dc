/// RecBole's atomic files: tab-separated columns whose header gives each a name and a type, "rating:float".
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/csv.hpp>
#include <deeprec/data/readers/times.hpp>

DEEPREC_BEGIN

/// Reads one atomic file row by row (https://recbole.io/docs/user_guide/data/atomic_files.html).
///
///     AtomicReader in{"ml.inter"};
///     const auto user = in.column("user_id", AtomicReader::Type::token);
///     while (in.next()) use(in[user].text);
class AtomicReader {
public:
    /// As the header has them: a text, texts, a number, numbers ("float" is `floating`).
    enum class Type { token, token_seq, floating, float_seq };

    /// Reads the header. Throws FileError if the file cannot be opened, FormatError for an empty file, a column without
    /// one of the types token, token_seq, float and float_seq, or a name twice.
    explicit AtomicReader(std::filesystem::path path, Encoding encoding = Encoding::utf8)
        : text_(std::move(path), encoding) {
        if (!text_.next())
            text_.fail(text_.whole(), "expected a line of \"name:type\" columns, received an empty file");
        for (const Field& field : text_.split("\t")) {
            const std::size_t colon = field.text.rfind(':');
            const std::string_view name = field.text.substr(0, colon);
            const auto type = colon == field.text.npos ? std::nullopt : type_of(field.text.substr(colon + 1));
            if (name.empty() || !type)
                text_.fail(field,
                           "expected a column \"name:type\" with the type token, token_seq, float or float_seq, ",
                           "received ", detail::shown(field.text));
            if (!names_.add(name))
                text_.fail(field, "expected different column names, received ", detail::shown(name), " twice");
            columns_.push_back({std::string(name), *type});
        }
    }

    /// The column of that name and type, if the file has the name. Throws FormatError for another type.
    std::optional<std::size_t> find_column(std::string_view name, Type type) const {
        const auto found = names_.find(name);
        if (found && columns_[*found].type != type)
            text_.fail(text_.whole(), "expected column \"", name, "\" to be of type ", name_of(type), ", received ",
                       name_of(columns_[*found].type));
        return found;
    }
    /// The column of that name, of whatever type.
    std::optional<std::size_t> find_column(std::string_view name) const { return names_.find(name); }
    /// The same for a column that must be there; call it before the first row.
    std::size_t column(std::string_view name, Type type) const {
        if (const auto found = find_column(name, type)) return *found;
        text_.fail(text_.end(), "expected a column \"", name, ":", name_of(type), "\", there is none of that name; ",
                   "there are ", names_.list());
    }

    /// How many there are.
    std::size_t columns() const { return columns_.size(); }
    /// Of a column below columns().
    const std::string& name(std::size_t column) const { return columns_[column].name; }
    /// The same, its type.
    Type type(std::size_t column) const { return columns_[column].type; }

    /// Goes to the next row; false at the end. Throws FormatError unless it has as many fields as the header.
    bool next() {
        if (!text_.next()) return false;
        text_.split("\t", columns_.size());
        return true;
    }
    /// A field of the current row.
    const Field& operator[](std::size_t column) const { return text_.fields()[column]; }
    /// f(Field) for each part of a sequence field; parts stand between single spaces, an empty field has none.
    template <class F>
    static void each_part(const Field& field, F&& f) {
        for (std::size_t begin = 0; begin < field.text.size();) {
            const std::size_t end = std::min(field.text.find(' ', begin), field.text.size());
            if (end > begin) f(Field{field.text.substr(begin, end - begin), field.offset + begin});
            begin = end + 1;
        }
    }
    /// The lines under the rows: positions and errors.
    const TextReader& text() const { return text_; }

private:
    struct Column {
        std::string name;
        Type type;
    };
    static constexpr std::string_view names[] = {"token", "token_seq", "float", "float_seq"};
    static std::string_view name_of(Type type) { return names[static_cast<std::size_t>(type)]; }
    static std::optional<Type> type_of(std::string_view name) {
        for (std::size_t i = 0; i < std::size(names); ++i)
            if (names[i] == name) return static_cast<Type>(i);
        return std::nullopt;
    }
    TextReader text_;
    detail::ColumnNames names_;
    std::vector<Column> columns_;
};

/// What the columns of NAME.inter and NAME.item are called, and how their values are written:
/// `{.item = "artist_id", .rating = "weight"}`.
struct RecboleColumns {
    std::string user = "user_id", item = "item_id";          ///< of type token
    std::string rating = "rating", timestamp = "timestamp";  ///< of type float; none where the file lacks this default
    std::string title{};   ///< of NAME.item; empty = the first of movie_title and title that is there
    std::string year{};    ///< empty = release_year, year
    std::string genres{};  ///< empty = class, genre, categories
    TimeUnit time_unit = TimeUnit::seconds;  ///< of `timestamp`
    Encoding encoding = Encoding::utf8;      ///< of the files' bytes
};

namespace detail {
inline std::int32_t recbole_id(const AtomicReader& in, const Field& field, Vocabulary& known) {
    if (field.text.empty()) in.text().fail<DataError>(field, "expected an id, received an empty field");
    return known.add(field.text);
}

/// NAME.item: what is known about the items, and the items without events.
inline void add_recbole_items(Dataset& data, const std::filesystem::path& about, const RecboleColumns& columns) {
    using Type = AtomicReader::Type;
    AtomicReader in{about, columns.encoding};
    const auto first_of = [&](const std::string& chosen, std::initializer_list<std::string_view> usual) {
        for (const std::string_view name : usual)
            if (const auto found = in.find_column(name); found && chosen.empty()) return found;
        const auto found = in.find_column(chosen);
        if (!found && !chosen.empty()) in.column(chosen, Type::token);  // says what is there
        return found;
    };
    const auto item = in.column(columns.item, Type::token);
    const auto title = first_of(columns.title, {"movie_title", "title"});
    const auto year = first_of(columns.year, {"release_year", "year"});
    const auto genres = first_of(columns.genres, {"class", "genre", "categories"});
    Vocabulary& items = data.interactions.items;
    std::vector<bool> seen(static_cast<std::size_t>(items.size()) + 1, false);
    while (in.next()) {
        const auto which = recbole_id(in, in[item], items);
        if (which > data.items.size()) {
            data.items.add({});
            seen.push_back(false);
        }
        if (seen[static_cast<std::size_t>(which)])
            in.text().fail<DataError>(in[item], "item ", in[item].text, " has two lines");
        seen[static_cast<std::size_t>(which)] = true;
        Item& entry = data.items[which];
        if (title) entry.title = in[*title].text;
        if (year && !in[*year].text.empty()) {
            const bool dotted = in.type(*year) == Type::floating && in[*year].text.ends_with(".0");
            const std::string_view digits = in[*year].text.substr(0, in[*year].text.size() - (dotted ? 2 : 0));
            entry.year = in.text().number<std::int32_t>({digits, in[*year].offset});
        }
        if (!genres) continue;
        AtomicReader::each_part(in[*genres], [&](const Field& part) { entry.genres.emplace_back(part.text); });
        keep_first_of_each(entry.genres);
    }
}
}  // namespace detail

/// Reads NAME.inter with a user, an item and, where there are, a rating and a time (as whole seconds, rounded down).
/// NAME.item beside it is read too if it exists: the item, and of title, year and genres (parts between blanks) what is
/// there. Items without events are kept; an item of the events that NAME.item lacks is one of which nothing is known.
/// Ids are texts: "1" and "01" are two.
///
/// Throws FileError, FormatError (types, numbers, fields), DataError for an empty id, an item with two lines, a file
/// without rows or times whose median is not in the years 1990 to 2100: always with file, line and column.
inline Dataset read_recbole(const std::filesystem::path& inter, const RecboleColumns& columns = {}) {
    using Type = AtomicReader::Type;
    return detail::within_memory(inter, [&] {
        Dataset data;
        Interactions& x = data.interactions;
        AtomicReader in{inter, columns.encoding};
        const auto user = in.column(columns.user, Type::token), item = in.column(columns.item, Type::token);
        const auto optional = [&](const std::string& name, const std::string& usual) {
            return name.empty()    ? std::nullopt
                   : name == usual ? in.find_column(name, Type::floating)
                                   : std::optional(in.column(name, Type::floating));
        };
        const auto rating = optional(columns.rating, RecboleColumns{}.rating),
                   time = optional(columns.timestamp, RecboleColumns{}.timestamp);
        detail::TimeColumn seconds_of{columns.time_unit};
        while (in.next()) {
            std::optional<float> stars;
            std::optional<std::int64_t> seconds;
            if (rating) stars = in.text().number<float>(in[*rating]);
            if (time) seconds = seconds_of(in.text(), in[*time]);
            x.add(detail::recbole_id(in, in[user], x.users), detail::recbole_id(in, in[item], x.items), stars, seconds);
        }
        if (x.size() == 0) in.text().fail<DataError>(in.text().whole(), "expected rows of interactions, received none");
        seconds_of.check(x.timestamp);
        data.items = Catalogue{x.items.size()};
        std::filesystem::path about = inter;
        about.replace_extension(".item");
        std::error_code ignored;
        if (std::filesystem::exists(about, ignored)) detail::add_recbole_items(data, about, columns);
        data.description = message("RecBole atomic files at ", inter.string(), ": ", x.size(), " events of ",
                                   x.users.size(), " users with ", x.items.size(), " items");
        return data;
    });
}

/// What a NAME.user or NAME.item says about each id of `known`, for `FeatureSpec` (element 0, padding, is empty):
///
///     read_recbole_features("ml-100k.user", "user_id", data.interactions.users)
///
/// `key` names the column of ids, a token. Of the others a token is a text, a token_seq texts, a float a number; an
/// empty field is missing and a float_seq is passed over, as are rows whose id `known` lacks. Throws FileError,
/// FormatError (types, numbers, fields) and DataError for an id with two lines.
inline std::vector<FeatureRow> read_recbole_features(const std::filesystem::path& file, std::string_view key,
                                                     const Vocabulary& known, Encoding encoding = Encoding::utf8) {
    using Type = AtomicReader::Type;
    return detail::within_memory(file, [&] {
        std::vector<FeatureRow> rows(static_cast<std::size_t>(known.size()) + 1);
        std::vector<bool> seen(rows.size(), false);
        AtomicReader in{file, encoding};
        const std::size_t ids = in.column(key, Type::token);
        while (in.next()) {
            const auto id = static_cast<std::size_t>(known.find(in[ids].text).value_or(0));
            if (id == 0) continue;
            if (seen[id]) in.text().fail<DataError>(in[ids], in[ids].text, " has two lines");
            seen[id] = true;
            for (std::size_t c = 0; c < in.columns(); ++c) {
                if (c == ids || in[c].text.empty() || in.type(c) == Type::float_seq) continue;
                FeatureValue& value = rows[id][in.name(c)];
                if (in.type(c) == Type::token) value = std::string(in[c].text);
                if (in.type(c) == Type::floating) value = in.text().number<double>(in[c]);
                if (in.type(c) != Type::token_seq) continue;
                std::vector<std::string> texts;
                AtomicReader::each_part(in[c], [&](const Field& part) { texts.emplace_back(part.text); });
                value = std::move(texts);
            }
        }
        return rows;
    });
}

DEEPREC_END
