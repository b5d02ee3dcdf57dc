/// Lists of recommendations in a file that spreadsheets and databases read.
#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/data/vocabulary.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/ranking/top_k.hpp>

DEEPREC_BEGIN

/// Of HitsFile: `{.users = &log.users, .items = &log.items}`.
struct HitsFileOptions {
    char separator = ',';  ///< '\t' for a TSV
    /// Whose keys stand for the ids; null = the ids themselves.
    const Vocabulary *users = nullptr, *items = nullptr;
};

/// A sink of `recommend_all`: a row for each hit, `user,rank,item,score`, ranks from 1, below a row of these names.
/// Scores are written so that they are read to the same bits; keys with a separator, a quote or a line's end in them
/// are quoted as in RFC 4180. The file is there, whole, once `commit` was called (FileReplacement).
class HitsFile {
public:
    /// `queries` are those of `recommend_all` and must outlive it. Throws FileError where no file can be made,
    /// ArgumentError for a separator that stands in numbers, names or quotes.
    HitsFile(const std::filesystem::path& path, std::span<const Query> queries, HitsFileOptions options = {})
        : file_(path), queries_(queries), options_(options) {
        const char c = options.separator;
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            std::string_view("\"+-.\r\n").find(c) != std::string_view::npos)
            throw ArgumentError(
                message("HitsFile: expected a separator such as ',' or a tab, received '", options.separator, "'"));
        row("user", "rank", "item", "score");
    }
    /// Throws DataError for a query that there is not and ids without a key, FileError when the disk is full.
    void operator()(std::size_t query, const std::vector<Hit<float>>& hits) {
        if (query >= queries_.size())
            throw DataError(
                message("HitsFile: expected one of ", queries_.size(), " queries, received number ", query));
        const std::string user = text(options_.users, queries_[query].user);
        for (std::size_t i = 0; i < hits.size(); ++i)
            row(user, std::to_string(i + 1), text(options_.items, hits[i].item), shortest(hits[i].score));
        if (rows_.size() > 65536) write();
    }
    /// Puts the file in its place. Throws FileError.
    void commit() {
        write();
        file_.commit();
    }

private:
    void row(std::string_view user, std::string_view rank, std::string_view item, std::string_view score) {
        for (const std::string_view cell : {user, rank, item}) (rows_ += cell) += options_.separator;
        (rows_ += score) += '\n';
    }
    void write() {
        file_.write(rows_);
        rows_.clear();
    }
    std::string text(const Vocabulary* keys, std::int32_t id) const {
        if (!keys) return std::to_string(id);
        if (id < 1 || id > keys->size())
            throw DataError(message("HitsFile: expected ids from 1 to ", keys->size(), ", received ", id));
        const std::string& key = keys->key(id);
        if (key.find_first_of(std::string("\"\r\n") + options_.separator) == std::string::npos) return key;
        std::string quoted = "\"";
        for (const char c : key) quoted += c == '"' ? "\"\"" : std::string(1, c);
        return quoted + "\"";
    }
    static std::string shortest(float score) {
        char digits[32];
        return {digits, std::to_chars(digits, digits + sizeof digits, score).ptr};
    }

    FileReplacement file_;
    std::span<const Query> queries_;
    HitsFileOptions options_;
    std::string rows_;  // not yet written
};

DEEPREC_END
