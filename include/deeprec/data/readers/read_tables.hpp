/// Any log of events, and any list of items or users, as tables.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <deeprec/data/readers/csv.hpp>
#include <deeprec/data/readers/table_rows.hpp>

DEEPREC_BEGIN

/// One file or several of the same columns: `"events.csv"`, `{"monday.csv", "tuesday.csv"}`.
class Files {
public:
    Files(const char* path) : paths_{path} {}
    Files(const std::string& path) : paths_{path} {}
    Files(const std::filesystem::path& path) : paths_{path} {}
    Files(std::initializer_list<std::filesystem::path> paths) : paths_(paths) {}
    Files(std::vector<std::filesystem::path> paths) : paths_(std::move(paths)) {}
    /// In the order in which they are read.
    const std::vector<std::filesystem::path>& paths() const { return paths_; }

private:
    std::vector<std::filesystem::path> paths_;
};

/// Reads events in the order of the files, one a row, in one pass: users, items and categories are numbered as they are
/// met by those rows that are kept, by keys that may be any text ("1", "01" and "1.0" are three). Memory goes by the
/// rows that are kept.
///
///     const EventTable events = read_events("events.csv", {.user = "user_id", .item = "sku", .time = "timestamp",
///                                                          .columns = {{"price", ColumnKind::number}},
///                                                          .bad_rows = BadRows::skip});
///     std::cout << events.report;
///
/// Times become whole seconds, rounded down. Throws FileError, FormatError and DataError for what cannot be read (see
/// BadRows), no row that is kept, most rows bad, an event type that no row has, or times whose median is not in the
/// years 1990 to 2100: with the place and the option that would read it; ArgumentError for options without meaning.
EventTable read_events(const Files& files, const EventColumns& columns = {});
/// Reads one item a row: its key and what is known of it.
/// Throws as `read_events`; a key that was there before makes a bad row.
ItemTable read_items(const Files& files, const KeyColumns& columns = {});
/// The same of users.
UserTable read_users(const Files& files, const KeyColumns& columns = {});

#if DEEPREC_BODIES
namespace detail {
/// Rows that say how far they are, about each megabyte.
class CountedRows : public CsvReader {
public:
    CountedRows(const std::filesystem::path& path, const CsvFormat& format,
                const std::function<void(Index, Index)>& progress)
        : CsvReader(path, format), progress_(progress) {
        std::error_code error;  // of a pipe, which has no size
        const auto size = std::filesystem::file_size(path, error);
        if (!progress_ || error) return;
        size_ = static_cast<Index>(size);
        progress_(0, size_);
    }
    bool next() {
        const bool more = CsvReader::next();
        if (size_ < 0) return more;
        read_ += more ? static_cast<Index>(text().whole().text.size()) + 1 : 0;
        if (more && read_ < size_ && read_ - told_ > 1 << 20) progress_(told_ = read_, size_);
        if (!more) progress_(size_, size_);
        return more;
    }

private:
    const std::function<void(Index, Index)>& progress_;
    Index size_ = -1, read_ = 0, told_ = 0;  // without a size nothing is told
};
template <class Filler, class Columns>
void fill_from(Filler& filler, const Files& files, const Columns& columns) {
    if (files.paths().empty())
        throw ArgumentError("read_events, read_items, read_users: expected a file, received none");
    for (const std::filesystem::path& path : files.paths())
        within_memory(path, [&] {
            CountedRows in{path, columns.format, columns.progress};
            filler.read(in, path.string());
        });
}
}  // namespace detail

DEEPREC_FUNCTION EventTable read_events(const Files& files, const EventColumns& columns) {
    detail::EventFiller filler(columns);
    detail::fill_from(filler, files, columns);
    return filler.finish();
}
DEEPREC_FUNCTION ItemTable read_items(const Files& files, const KeyColumns& columns) {
    ItemTable table;
    detail::KeyFiller filler(columns, table);
    detail::fill_from(filler, files, columns);
    filler.finish("items");
    return table;
}
DEEPREC_FUNCTION UserTable read_users(const Files& files, const KeyColumns& columns) {
    UserTable table;
    detail::KeyFiller filler(columns, table);
    detail::fill_from(filler, files, columns);
    filler.finish("users");
    return table;
}
#endif

DEEPREC_END
