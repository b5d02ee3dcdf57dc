#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <deeprec/core/utf8.hpp>

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
std::string number_text(float x) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(x));
    return text;
}
std::vector<std::string> texts(const Column& column, Index row) {
    if (column.missing(row)) return {};
    switch (column.kind()) {
        case ColumnKind::category:
        case ColumnKind::text: return {std::string(column.text(row))};
        case ColumnKind::number: return {number_text(column.number(row))};
        case ColumnKind::categories: {
            std::vector<std::string> all;
            for (const std::int32_t id : column.ids(row)) all.push_back(column.values().key(id));
            return all;
        }
        case ColumnKind::vector: break;
    }
    return {};
}
// Columns of a terminal, near enough: characters but those that combine with the one before; wide ones take two.
std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xc0) == 0x80 || byte == 0xcc) continue;
        width += byte >= 0xf0 || (byte >= 0xe3 && byte <= 0xed) ? 2 : 1;
    }
    return width;
}
}  // namespace

Prepared read_prepared(const std::filesystem::path& path) {
    Prepared p;
    try {
        p.tables = load_tables(path);
    } catch (const FormatError& error) {
        throw FormatError(error.what() + std::string("; expected a file that deeprec prepare wrote"));
    }
    p.data.interactions = p.tables.events.interactions();
    p.data.items = Catalogue(p.data.interactions.items.size());
    p.data.description = path.string();
    const ItemTable& items = p.tables.items;
    const Column* title = find_column(items, {"title", "name", "label"}, {ColumnKind::text, ColumnKind::category});
    for (const Column& column : items.columns)
        if (!title && column.kind() == ColumnKind::text) title = &column;
    const Column* year = find_column(items, {"year", "release_year"}, {ColumnKind::number});
    if (title) p.title = title->name();
    for (Index row = 0; row < items.size(); ++row) {
        Item& item = p.data.items[static_cast<std::int32_t>(row + 1)];
        if (title) item = split_year(title->text(row));
        if (year && !year->missing(row)) item.year = static_cast<std::int32_t>(year->number(row));
        for (const Column& column : items.columns)
            if (column.kind() == ColumnKind::categories || (column.kind() == ColumnKind::category && &column != title))
                for (const std::string& value : texts(column, row)) item.genres.push_back(value);
    }
    return p;
}

void set_columns(AnyRecommender& shop, const Prepared& prepared) {
    const ItemTable& items = prepared.tables.items;
    const auto set = [&](const std::string& name, const Column& column) {
        std::map<std::string, std::vector<std::string>> values;
        for (Index row = 0; row < items.size(); ++row)
            values[items.keys.key(static_cast<std::int32_t>(row + 1))] = texts(column, row);
        shop.set_column(name, values);
    };
    for (const Column& column : items.columns)
        if (column.kind() != ColumnKind::vector) set(column.name() == prepared.title ? "title" : column.name(), column);
}

Split split_by(const Dataset& data, std::string_view how) {
    if (how == "time")
        return TimeSplit(data.interactions, time_quantile(data.interactions, 0.8),
                         time_quantile(data.interactions, 0.9));
    if (how == "last") return LeaveOneOut(Sequences(data.interactions));
    if (how != "none") throw ArgumentError(message("expected the split last, time or none, received ", how));
    return Split(Sequences(data.interactions), [](std::int32_t, std::size_t n) { return SplitCut{n, n}; });
}

std::string label(const AnyRecommender& shop, std::string_view key) {
    const auto names = shop.column_names();
    if (std::find(names.begin(), names.end(), "title") == names.end()) return std::string(key);
    const auto& titles = shop.values("title", key);
    return titles.empty() ? std::string(key) : titles.front();
}

std::optional<ItemSet> filter_by(const AnyRecommender& shop,
                                 const std::vector<std::pair<std::string, std::string>>& filters) {
    std::map<std::string, ItemSet> by_column;
    for (const auto& [column, value] : filters) {
        const ItemSet chosen = shop.where(column, value);
        const auto [at, is_new] = by_column.emplace(column, chosen);
        if (!is_new) at->second = at->second | chosen;
    }
    std::optional<ItemSet> all;
    for (const auto& [column, chosen] : by_column) all = all ? *all & chosen : chosen;
    return all;
}

void Table::print(std::FILE* stream) const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    if (is_terminal(stream))
        for (const auto& row : rows_)
            for (std::size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            line += row[c];
            if (c + 1 == row.size()) break;
            if (is_terminal(stream))
                line.append(widths[c] + 2 - width_of(row[c]), ' ');
            else
                line += '\t';
        }
        std::fprintf(stream, "%s\n", line.c_str());
    }
}

std::string fixed(double x, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, x);
    return text;
}

}  // namespace program
