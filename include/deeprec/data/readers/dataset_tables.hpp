/// Public data sets as tables, with all that their files say.
#pragma once

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <deeprec/data/readers/read_dataset.hpp>
#include <deeprec/data/tables/tables.hpp>

DEEPREC_BEGIN

/// The same files as `read_dataset`, as aligned tables:
/// - events have the number `rating` where there are ratings; of RecBole every column, a token as category, token_seq
///   as categories, float as number and float_seq as vector;
/// - items have title, year and genres; of RecBole the columns of NAME.item (`movie_title` and `title` are texts);
/// - users have age, gender, occupation and zip of MovieLens' u.user or users.dat, of RecBole the columns of NAME.user,
///   else none.
/// Throws as read_dataset, and DataError for a user with two lines and vectors of several widths in one column.
Tables read_dataset_tables(const std::filesystem::path& path);
/// The same for RecBole's files with columns of other names or times in another unit (`rating`, `year` and `genres`
/// need none: columns keep the names of the files).
Tables read_recbole_tables(const std::filesystem::path& inter, const RecboleColumns& columns = {});

/// Age, gender, occupation and zip of MovieLens' users, from u.user (100K) or users.dat (1M), where ages are the lowest
/// of a group and occupations numbers. Throws FileError, FormatError, and DataError for a user who is listed twice.
UserTable read_movielens_users(const std::filesystem::path& file);

#if DEEPREC_BODIES
namespace detail {
/// The columns of an atomic file but some, empty, with their places in the file.
DEEPREC_FUNCTION std::vector<std::pair<std::size_t, Column>> atomic_columns(
    const AtomicReader& in, std::initializer_list<std::string_view> without) {
    constexpr ColumnKind kinds[] = {ColumnKind::category, ColumnKind::categories, ColumnKind::number,
                                    ColumnKind::vector};
    std::vector<std::pair<std::size_t, Column>> columns;
    for (std::size_t c = 0; c < in.columns(); ++c) {
        const std::string& name = in.name(c);
        if (std::find(without.begin(), without.end(), name) != without.end()) continue;
        const bool title = name == "movie_title" || name == "title";
        columns.emplace_back(c, Column{name, title ? ColumnKind::text : kinds[static_cast<std::size_t>(in.type(c))]});
    }
    return columns;
}
/// Appends the row of the file; errors say where it is.
DEEPREC_FUNCTION void add_atomic_row(const AtomicReader& in, std::vector<std::pair<std::size_t, Column>>& columns) {
    std::vector<std::string_view> texts;
    std::vector<float> numbers;
    for (auto& [from, to] : columns) {
        const Field& field = in[from];
        try {
            if (to.kind() == ColumnKind::number) {
                field.text.empty() ? to.add_missing() : to.add_number(in.text().number<float>(field));
            } else if (to.kind() == ColumnKind::categories) {
                texts.clear();
                AtomicReader::each_part(field, [&](const Field& part) { texts.push_back(part.text); });
                to.add_texts(texts);
            } else if (to.kind() == ColumnKind::vector) {
                numbers.clear();
                AtomicReader::each_part(field,
                                        [&](const Field& part) { numbers.push_back(in.text().number<float>(part)); });
                to.add_vector(numbers);
            } else {
                to.add_text(field.text);
            }
        } catch (const DataError& error) {
            in.text().fail<DataError>(field, error.what());
        }
    }
}
DEEPREC_FUNCTION std::vector<Column> only_columns(std::vector<std::pair<std::size_t, Column>> columns) {
    std::vector<Column> all;
    for (auto& each : columns) all.push_back(std::move(each.second));
    return all;
}
/// NAME.item or NAME.user, if it is there.
DEEPREC_FUNCTION void read_atomic_table(KeyedTable& table, const std::filesystem::path& file, const std::string& key,
                                        Encoding encoding) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return;
    AtomicReader in{file, encoding};
    const std::size_t ids = in.column(key, AtomicReader::Type::token);
    auto columns = atomic_columns(in, {key});
    while (in.next()) {
        const std::int32_t before = table.keys.size();
        if (recbole_id(in, in[ids], table.keys) <= before)
            in.text().fail<DataError>(in[ids], in[ids].text, " has two lines");
        add_atomic_row(in, columns);
    }
    table.columns = only_columns(std::move(columns));
    table.report.source = file.string();
    table.report.read = table.size();
}
DEEPREC_FUNCTION Tables aligned_tables(Tables all) {
    align(all.events, all.items);
    align(all.events, all.users);
    all.items.describe("items");
    all.users.describe("users");
    return all;
}
}  // namespace detail

DEEPREC_FUNCTION Tables read_recbole_tables(const std::filesystem::path& inter, const RecboleColumns& names) {
    using Type = AtomicReader::Type;
    return detail::within_memory(inter, [&] {
        Tables all;
        EventTable& events = all.events;
        AtomicReader in{inter, names.encoding};
        const auto user = in.column(names.user, Type::token), item = in.column(names.item, Type::token);
        const auto time = names.timestamp == RecboleColumns{}.timestamp
                              ? in.find_column(names.timestamp, Type::floating)
                              : std::optional(in.column(names.timestamp, Type::floating));
        auto columns = detail::atomic_columns(in, {names.user, names.item, names.timestamp});
        detail::TimeColumn seconds_of{names.time_unit};
        while (in.next()) {
            events.user.push_back(detail::recbole_id(in, in[user], events.users));
            events.item.push_back(detail::recbole_id(in, in[item], events.items));
            if (time) events.time.push_back(seconds_of(in.text(), in[*time]));
            detail::add_atomic_row(in, columns);
        }
        if (events.size() == 0)
            in.text().fail<DataError>(in.text().whole(), "expected rows of interactions, received none");
        seconds_of.check(events.time.own());
        events.columns = detail::only_columns(std::move(columns));
        const auto beside = [&](const char* extension) {
            return std::filesystem::path(inter).replace_extension(extension);
        };
        detail::read_atomic_table(all.items, beside(".item"), names.item, names.encoding);
        detail::read_atomic_table(all.users, beside(".user"), names.user, names.encoding);
        all = detail::aligned_tables(std::move(all));
        events.report.source = inter.string();
        events.report.read = events.size();
        events.describe(time ? seconds_of.unit() : "");
        return all;
    });
}

DEEPREC_FUNCTION UserTable read_movielens_users(const std::filesystem::path& file) {
    const bool numbered = file.extension() == ".dat";  // id::gender::age::occupation::zip, else id|age|gender|...
    UserTable users{{Column{"age", ColumnKind::number}, Column{"gender", ColumnKind::category},
                     Column{"occupation", ColumnKind::category}, Column{"zip", ColumnKind::category}}};
    TextReader in{file, Encoding::utf8_or_latin1};
    while (in.next()) {
        const std::vector<Field>& field = in.split(numbered ? "::" : "|", 5);
        const std::string_view key = detail::movielens_key(in, field[0]);
        if (users.keys.find(key)) in.fail<DataError>(field[0], "user ", key, " is listed twice");
        const auto text = [](const Field& f) { return f.text.empty() ? Cell{} : Cell{std::string(f.text)}; };
        users.add(key, {in.number<double>(field[numbered ? 2 : 1]), text(field[numbered ? 1 : 2]), text(field[3]),
                        text(field[4])});
    }
    users.report.source = file.string();
    users.report.read = users.size();
    users.describe("users");
    return users;
}

DEEPREC_FUNCTION Tables read_dataset_tables(const std::filesystem::path& path) {
    const auto [format, directory] = detail::format_of(path);
    if (format == detail::DatasetFormat::recbole) return read_recbole_tables(path);
    const Dataset data = read_dataset(path);
    Tables all{EventTable(data.interactions), ItemTable(data), {}};
    for (const char* const name : {"u.user", "users.dat"}) {
        std::error_code ignored;
        const bool own = format == (std::string_view(name) == "u.user" ? detail::DatasetFormat::movielens_100k
                                                                       : detail::DatasetFormat::movielens_1m);
        if (own && std::filesystem::exists(directory / name, ignored))
            all.users = read_movielens_users(directory / name);
    }
    all = detail::aligned_tables(std::move(all));
    all.events.report.source = all.items.report.source = path.string();
    all.events.report.read = all.events.size();
    all.items.report.read = all.items.size();
    all.events.describe();
    return all;
}
#endif

DEEPREC_END
