#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#include <CLI/CLI.hpp>

#include "../support/text.hpp"

namespace program {

namespace {
const Column* find_column(const KeyedTable& table, std::initializer_list<std::string_view> names,
                          std::initializer_list<ColumnKind> kinds) {
    for (const std::string_view name : names)
        for (const Column& column : table.columns)
            if (column.name() == name && std::find(kinds.begin(), kinds.end(), column.kind()) != kinds.end())
                return &column;
    return nullptr;
}
// The lines of one of a bundle's texts; none where it has no such text.
std::vector<std::string> lines_of(const AnyRecommender& shop, const std::string& name) {
    std::vector<std::string> lines;
    const auto text = shop.about.find(name);
    if (text == shop.about.end()) return lines;
    for (std::size_t begin = 0, end; (end = text->second.find('\n', begin)) != std::string::npos; begin = end + 1)
        lines.push_back(text->second.substr(begin, end - begin));
    return lines;
}
// What an item tower learns of new items: as `read_prepared` makes a catalogue of the columns.
Catalogue catalogue_of(const AnyRecommender& shop, const std::vector<std::string>& keys, const ItemTexts& texts) {
    const std::vector<std::string> genres = lines_of(shop, "genres");
    Catalogue items;
    for (const std::string& key : keys) {
        const auto values = [&](const std::string& column) -> std::vector<std::string> {
            const auto own = texts.find(column);
            if (own == texts.end()) return {};
            const auto given = own->second.find(key);
            return given == own->second.end() ? std::vector<std::string>{} : given->second;
        };
        const auto title = values("title");
        Item item = split_year(title.empty() ? "" : title.front());
        for (const char* column : {"release_year", "year"})
            if (const auto year = values(column); !year.empty()) item.year = std::atoi(year.front().c_str());
        for (const std::string& column : genres)
            for (const std::string& value : values(column)) item.genres.push_back(value);
        items.add(std::move(item));
    }
    return items;
}
// What a model that knows items by their categories learns of new ones: none where it goes by keys alone.
std::vector<std::vector<std::int32_t>> attributes_of(const AnyRecommender& shop, const std::vector<std::string>& keys,
                                                     const ItemTexts& texts) {
    Vocabulary numbers;
    for (const std::string& line : lines_of(shop, "attributes")) numbers.add(line);
    if (numbers.size() == 0) return {};
    std::vector<std::vector<std::int32_t>> lists(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        for (const auto& [column, own] : texts)
            if (const auto given = own.find(keys[i]); given != own.end())
                for (const std::string& value : given->second)
                    if (const auto number = numbers.find(column + "=" + value)) lists[i].push_back(*number);
    return lists;
}
}  // namespace

void set_work(CLI::App* command, std::function<void()> work) {
    const auto path = std::make_shared<std::string>();
    command->add_option("--write-config", *path, "write these options as TOML, for --config, and do nothing else")
        ->configurable(false);
    command->callback([command, path, work = std::move(work)] {
        if (path->empty()) return work();
        std::ofstream file(*path);
        file << "[" << command->get_name() << "]\n";
        std::istringstream options(command->config_to_str(true, false));
        for (std::string line; std::getline(options, line);)
            if (!line.ends_with("=\"[]\"")) file << line << "\n";  // an empty list, which could not be read again
        if (!file.flush()) throw FileError("cannot write " + *path);
        std::printf("Written: %s. Next: deeprec %s --config %s\n", path->c_str(), command->get_name().c_str(),
                    path->c_str());
    });
}

Prepared read_prepared(const std::filesystem::path& path) {
    Prepared p;
    try {
        p.tables = load_tables(path);
    } catch (const FormatError& error) {
        throw FormatError(error.what() + std::string("; expected a file that deeprec prepare wrote"));
    }
    EventTable& events = p.tables.events;
    const auto as_events = [](const Vocabulary& keys, const KeyedTable& about) {
        bool same = about.size() == 0 || about.size() == keys.size();
        for (std::int32_t id = 1; same && id <= about.size(); ++id) same = about.keys.key(id) == keys.key(id);
        return same;
    };
    if (!as_events(events.items, p.tables.items)) align(events, p.tables.items);  // of another program's file
    if (!as_events(events.users, p.tables.users)) align(events, p.tables.users);
    p.data.interactions = events.interactions();
    p.data.items = Catalogue(p.data.interactions.items.size());
    p.data.description = path.string();
    const ItemTable& items = p.tables.items;
    const Column* title = find_column(items, {"title", "name", "label"}, {ColumnKind::text, ColumnKind::category});
    for (const Column& column : items.columns)
        if (!title && column.kind() == ColumnKind::text) title = &column;
    const Column* year = find_column(items, {"year", "release_year"}, {ColumnKind::number});
    if (title) p.title = title->name();
    std::vector<const Column*> genres;
    for (const Column& column : items.columns)
        if (column.kind() == ColumnKind::categories || (column.kind() == ColumnKind::category && &column != title))
            genres.push_back(&column), p.genres.push_back(column.name());
    for (Index row = 0; row < items.size(); ++row) {
        Item& item = p.data.items[static_cast<std::int32_t>(row + 1)];
        if (title) item = split_year(title->text(row));
        if (year && std::abs(year->number(row)) < 10000) item.year = static_cast<std::int32_t>(year->number(row));
        for (const Column* column : genres)
            for (const std::string& value : cell_texts(*column, row)) item.genres.push_back(value);
    }
    return p;
}

ServedFields log_fields(const Prepared& prepared, const Split& split) {
    const EventTable& events = prepared.tables.events;
    std::vector<Index> trains;
    std::vector<std::size_t> taken(static_cast<std::size_t>(events.users.size()) + 1, 0);
    for (const Index row : events.by_user_and_time())
        if (taken[static_cast<std::size_t>(events.user[row])]++ < split.train()[events.user[row]].size())
            trains.push_back(row);
    const auto features_of = [](const std::vector<Column>& columns) {
        std::vector<Feature> features;
        for (const Column& column : columns) {
            Feature feature{.name = column.name(), .field = column.name()};
            std::replace_if(
                feature.name.begin(), feature.name.end(),
                [](char c) { return static_cast<unsigned char>(c) <= ' ' || std::strchr(".,:;=", c); }, '_');
            if (column.kind() == ColumnKind::text) continue;
            if (column.kind() == ColumnKind::number) feature.kind = FeatureKind::number;
            if (column.kind() == ColumnKind::categories) feature.kind = FeatureKind::bag;
            if (column.kind() == ColumnKind::vector) feature.kind = FeatureKind::vector;
            features.push_back(feature);
        }
        return features;
    };
    std::vector<Feature> of_events = features_of(events.columns);
    if (!events.time.empty()) of_events.push_back({.name = "gap_before", .kind = FeatureKind::gap});
    FeatureSpec event_spec = FeatureSpec::fit(std::move(of_events), events.select(trains));
    std::vector<Feature> of_users = features_of(prepared.tables.users.columns);
    if (of_users.empty()) return {events, std::move(event_spec)};
    return {events, std::move(event_spec), prepared.tables.users,
            FeatureSpec::fit(std::move(of_users), prepared.tables.users)};
}

void add_fields(std::vector<Query>& queries, const Split& split, const ServedFields& fields,
                std::vector<FieldsOfSequence>& memory) {
    if (!fields) return;
    const SequenceFields all{split.all(), fields.events(), fields.users()};
    memory.clear();
    for (const Query& query : queries) memory.push_back(all.of(query));
    for (std::size_t i = 0; i < queries.size(); ++i) queries[i].fields = &memory[i];
}

ItemTexts item_texts(const Prepared& prepared) {
    const ItemTable& items = prepared.tables.items;
    ItemTexts all;
    for (const Column& column : items.columns) {
        if (column.kind() == ColumnKind::vector) continue;
        auto& values = all[column.name() == prepared.title ? "title" : column.name()];
        for (Index row = 0; row < items.size(); ++row)
            values[items.keys.key(static_cast<std::int32_t>(row + 1))] = cell_texts(column, row);
    }
    return all;
}

void set_columns(AnyRecommender& shop, const Prepared& prepared) {
    for (const auto& [name, values] : item_texts(prepared)) shop.set_column(name, values);
}

void add_items(AnyRecommender& shop, const std::vector<std::string>& fresh, const ItemTexts& texts) {
    if (!fresh.empty()) {
        if (shop.tokenizer)
            deeprec::add_items(shop, fresh, catalogue_of(shop, fresh, texts));
        else
            shop.add_items(fresh, attributes_of(shop, fresh, texts));
    }
    for (const auto& [name, own] : texts) {
        std::map<std::string, std::vector<std::string>> all;
        for (std::int32_t id = 1; id <= shop.items().size(); ++id) {
            const std::string& key = shop.items().key(id);
            const auto given = own.find(key);
            all[key] = given == own.end() ? shop.values(name, key) : given->second;
        }
        shop.set_column(name, all);
    }
}

Split split_by(const Dataset& data, std::string_view how) {
    if (how == "time")
        return TimeSplit(data.interactions, time_quantile(data.interactions, 0.8),
                         time_quantile(data.interactions, 0.9));
    if (how == "last") return LeaveOneOut(Sequences(data.interactions));
    if (how != "none") throw ArgumentError(message("expected the split last, time or none, received ", how));
    return Split(Sequences(data.interactions), [](std::int32_t, std::size_t n) { return SplitCut{n, n}; });
}

Split split_of(const AnyRecommender& shop, const std::string& path, const Prepared& prepared) {
    const auto how = shop.about.find("split");
    if (how == shop.about.end() || how->second == "none")
        throw DataError(path +
                        ": it was trained on all events, there is nothing to test with; train with --split last");
    const Vocabulary& items = prepared.data.interactions.items;
    for (std::int32_t i = 1; i <= std::max(items.size(), shop.items().size()); ++i)
        if (i > items.size() || i > shop.items().size() || shop.items().key(i) != items.key(i))
            throw DataError(message(path, ": its items are not those of ", prepared.data.description,
                                    "; evaluate with the data that it was trained on"));
    return split_by(prepared.data, how->second);
}

std::string label(const AnyRecommender& shop, std::string_view key) {
    const auto names = shop.column_names();
    if (std::find(names.begin(), names.end(), "title") == names.end()) return std::string(key);
    const auto& titles = shop.values("title", key);
    return titles.empty() ? std::string(key) : titles.front();
}

namespace {
// "5..20", "5.." and "..20".
std::optional<std::pair<double, double>> range_of(const std::string& text) {
    const std::size_t dots = text.find("..");
    if (dots == std::string::npos || text == "..") return std::nullopt;
    const auto number = [](const std::string& digits, double otherwise) {
        if (digits.empty()) return otherwise;
        char* end = nullptr;
        const double value = std::strtod(digits.c_str(), &end);
        return *end == '\0' ? value : std::numeric_limits<double>::quiet_NaN();
    };
    constexpr double infinite = std::numeric_limits<double>::infinity();
    const std::pair range{number(text.substr(0, dots), -infinite), number(text.substr(dots + 2), infinite)};
    return range.first <= range.second ? std::optional(range) : std::nullopt;
}
}  // namespace

std::optional<ItemSet> filter_by(const AnyRecommender& shop,
                                 const std::vector<std::pair<std::string, std::string>>& filters) {
    std::map<std::string, ItemSet> by_column;
    for (const auto& [column, value] : filters) {
        const auto numbers = range_of(value);
        const ItemSet exact = shop.where(column, value);
        const ItemSet chosen =
            numbers && exact.count() == 0 ? shop.where(column, numbers->first, numbers->second) : exact;
        const auto [at, is_new] = by_column.emplace(column, chosen);
        if (!is_new) at->second = at->second | chosen;
    }
    std::optional<ItemSet> all;
    for (const auto& [column, chosen] : by_column) all = all ? *all & chosen : chosen;
    return all;
}

std::vector<Query> some_of(std::vector<Query> queries, Index most) {
    if (most <= 0 || std::ssize(queries) <= most) return queries;
    std::vector<Query> some;
    for (Index i = 0; i < most; ++i) some.push_back(queries[static_cast<std::size_t>(i * std::ssize(queries) / most)]);
    return some;
}

void Table::print(std::FILE* stream) const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    if (is_terminal(stream))
        for (const auto& row : rows_)
            for (std::size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], text::width(row[c]));
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            line += row[c];
            if (c + 1 == row.size()) break;
            if (is_terminal(stream))
                line.append(widths[c] + 2 - text::width(row[c]), ' ');
            else
                line += '\t';
        }
        std::fprintf(stream, "%s\n", line.c_str());
    }
}

std::string csv(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string fixed(double x, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, x);
    return text;
}

}  // namespace program
