// `deeprec prepare`: tables of text become one file that trains at once.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include "program.hpp"

namespace program {

namespace {

struct Options {
    std::string log, items, users, out = "data.deeprec";
    std::string user, item, time, type, rating, separator, encoding = "utf8", time_unit = "guessed";
    std::vector<std::string> types, columns, missing, item_columns, user_columns;
    std::string item_key, user_key;
    double min_rating = 0;
    Index min_user_events = 0, min_item_events = 0;
    bool no_header = false, skip_bad_rows = false, once = false;
};

// "userId", "user_id" and RecBole's "user_id:token" are one name.
std::string plain(std::string_view name) {
    std::string text;
    for (const char c : name.substr(0, name.find(':')))
        if (std::isalnum(static_cast<unsigned char>(c)))
            text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}
const std::set<std::string, std::less<>> user_names{
    "user",   "userid",   "uid",    "customer", "customerid", "visitor",    "visitorid", "member",    "memberid",
    "client", "clientid", "person", "account",  "accountid",  "reviewerid", "session",   "sessionid", "listener",
    "viewer", "reader",   "buyer",  "shopper",  "borrower",   "player",     "student",   "guest"};
const std::set<std::string, std::less<>> item_names{
    "item",       "itemid",  "itemsku", "skuid",     "productsku", "iid",    "sku",     "product", "productid",
    "movie",      "movieid", "article", "articleid", "book",       "bookid", "isbn",    "song",    "songid",
    "track",      "trackid", "artist",  "artistid",  "asin",       "video",  "videoid", "game",    "gameid",
    "parentasin", "episode", "podcast", "film",      "recipe",     "course", "venue",   "id"};
const std::set<std::string, std::less<>> time_names{"time",      "timestamp", "ts",       "date", "datetime",
                                                    "createdat", "eventtime", "unixtime", "when"};

// "played_at", "orderDate": what ends in a word for a time.
bool says_time(const std::string& name) {
    for (const std::string_view end : {"_at", "_time", "_date", " at", " time", " date", "At", "Time", "Date"})
        if (name.size() > end.size() && name.ends_with(end)) return true;
    return false;
}

// The first rows of a file, to see how it is written.
struct Glance {
    CsvFormat format;
    std::vector<std::string> names;              // of columns
    std::vector<std::vector<std::string>> rows;  // at most 1000
};
bool is_number(std::string_view text) {
    if (text.empty()) return false;
    const std::string copy(text);
    char* end = nullptr;
    std::strtod(copy.c_str(), &end);
    return *end == 0;
}
char separator_of(const std::string& given, const std::string& first_line) {
    if (given == "tab" || given == "\\t") return '\t';
    if (given.size() == 1) return given[0];
    if (!given.empty()) throw ArgumentError(message("--separator: expected one character or tab, received ", given));
    char best = ',';
    for (const char c : {'\t', ';', '|'})
        if (std::count(first_line.begin(), first_line.end(), c) >
            std::count(first_line.begin(), first_line.end(), best))
            best = c;
    return best;
}
Glance look_at(const std::string& path, const Options& o) {
    static const std::map<std::string, Encoding> encodings{{"utf8", Encoding::utf8},
                                                           {"utf8_or_latin1", Encoding::utf8_or_latin1},
                                                           {"latin1", Encoding::latin1},
                                                           {"windows1252", Encoding::windows1252}};
    std::string first_line;
    std::getline(std::ifstream(path, std::ios::binary), first_line);
    Glance g;
    g.format.separator = separator_of(o.separator, first_line);
    g.format.encoding = encodings.at(o.encoding);
    g.format.header = false;
    {
        CsvReader in(path, g.format);
        if (!in.next()) throw FormatError(path + ": expected rows, received an empty file");
        bool any_number = false;
        for (std::size_t c = 0; c < in.columns(); ++c) {
            g.names.emplace_back(in[c].text);
            any_number = any_number || is_number(in[c].text);
        }
        g.format.header = !o.no_header && !any_number;
    }
    if (!g.format.header)
        for (std::size_t c = 0; c < g.names.size(); ++c) g.names[c] = std::to_string(c + 1);
    CsvReader in(path, g.format);
    try {
        while (g.rows.size() < 1000 && in.next()) {
            g.rows.emplace_back();
            for (std::size_t c = 0; c < g.names.size(); ++c) g.rows.back().emplace_back(in[c].text);
        }
    } catch (const FormatError&) {  // whoever reads all of it says what is wrong, and where
    }
    return g;
}
std::string list_of(const Glance& g) {
    std::string list;
    for (const std::string& name : g.names) list += (list.empty() ? "" : ", ") + name;
    return list;
}
ColumnName column_name(const Glance& g, const std::string& name) {
    return g.format.header ? ColumnName(name) : ColumnName(std::atoi(name.c_str()));
}
// The column that the option names, or the one whose name says it; empty = none.
std::string find_column(const Glance& g, const std::string& given, const std::set<std::string, std::less<>>& names,
                        std::size_t place) {
    if (!given.empty()) return given;
    if (!g.format.header) return place < g.names.size() ? g.names[place] : std::string();
    for (const std::string& name : g.names)
        if (names.count(plain(name))) return name;
    return {};
}
std::string need_column(const std::string& path, const Glance& g, const char* what, const char* option,
                        const std::string& found) {
    if (!found.empty()) return found;
    throw ArgumentError(
        message(path, ": which of the columns ", list_of(g), " says ", what, "? Say it by ", option, " NAME"));
}
// By name; without a header the first column that looks like seconds since 1970.
std::string find_time(const Glance& g, const std::string& given) {
    if (!given.empty() || g.format.header) {
        const std::string found = find_column(g, given, time_names, 0);
        const auto said = std::find_if(g.names.begin(), g.names.end(), says_time);
        return found.empty() && said != g.names.end() ? *said : found;
    }
    for (std::size_t c = 2; c < g.names.size(); ++c)
        if (!g.rows.empty() && is_number(g.rows[0][c]) && std::atof(g.rows[0][c].c_str()) > 6e8) return g.names[c];
    return {};
}
ColumnKind guess_kind(const Glance& g, std::size_t c) {
    const std::string name = plain(g.names[c]);
    if (name == "title" || name == "name" || name == "description") return ColumnKind::text;
    bool all_numbers = true, lists = false;
    std::size_t filled = 0, length = 0;
    std::set<std::string> different;
    for (const auto& row : g.rows) {
        if (row[c].empty()) continue;
        ++filled;
        length += row[c].size();
        all_numbers = all_numbers && is_number(row[c]);
        lists = lists || row[c].find('|') != std::string::npos;
        different.insert(row[c]);
    }
    if (filled > 0 && all_numbers) return ColumnKind::number;
    if (lists) return ColumnKind::categories;
    return 2 * different.size() > filled && length > 15 * filled ? ColumnKind::text : ColumnKind::category;
}
// "price:number", or "brand" with a kind by its values.
ColumnOptions column_options(const Glance& g, const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const std::string name = text.substr(0, colon);
    ColumnOptions options{column_name(g, name)};
    const auto at = std::find(g.names.begin(), g.names.end(), name);
    if (colon == std::string::npos) {
        if (at != g.names.end()) options.kind = guess_kind(g, static_cast<std::size_t>(at - g.names.begin()));
        return options;
    }
    const auto kind = std::find(column_kind_names.begin(), column_kind_names.end(), text.substr(colon + 1));
    if (kind == column_kind_names.end())
        throw ArgumentError(
            message("expected a column as in price:number, with one of the kinds category, number, text, "
                    "categories, vector; received ",
                    text));
    options.kind = static_cast<ColumnKind>(kind - column_kind_names.begin());
    return options;
}
// What is shown of a large file while it is read; a small one is done at once.
std::function<void(Index, Index)> bytes_of(const std::string& path) {
    std::error_code unknown;
    if (!is_terminal(stderr) || std::filesystem::file_size(path, unknown) < (1 << 24) || unknown) return {};
    return [progress = std::make_shared<Progress>(path + ", bytes")](Index done, Index of) { (*progress)(done, of); };
}
// The key of items and users: as given, as the log calls it, or as names say it.
KeyColumns key_columns(const std::string& path, const Glance& g, const Options& o, const char* option,
                       std::string given, const std::string& of_log, const std::set<std::string, std::less<>>& names,
                       const std::vector<std::string>& wanted) {
    if (given.empty() && g.format.header && std::find(g.names.begin(), g.names.end(), of_log) != g.names.end())
        given = of_log;
    const std::string key = need_column(path, g, "whose row it is", option, find_column(g, given, names, 0));
    KeyColumns columns{.key = column_name(g, key),
                       .missing = o.missing,
                       .bad_rows = o.skip_bad_rows ? BadRows::skip : BadRows::error,
                       .format = g.format};
    for (const std::string& one : wanted) columns.columns.push_back(column_options(g, one));
    if (wanted.empty())
        for (std::size_t c = 0; c < g.names.size(); ++c)
            if (g.names[c] != key && !g.names[c].empty())
                columns.columns.push_back({column_name(g, g.names[c]), guess_kind(g, c)});
    std::fprintf(stderr, "%s: key = %s\n", path.c_str(), key.c_str());
    columns.progress = bytes_of(path);
    return columns;
}
EventColumns event_columns(const Glance& g, const Options& o) {
    static const std::map<std::string, TimeUnit> units{
        {"guessed", TimeUnit::guessed},           {"seconds", TimeUnit::seconds},
        {"milliseconds", TimeUnit::milliseconds}, {"microseconds", TimeUnit::microseconds},
        {"iso8601", TimeUnit::iso8601},           {"relative", TimeUnit::relative}};
    const std::string user = need_column(o.log, g, "who it was", "--user", find_column(g, o.user, user_names, 0));
    const std::string item = need_column(o.log, g, "what it was", "--item", find_column(g, o.item, item_names, 1));
    const std::string time = find_time(g, o.time);
    EventColumns columns{.user = column_name(g, user),
                         .item = column_name(g, item),
                         .missing = o.missing,
                         .bad_rows = o.skip_bad_rows ? BadRows::skip : BadRows::error,
                         .duplicates = o.once ? Duplicates::once : Duplicates::keep,
                         .min_user_events = o.min_user_events,
                         .min_item_events = o.min_item_events,
                         .format = g.format};
    columns.time_unit = units.at(o.time_unit);
    if (!time.empty()) columns.time = column_name(g, time);
    if (!o.type.empty()) columns.type = column_name(g, o.type);
    for (const std::string& type : o.types) columns.types.push_back({type});
    if (!o.types.empty() && o.type.empty()) throw ArgumentError("--types needs --type, the column of the event's type");
    if (!o.rating.empty()) {
        columns.rating = column_name(g, o.rating);
        columns.min_rating = static_cast<float>(o.min_rating);
    }
    for (const std::string& one : o.columns) columns.columns.push_back(column_options(g, one));
    std::set<std::string> used{user, item, time, o.type, o.rating};
    for (const std::string& one : o.columns) used.insert(one.substr(0, one.rfind(':')));
    std::string others;  // a type of events that nobody names would be passed over in silence
    for (const std::string& name : g.names)
        if (!name.empty() && !used.contains(name)) others += (others.empty() ? "" : ", ") + name;
    std::fprintf(stderr, "%s: user = %s, item = %s, time = %s%s%s%s\n", o.log.c_str(), user.c_str(), item.c_str(),
                 time.empty() ? "(the order of the rows)" : time.c_str(), others.empty() ? "" : "; not read: ",
                 others.c_str(), others.empty() ? "" : " (--type, --rating and --columns read more)");
    columns.progress = bytes_of(o.log);
    return columns;
}

Tables read_all(const Options& o) {
    Tables tables;
    const EventColumns log = event_columns(look_at(o.log, o), o);
    tables.events = read_events(o.log, log);
    std::cout << tables.events.report;
    if (!o.items.empty()) {
        const auto columns = key_columns(o.items, look_at(o.items, o), o, "--item-key", o.item_key, log.item.text(),
                                         item_names, o.item_columns);
        tables.items = read_items(o.items, columns);
        std::cout << tables.items.report;
        align(tables.events, tables.items);
    }
    if (!o.users.empty()) {
        const auto columns = key_columns(o.users, look_at(o.users, o), o, "--user-key", o.user_key, log.user.text(),
                                         user_names, o.user_columns);
        tables.users = read_users(o.users, columns);
        std::cout << tables.users.report;
        align(tables.events, tables.users);
    }
    std::cout.flush();
    return tables;
}
void prepare(const Options& o) {
    Tables tables;
    try {
        tables = read_all(o);
    } catch (const DataError& error) {  // the library names its option, the program its own
        std::string what = error.what();
        const std::string option = "bad_rows = BadRows::skip passes over such rows";
        const std::size_t at = what.find(option);
        if (at == what.npos) throw;
        throw DataError(what.replace(at, option.size(), "--skip-bad-rows passes over such rows and counts them"));
    }
    save(tables, o.out);
    std::printf("Written: %s (%.1f MB). Next: deeprec train %s -o shop.deeprec, or of new events: deeprec grow "
                "shop.deeprec %s\n",
                o.out.c_str(), static_cast<double>(std::filesystem::file_size(o.out)) / 1e6, o.out.c_str(),
                o.out.c_str());
}

}  // namespace

void add_prepare(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* const c =
        app.add_subcommand("prepare", "read a log of events, and what is known of items and users, into one file");
    c->add_option("LOG", o->log, "a table of events: who, what and when, with a separator that is guessed")->required();
    c->add_option("-o,--out", o->out, "the file to write");
    c->add_option("--items", o->items, "a table of items, such as their titles and genres");
    c->add_option("--users", o->users, "a table of users");
    c->add_option(
        "--user", o->user,
        "column of the user; by default guessed from the names. Columns of files without a header are 1, 2, ...");
    c->add_option("--item", o->item, "column of the item");
    c->add_option("--time", o->time, "column of the time; without one the order of the rows is the order in time");
    c->add_option("--time-unit", o->time_unit, "of that column")
        ->check(CLI::IsMember({"guessed", "seconds", "milliseconds", "microseconds", "iso8601", "relative"}));
    c->add_option("--type", o->type, "column of the event's type, such as view or buy");
    c->add_option("--types", o->types, "types that are kept; default: all")->delimiter(',');
    c->add_option("--rating", o->rating, "column of a rating");
    c->add_option("--min-rating", o->min_rating, "events with a lower one are not kept");
    c->add_option("--columns", o->columns, "further columns of events, as in price:number,device")->delimiter(',');
    c->add_option("--item-key", o->item_key, "column of the key in --items");
    c->add_option("--item-columns", o->item_columns,
                  "columns of items, as in title:text,genres:categories; default: all, with kinds by their values")
        ->delimiter(',');
    c->add_option("--user-key", o->user_key, "column of the key in --users");
    c->add_option("--user-columns", o->user_columns, "columns of users; default: all")->delimiter(',');
    c->add_option("--min-user-events", o->min_user_events, "users with fewer events are left out");
    c->add_option("--min-item-events", o->min_item_events, "items with fewer events are left out");
    c->add_option("--missing", o->missing, "texts that stand for an empty field, such as NULL")->delimiter(',');
    c->add_option("--separator", o->separator, "one character, or tab");
    c->add_option("--encoding", o->encoding, "of the files")
        ->check(CLI::IsMember({"utf8", "utf8_or_latin1", "latin1", "windows1252"}));
    c->add_flag("--no-header", o->no_header,
                "the first line is a row; found out by itself where a field of it is a number");
    c->add_flag("--skip-bad-rows", o->skip_bad_rows, "rows that cannot be read are counted instead of being an error");
    c->add_flag("--once", o->once, "of events that are equal in all columns the first is kept");
    c->footer("Example:\n  deeprec prepare events.csv --items items.csv --type event --types view,buy -o data.deeprec");
    set_work(c, [o] { prepare(*o); });
}

}  // namespace program
